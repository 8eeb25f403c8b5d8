import assert from "node:assert/strict";
import type { SessionDb, SessionInit } from "@sessiondb/core";
import { idsOf, run, session, sessionTypes, start } from "./data.ts";
import { expectedSessions, type Listed, type SessionConditions } from "./expected-lists.ts";
import type { ListOrder } from "./list-options.ts";

// Sessions for lists, and the expected lists of them.

const names = [null, "Trip to Rome", "the TRIP", "groceries"] as const;
const users = [null, "alice", "bob"] as const;
const statuses = ["COMPLETED", "PAUSED", "in review", "ERROR", "PAUSED"] as const;
const guests = [[], ["guest"], ["guest", "alice"]] as const;

/** 36 sessions created within four seconds, so that most share their time with others. */
const listed: readonly Listed[] = Array.from({ length: 36 }, (_, index) => {
  // Strides without a common factor, so that every filter meets sessions of every kind.
  const sessionId = `session ${String((index * 7) % 36).padStart(2, "0")}`;
  const sessionType = sessionTypes[index % 3] ?? "agent";
  const componentId = index % 4 === 3 ? null : index % 4 === 2 ? "shared" : `${sessionType}-1`;
  const component = { agentId: null, teamId: null, workflowId: null, [`${sessionType}Id`]: componentId };
  const participants = guests[(index + Math.floor(index / 9)) % 3] ?? [];
  return {
    sessionId,
    sessionType,
    ...component,
    userId: users[(index + Math.floor(index / 3)) % 3] ?? null,
    sessionName: names[Math.floor(index / 5) % 4] ?? null,
    createdAt: start + (index % 4),
    updatedAt: start + (index % 5),
    runs: participants.map((userId, which) =>
      run(`${userId} in ${sessionId}`, { userId, status: statuses[(index + which) % 5] ?? null }),
    ),
  };
});

export const listedSessions = { start, count: listed.length } as const;

function toSession({ sessionName, ...fields }: Listed): SessionInit {
  // A search must not find text that is only in the state.
  const sessionData = { session_state: { note: "trip" }, ...(sessionName !== null && { session_name: sessionName }) };
  return session(fields.sessionId, { ...fields, sessionData });
}

export async function storeListed(db: SessionDb): Promise<void> {
  await db.upsertSessions(listed.map(toSession));
}

/** Stores sessions while the list of the others is read: before, among and after them. */
export async function storeIntruders(db: SessionDb, round: number): Promise<void> {
  const intruders = [-1, 0, 1, 2, 9].flatMap((offset) =>
    ["a", "session 1", "z"].map((prefix) =>
      session(`${prefix} new ${round} ${offset}`, { createdAt: start + offset, updatedAt: start + offset }),
    ),
  );
  await db.upsertSessions(intruders);
}

/** Asserts that a list which was read during {@link storeIntruders} has every other session once. */
export function assertListedOnce(ids: readonly string[], order: ListOrder): void {
  assert.equal(new Set(ids).size, ids.length, "a session appears twice");
  const old = ids.filter((id) => !id.includes("new"));
  assert.deepStrictEqual(old, expectedIds({}, order), "an existing session is skipped");
}

/** Returns the ids that a list with these options shows on all its pages, in order. */
export function expectedIds(conditions: SessionConditions, order: ListOrder): string[] {
  return idsOf(expectedSessions(listed, conditions, order));
}

/** Returns the number of runs of that session. */
export function runCountOf(sessionId: string): number | undefined {
  return listed.find((each) => each.sessionId === sessionId)?.runs.length;
}
