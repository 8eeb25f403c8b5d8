import assert from "node:assert/strict";
import type { SessionDb, SessionFilter, SessionInit, SessionType } from "@sessiondb/core";
import { compareBytes } from "./combinations.ts";
import { run, session, start } from "./data.ts";
import type { SessionListOptions } from "./list-options.ts";

// Sessions for lists, and the expected lists of them, worked out in plain JavaScript.

interface Facts {
  readonly sessionId: string;
  readonly sessionType: SessionType;
  readonly userId: string | null;
  readonly componentId: string | null;
  readonly name: string | null;
  readonly participants: readonly string[];
  /** The statuses of its runs, one for each participant. */
  readonly statuses: readonly string[];
  readonly createdAt: number;
  readonly updatedAt: number;
}

const types: readonly SessionType[] = ["agent", "team", "workflow"];
const users = [null, "alice", "bob"] as const;
const names = [null, "Trip to Rome", "the TRIP", "groceries"] as const;
const statuses = ["COMPLETED", "PAUSED", "in review", "ERROR", "PAUSED"] as const;
const guests = [[], ["guest"], ["guest", "alice"]] as const;

/** 36 sessions created within four seconds, so that most share their time with others. */
const facts: readonly Facts[] = Array.from({ length: 36 }, (_, index) => {
  // Strides without a common factor, so that every filter meets sessions of every kind.
  const sessionType = types[index % 3] ?? "agent";
  const participants = guests[(index + Math.floor(index / 9)) % 3] ?? [];
  return {
    sessionId: `session ${String((index * 7) % 36).padStart(2, "0")}`,
    sessionType,
    userId: users[(index + Math.floor(index / 3)) % 3] ?? null,
    componentId: index % 4 === 3 ? null : index % 4 === 2 ? "shared" : `${sessionType}-1`,
    name: names[Math.floor(index / 5) % 4] ?? null,
    participants,
    statuses: participants.map((_user, which) => statuses[(index + which) % 5] ?? "COMPLETED"),
    createdAt: start + (index % 4),
    updatedAt: start + (index % 5),
  };
});

export const listedSessions = { start, count: facts.length } as const;

function toSession({ name, participants, statuses: statusesOfRuns, componentId, ...rest }: Facts): SessionInit {
  const component = { agent: "agentId", team: "teamId", workflow: "workflowId" }[rest.sessionType];
  return session(rest.sessionId, {
    ...rest,
    agentId: null,
    [component]: componentId,
    // A search must not find text that is only in the state.
    sessionData: { session_state: { note: "trip" }, ...(name !== null && { session_name: name }) },
    runs: participants.map((userId, which) =>
      run(`${userId} in ${rest.sessionId}`, { userId, status: statusesOfRuns[which] ?? null }),
    ),
  });
}

export async function storeListed(db: SessionDb): Promise<void> {
  await db.upsertSessions(facts.map(toSession));
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
export function assertListedOnce(ids: readonly string[], order: SessionListOptions): void {
  assert.equal(new Set(ids).size, ids.length, "a session appears twice");
  const old = ids.filter((id) => !id.includes("new"));
  assert.deepStrictEqual(old, expectedIds({}, order), "an existing session is skipped");
}

/** Returns the ids that a list with these options shows on all its pages, in order. */
export function expectedIds(filter: SessionFilter & { userId?: string }, order: SessionListOptions): string[] {
  const { sortBy = "createdAt", sortOrder = "desc" } = order;
  const direction = sortOrder === "asc" ? 1 : -1;
  return facts
    .filter((each) => meets(each, filter))
    .toSorted((a, b) => direction * (a[sortBy] - b[sortBy] || compareBytes(a.sessionId, b.sessionId)))
    .map(({ sessionId }) => sessionId);
}

/** Returns the number of runs of that session. */
export function runCountOf(sessionId: string): number | undefined {
  return facts.find((each) => each.sessionId === sessionId)?.participants.length;
}

function meets(each: Facts, filter: SessionFilter & { userId?: string }): boolean {
  const { sessionType, userId, participantId, runStatus, componentId, sessionName, startTimestamp, endTimestamp } =
    filter;
  const wanted: readonly string[] = runStatus === undefined ? [] : [runStatus].flat();
  return (
    (sessionType === undefined || each.sessionType === sessionType) &&
    (userId === undefined || each.userId === userId) &&
    (participantId === undefined || each.participants.includes(participantId)) &&
    (runStatus === undefined || each.statuses.some((status) => wanted.includes(status))) &&
    (componentId === undefined || each.componentId === componentId) &&
    (sessionName === undefined || (each.name ?? "").toLowerCase().includes(sessionName.toLowerCase())) &&
    (startTimestamp === undefined || each.createdAt >= startTimestamp) &&
    (endTimestamp === undefined || each.createdAt <= endTimestamp)
  );
}
