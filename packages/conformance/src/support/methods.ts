import type { SessionDb } from "@sessiondb/core";
import type { SessionCalls } from "@sessiondb/core/adapter";
import type { Cases } from "../conformance-case.ts";
import { run, session } from "./data.ts";

/** The subject of a call. Extra keys go to the options unchanged, as from an untyped caller. */
interface Subject {
  sessionId: string;
  runId: string;
  /** Further options of the call. */
  options?: Scope;
}

type Scope = Readonly<Record<string, unknown>>;

/** One method of the contract that touches sessions or runs. */
export interface Method {
  /** The place of the `userId`: the options of the call, or the session to write. */
  readonly userIdOf: "options" | "session";
  /** The behaviour for a user other than the session's owner. */
  readonly forOther: "finds nothing" | "refuses";
  /** The behaviour for a user when the session has no owner. */
  readonly forUnowned: "finds nothing" | "adopts";
  readonly writes: boolean;
  /** The argument that an error names for the id in the call; null for a list of everything. */
  readonly idArgument: string | null;
  readonly call: (db: SessionCalls<unknown, unknown>, subject: Subject, scope: Scope) => Promise<unknown>;
}

const common = { userIdOf: "options", forOther: "refuses", writes: true, idArgument: "session" } as const;
const read = { ...common, forOther: "finds nothing", forUnowned: "finds nothing", writes: false } as const;
const remove = { ...common, forUnowned: "finds nothing" } as const;
const change = { ...common, forUnowned: "adopts" } as const;
const upsert = { ...common, userIdOf: "session", forUnowned: "adopts" } as const;

const metadata = { changed: true };

/** Every such method, so that a rule for all of them is written once. */
export const methods: Readonly<Record<string, Method>> = {
  getSession: {
    ...read,
    call: (db, { sessionId, options }, scope) => db.getSession({ sessionId, ...scope, ...options }),
  },
  getSessions: {
    ...read,
    idArgument: null,
    call: (db, { options }, scope) => db.getSessions({ ...scope, ...options }),
  },
  sessionPages: {
    ...read,
    idArgument: null,
    call: async (db, { options }, scope) => {
      const pages = await allOf(db.sessionPages({ limit: 1, ...scope, ...options }));
      return { sessions: pages.flatMap(({ sessions }) => sessions), nextCursor: null };
    },
  },
  getRun: {
    ...read,
    idArgument: "runId",
    call: (db, { runId, options }, scope) => db.getRun({ runId, ...scope, ...options }),
  },
  getRuns: { ...read, call: (db, { sessionId, options }, scope) => db.getRuns({ sessionId, ...scope, ...options }) },
  runPages: {
    ...read,
    call: async (db, { sessionId, options }, scope) => {
      const pages = await allOf(db.runPages({ limit: 1, sessionId, ...scope, ...options }));
      return { runs: pages.flatMap(({ runs }) => runs), nextCursor: null };
    },
  },
  searchSessions: {
    ...read,
    idArgument: null,
    call: (db, { options }, scope) => db.searchSessions({ text: "question", ...scope, ...options }),
  },
  upsertSession: {
    ...upsert,
    call: (db, { sessionId, options }, scope) => db.upsertSession(session(sessionId, { metadata, ...scope }), options),
  },
  upsertSessions: {
    ...upsert,
    call: (db, { sessionId, options }, scope) =>
      db.upsertSessions([session(sessionId, { metadata, ...scope })], options),
  },
  upsertRun: {
    ...upsert,
    call: (db, { sessionId, options }, scope) =>
      db.upsertRun({ session: session(sessionId, scope), run: run(`new run of ${sessionId}`), ...options }),
  },
  updateRun: {
    ...change,
    idArgument: "runId",
    call: (db, { runId, options }, scope) =>
      db.updateRun({ runId, ...scope, ...options }, (stored) => ({ ...stored, content: "changed" })),
  },
  updateSession: {
    ...change,
    call: (db, { sessionId, options }, scope) => db.updateSession({ sessionId, ...scope, ...options }, { metadata }),
  },
  renameSession: {
    ...change,
    call: (db, { sessionId, options }, scope) =>
      db.renameSession({ sessionId, sessionName: "changed", ...scope, ...options }),
  },
  deleteSession: {
    ...remove,
    call: (db, { sessionId, options }, scope) => db.deleteSession({ sessionId, ...scope, ...options }),
  },
  "deleteSessions by id": {
    ...remove,
    call: (db, { sessionId, options }, scope) => db.deleteSessions({ sessionIds: [sessionId], ...scope, ...options }),
  },
  "deleteSessions by filter": {
    ...remove,
    forOther: "finds nothing",
    idArgument: null,
    call: (db, { options }, scope) => db.deleteSessions({ filter: { componentId: "agent" }, ...scope, ...options }),
  },
  deleteRuns: {
    ...remove,
    idArgument: "runIds",
    call: (db, { runId, options }, scope) => db.deleteRuns({ runIds: [runId], ...scope, ...options }),
  },
};

/** Returns a case for each method and each check, named after both. */
export function methodCases(checks: Readonly<Record<string, (db: SessionDb, method: Method) => Promise<void>>>): Cases {
  const entries = Object.entries(methods).flatMap(([name, method]) =>
    Object.entries(checks).map(([what, check]): [string, Cases[string]] => [
      `${name} ${what}`,
      (db) => check(db, method),
    ]),
  );
  return Object.fromEntries(entries);
}

/** Returns all items of an iteration. */
async function allOf<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const all: Item[] = [];
  for await (const item of items) {
    all.push(item);
  }
  return all;
}

/** Whether the result of a method says that there is nothing. */
export function isNothing(result: unknown): boolean {
  if (typeof result !== "object" || result === null) {
    return result === null || result === false || result === 0;
  }
  const { sessions, runs, hits, nextCursor } = result as Partial<Record<"sessions" | "runs" | "hits", unknown[]>> & {
    nextCursor?: unknown;
  };
  // A session has runs too, but no cursor.
  return nextCursor !== undefined && (sessions ?? runs ?? hits)?.length === 0;
}
