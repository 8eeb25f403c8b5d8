import type { Session, SessionDb } from "@sessiondb/core";
import { described, same } from "./compare.ts";
import { idsOf, runIdsOf, start } from "./data.ts";
import { plain, walk } from "./dump.ts";
import { expectedRuns, expectedSessions, type SessionConditions } from "./expected-lists.ts";
import { runIdPages, type IdPage, type ReadIds } from "./id-pages.ts";
import type { ListOrder, RunListOptions, SessionListOptions } from "./list-options.ts";

// Compares every list of a store with what plain JavaScript works out from its sessions, each read by its id. A store
// that keeps its own indexes can forget an update in any of them.

/** The values that the content of a case draws from, so that lists can ask for all of them. */
export const universe = {
  sessionIds: ["a", "b", "c", "d", "e", "f"],
  runIds: ["a1", "a2", "a3", "a4", "a5", "b1", "b2", "c1", "c2", "f1", "f2"],
  users: ["alice", "bob", "carol"],
  componentIds: ["one", "two"],
  names: ["trip", "gro"],
  statuses: ["COMPLETED", "PAUSED", "RUNNING", "ERROR"],
} as const;

const sessionConditions: readonly SessionConditions[] = [
  {},
  ...universe.users.map((userId) => ({ userId })),
  ...universe.users.map((participantId) => ({ participantId })),
  ...universe.statuses.map((runStatus) => ({ runStatus })),
  { runStatus: ["PAUSED", "ERROR"] },
  ...universe.componentIds.map((componentId) => ({ componentId })),
  { componentId: "one", sessionType: "agent" },
  { componentId: "one", sessionType: "team" },
  { sessionType: "agent" },
  { sessionType: "team" },
  ...universe.names.map((sessionName) => ({ sessionName })),
  { startTimestamp: start + 1 },
  { endTimestamp: start + 1 },
  { startTimestamp: start + 1, endTimestamp: start + 2 },
  { userId: "alice", participantId: "carol", runStatus: "PAUSED", sessionName: "trip" },
];

const runConditions: readonly RunListOptions[] = [
  {},
  ...universe.users.map((userId) => ({ userId })),
  ...universe.users.map((participantId) => ({ participantId })),
  ...universe.statuses.map((status) => ({ status })),
  { status: ["PAUSED", "ERROR"] },
  ...universe.componentIds.map((componentId) => ({ componentId })),
  { parentRunId: null },
  { parentRunId: "a2" },
  { startTimestamp: start + 1 },
  { endTimestamp: start + 1 },
  { participantId: "alice", status: "COMPLETED", parentRunId: null, userId: "alice" },
  ...universe.sessionIds.map((sessionId) => ({ sessionId })),
  { sessionId: "a", status: "COMPLETED" },
  { sessionId: "a", userId: "alice", parentRunId: null },
  { sessionId: "a", userId: "bob" },
];

const orders: readonly [Required<ListOrder>, ...Required<ListOrder>[]] = [
  { sortBy: "createdAt", sortOrder: "desc" },
  { sortBy: "updatedAt", sortOrder: "asc" },
  { sortBy: "createdAt", sortOrder: "asc" },
  { sortBy: "updatedAt", sortOrder: "desc" },
];
const runOrders = ["asc", "desc"] as const;

/**
 * Compares every list with the sessions themselves. `moment` begins the message of a difference. With a step, it
 * compares a fifth of the lists, another one each time, so that a sequence of steps compares them all.
 */
export async function compareViews(db: SessionDb, moment: string, step?: number): Promise<void> {
  const sessions = await readEach(db);
  const now = step ?? 0;
  for (const [place, conditions] of sessionConditions.entries()) {
    // Two consecutive orders cover both times and both directions.
    for (const order of [at(orders, now + place), ...(step === undefined ? [at(orders, place + 1)] : [])]) {
      await compareSessionList(db, sessions, { moment, conditions, order, exact: step === undefined });
    }
    const order = at(orders, now + place + Math.floor(place / 4));
    if ((now + place) % (step === undefined ? 2 : 5) === 0) {
      await compareSessionRuns(db, sessions, { moment, conditions, order });
    }
    if ((now + place) % (step === undefined ? 3 : 5) === 0) {
      await compareSessionPages(db, sessions, { moment, conditions, order });
    }
  }
  for (const [place, conditions] of runConditions.entries()) {
    const sortOrder = at(runOrders, now + place);
    await compareRunList(db, sessions, {
      moment,
      options: { ...conditions, sortOrder },
      exact: step === undefined,
    });
    if ((now + place) % (step === undefined ? 3 : 5) === 0) {
      await compareRunPages(db, sessions, { moment, options: { ...conditions, sortOrder, limit: pageSize } });
    }
  }
  const runs = sessions.flatMap((session) => session.runs);
  for (const runId of universe.runIds) {
    const shown = runs.find((run) => run.runId === runId) ?? null;
    same(await db.getRun({ runId }), shown, `${moment}: getRun({ runId: "${runId}" }) returned`);
  }
}

function at<Choice>(choices: readonly [Choice, ...Choice[]], place: number): Choice {
  return choices[place % choices.length] ?? choices[0];
}

async function readEach(db: SessionDb): Promise<Session[]> {
  const sessions: Session[] = [];
  for (const sessionId of universe.sessionIds) {
    const session = await db.getSession({ sessionId });
    if (session !== null) {
      sessions.push(session);
    }
  }
  return sessions;
}

interface SessionList {
  readonly moment: string;
  readonly conditions: SessionConditions;
  readonly order: ListOrder;
  readonly exact?: boolean;
}

async function compareSessionList(
  db: SessionDb,
  sessions: readonly Session[],
  { moment, conditions, order, exact = false }: SessionList,
): Promise<void> {
  const expected = expectedSessions(sessions, conditions, order);
  // If exact, a page with room for the expected ones only: a row too many displaces one, or shows as a next page.
  const list = { ...conditions, ...order, ...(exact && { limit: Math.max(expected.length, 1) }) };
  const options = { ...list, includeTotal: true, includeRunCount: true } as const;
  const asked = (more = ""): string => `${moment}: getSessions(${JSON.stringify(list)})${more}`;
  const page = await described(asked(), () => db.getSessions(options));
  same(idsOf(page.sessions), idsOf(expected), `${asked()} returned the sessions`);
  same(page.total, expected.length, `${asked()} counted, as its total,`);
  same([page.nextCursor, page.previousCursor], [null, null], `${asked()} has the cursors`);
  same(page.unreadable, [], `${asked()} reported as unreadable`);
  for (const [place, session] of expected.entries()) {
    const listed = page.sessions[place];
    const of = ` of session "${session.sessionId}"`;
    same(listed?.runCount, session.runs.length, asked(`: runCount${of} is`));
    same(listed && plain(listed), { ...plain(session), runs: null }, asked(`: the row${of} is`));
  }
}

async function compareSessionRuns(
  db: SessionDb,
  sessions: readonly Session[],
  { moment, conditions, order }: SessionList,
): Promise<void> {
  const expected = expectedSessions(sessions, conditions, order);
  const options = { ...conditions, ...order, includeRuns: true } as const;
  const asked = `${moment}: getSessions(${JSON.stringify(options)})`;
  const page = await described(asked, () => db.getSessions(options));
  same(idsOf(page.sessions), idsOf(expected), `${asked} returned the sessions`);
  for (const [place, session] of expected.entries()) {
    same(page.sessions[place]?.runs, session.runs, `${asked}: the runs of session "${session.sessionId}" are`);
  }
}

/** Walks the list page by page to its end, and back again. */
async function compareSessionPages(
  db: SessionDb,
  sessions: readonly Session[],
  { moment, conditions, order }: SessionList,
): Promise<void> {
  const expected = idsOf(expectedSessions(sessions, conditions, order));
  const options: SessionListOptions = { ...conditions, ...order, limit: pageSize };
  const asked = `getSessions(${JSON.stringify(options)})`;
  const read = async (cursor: { cursor?: string }) => {
    const page = await db.getSessions({ ...options, includeTotal: true, ...cursor });
    same(page.total, expected.length, `${moment}: a page of ${asked} counted, as its total,`);
    return { ...page, items: idsOf(page.sessions) };
  };
  await compareWalk(expected, read, `${moment}: ${asked}`);
}

const pageSize = 2;

/** Compares the pages with a list of ids, first forwards, then backwards. */
async function compareWalk(expected: readonly string[], read: ReadIds, asked: string): Promise<void> {
  const sizes: number[] = [];
  let lastPage: IdPage = { items: [], nextCursor: null, previousCursor: null };
  const forwards = await described(asked, () =>
    walk(async (cursor) => {
      lastPage = await read(cursor);
      sizes.push(lastPage.items.length);
      return lastPage;
    }),
  );
  same(forwards, expected, `${asked} by nextCursor returned`);
  const full = Math.floor(Math.max(expected.length - 1, 0) / pageSize);
  same(sizes, [...Array<number>(full).fill(pageSize), expected.length - full * pageSize], `${asked} has pages of`);
  const { items, previousCursor: previous } = lastPage;
  const before: string[][] = [];
  if (previous !== null) {
    await described(asked, () =>
      walk(async ({ cursor = previous }) => {
        const page = await read({ cursor });
        before.unshift([...page.items]);
        return { items: page.items, nextCursor: page.previousCursor };
      }),
    );
  }
  same([...before.flat(), ...items], expected, `${asked} by previousCursor, from the last page back, returned`);
}

async function compareRunList(
  db: SessionDb,
  sessions: readonly Session[],
  { moment, options, exact }: { moment: string; options: RunListOptions; exact: boolean },
): Promise<void> {
  const expected = expectedRuns(sessions, options);
  const list = { ...options, ...(exact && { limit: Math.max(expected.length, 1) }) };
  const asked = `${moment}: getRuns(${JSON.stringify(list)})`;
  const page = await described(asked, () => db.getRuns(list));
  same(runIdsOf(page.runs), runIdsOf(expected), `${asked} returned the runs`);
  same([page.nextCursor, page.previousCursor], [null, null], `${asked} has the cursors`);
  same(page.runs, expected, `${asked} returned, with other content,`);
}

async function compareRunPages(
  db: SessionDb,
  sessions: readonly Session[],
  { moment, options }: { moment: string; options: RunListOptions },
): Promise<void> {
  const expected = runIdsOf(expectedRuns(sessions, options));
  await compareWalk(expected, runIdPages(db, options), `${moment}: getRuns(${JSON.stringify(options)})`);
}
