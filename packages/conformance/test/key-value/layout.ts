import type { Entry } from "./key-value-service.ts";
import type { RunRow, SessionRow } from "@sessiondb/core/adapter";
import { foldName, isHistoryRun, parseSessionRow, sessionNameOf } from "@sessiondb/core/adapter";

// What the store keeps, and under which keys. Everything is derived from two records: a write is the difference between
// the entries of a record before and after it, so an index cannot be forgotten in one of the writes.

export type Counts = readonly (readonly [value: string, runs: number])[];

/** A session, with what lists ask about its runs. */
export interface StoredSession {
  readonly row: SessionRow<string>;
  /** Grows with every write to the session or to one of its runs, which so changes the version of the session's key. */
  readonly writes: number;
  /** Where the next run goes. */
  readonly nextPlace: number;
  readonly runCount: number;
  /** How many runs each user wrote. */
  readonly participants: Counts;
  /** How many runs have each status. */
  readonly statuses: Counts;
}

/** A run; its row has no `runIndex`, since deletes leave gaps between the places. */
export interface StoredRun {
  readonly row: RunRow<string>;
  readonly place: number;
}

/** What a run's id leads to. */
export interface RunLocator {
  readonly sessionId: string;
  readonly key: string;
}

export type Entries = ReadonlyMap<string, string>;

/** No id holds NUL, so it may stand between the parts of a key. */
export function keyOf(...parts: readonly string[]): string {
  return parts.join("\0");
}

/** All keys that begin with these parts and have more. */
export function prefixOf(...parts: readonly string[]): string {
  return `${keyOf(...parts)}\0`;
}

/** Numbers of any sign so that their text sorts like them. */
export function sortable(number: number): string {
  return (BigInt(number) + 2n ** 53n).toString().padStart(17, "0");
}

export const sessionKey = (sessionId: string): string => keyOf("session", sessionId);
export const locatorKey = (runId: string): string => keyOf("run", runId);

/** Runs that history uses stand apart from the others: the newest n of them are one range. */
const placeKey = ({ row, place }: StoredRun): string =>
  keyOf("place", row.sessionId, isHistoryRun(row) ? "history" : "other", sortable(place));

/** The last part of an entry's key. */
export function lastPart(key: string): string {
  return key.slice(key.lastIndexOf("\0") + 1);
}

export function entriesOfSession(session: StoredSession | null): Entries {
  if (session === null) {
    return new Map();
  }
  const { row, participants, statuses } = session;
  const { sessionId, createdAt, updatedAt } = row;
  const entries = new Map([
    [sessionKey(sessionId), JSON.stringify(session)],
    [keyOf("sessions", "createdAt", sortable(createdAt), sessionId), ""],
    [keyOf("sessions", "updatedAt", sortable(updatedAt ?? createdAt), sessionId), ""],
    [keyOf("sessions", "type", row.sessionType, sessionId), ""],
    [keyOf("sessions", "name", sessionId), foldName(sessionNameOf(readable(row)) ?? "")],
    [keyOf("sessions", "runCount", sessionId), String(session.runCount)],
  ]);
  const sets = {
    owner: [row.userId],
    agent: [row.agentId],
    team: [row.teamId],
    workflow: [row.workflowId],
    participant: participants.map(([userId]) => userId),
    status: statuses.map(([status]) => status),
  };
  for (const [index, values] of Object.entries(sets)) {
    for (const value of values) {
      if (value !== null) {
        entries.set(keyOf("sessions", index, value, sessionId), "");
      }
    }
  }
  return entries;
}

export function entriesOfRun(run: StoredRun | null): Entries {
  if (run === null) {
    return new Map();
  }
  const { row } = run;
  const { runId, sessionId, createdAt } = row;
  const locator: RunLocator = { sessionId, key: placeKey(run) };
  const entries = new Map([
    [locatorKey(runId), JSON.stringify(locator)],
    [placeKey(run), JSON.stringify(run)],
    [keyOf("runs", "createdAt", sortable(createdAt), runId), sessionId],
    [keyOf("runs", "order", sessionId, sortable(run.place), runId), sessionId],
    [keyOf("runs", "parent", row.parentRunId ?? "", runId), ""],
  ]);
  const sets = {
    participant: [row.userId],
    status: [row.status],
    component: [row.agentId, row.teamId, row.workflowId],
  };
  for (const [index, values] of Object.entries(sets)) {
    for (const value of values) {
      if (value !== null) {
        entries.set(keyOf("runs", index, value, runId), "");
      }
    }
  }
  return entries;
}

/** A session whose data cannot be read has no name, but it is still listed. */
function readable(row: SessionRow<string>): Parameters<typeof sessionNameOf>[0] {
  try {
    return parseSessionRow(row);
  } catch {
    return { sessionData: null };
  }
}

export function storedSession(entry: Entry | null | undefined): StoredSession | null {
  return valueOf(entry) as StoredSession | null;
}

export function storedRun(entry: Entry | null | undefined): StoredRun | null {
  return valueOf(entry) as StoredRun | null;
}

export function runLocator(entry: Entry | null | undefined): RunLocator | null {
  return valueOf(entry) as RunLocator | null;
}

function valueOf(entry: Entry | null | undefined): unknown {
  return entry === null || entry === undefined ? null : JSON.parse(entry.value);
}
