import assert from "node:assert/strict";
import type { Run, Session, SessionDb, SessionHeader } from "@sessiondb/core";
import type { SessionFields } from "@sessiondb/core/adapter";

/** Far more than any case stores. It stops a store that returns the same page forever. */
const mostPages = 200;

export interface Dump {
  readonly sessions: readonly Record<string, unknown>[];
  /** Includes the runs that no session shows. */
  readonly runIds: readonly string[];
}

/** Returns everything in a store, as far as the contract shows it. */
export async function dump(db: SessionDb): Promise<Dump> {
  const runs = await walk(async (cursor) => {
    const page = await db.getRuns({ limit: 500, ...cursor });
    return { items: page.runs, nextCursor: page.nextCursor };
  });
  return { sessions: await dumpSessions(db), runIds: runs.map(({ runId }) => runId).toSorted() };
}

/** {@link dump} as the sessions show it: all that a store must show until its legacy runs are copied. */
export async function dumpSessions(db: SessionDb): Promise<Dump["sessions"]> {
  const sessions = await walk(async (cursor) => {
    const page = await db.getSessions({ includeRuns: true, limit: 500, sortOrder: "asc", ...cursor });
    return { items: page.sessions, nextCursor: page.nextCursor };
  });
  return sessions.map(plain).toSorted(bySessionId);
}

/** {@link dump} without the times that the clock decides. */
export async function dumpWithoutTimes(db: SessionDb): Promise<Dump> {
  const { sessions, runIds } = await dump(db);
  return { sessions: sessions.map((each) => ({ ...each, updatedAt: null })), runIds };
}

const columns = [
  ["sessionId", "sessionType", "agentId", "teamId", "workflowId", "userId", "createdAt", "updatedAt"],
  ["sessionData", "agentData", "teamData", "workflowData", "metadata", "summary", "runs"],
].flat();

/** Returns a session as plain data: what is stored, without methods and views. */
export function plain(session: Session | SessionHeader | SessionFields): Record<string, unknown> {
  return Object.fromEntries(columns.map((name) => [name, Reflect.get(session, name)]));
}

/** Returns all items of a list, read page by page. */
export async function walk<Item>(
  read: (cursor: { cursor?: string }) => Promise<{ items: readonly Item[]; nextCursor: string | null }>,
): Promise<Item[]> {
  const all: Item[] = [];
  let cursor: { cursor?: string } = {};
  for (let pages = 0; pages < mostPages; pages += 1) {
    const { items, nextCursor } = await read(cursor);
    all.push(...items);
    if (nextCursor === null) {
      return all;
    }
    cursor = { cursor: nextCursor };
  }
  assert.fail(`a list has no end: after ${mostPages} pages there is still a nextCursor`);
}

/** Returns the stored session, which must exist. */
export async function stored(db: SessionDb, sessionId: string): Promise<Session> {
  const session = await db.getSession({ sessionId });
  assert.ok(session !== null, `session ${JSON.stringify(sessionId)} is lost`);
  return session;
}

/** Returns the stored run, which must exist. */
export async function storedRun(db: SessionDb, runId: string): Promise<Run> {
  const run = await db.getRun({ runId });
  assert.ok(run !== null, `run ${JSON.stringify(runId)} is lost`);
  return run;
}

function bySessionId(a: Record<string, unknown>, b: Record<string, unknown>): number {
  return String(a["sessionId"]) < String(b["sessionId"]) ? -1 : 1;
}
