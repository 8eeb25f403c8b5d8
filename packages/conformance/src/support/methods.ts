import type { SessionDb, UserSessionDb } from "@sessiondb/core";
import { run, session } from "./data.ts";

/** What a call is about. Extra keys go to the options as they are, as from a caller without types. */
interface Subject {
  sessionId: string;
  runId: string;
}

type Scope = Readonly<Record<string, unknown>>;

/** One method of the contract that touches sessions or runs. */
export interface Method {
  /** Whose `userId` it is: the option of the call, or the session's to be written. */
  readonly userIdOf: "options" | "session";
  /** What it does for another user than the session's owner. */
  readonly forOther: "finds nothing" | "refuses";
  /** What it does for a user when the session has no owner. */
  readonly forUnowned: "finds nothing" | "adopts";
  readonly writes: boolean;
  readonly call: (db: SessionDb | UserSessionDb, subject: Subject, scope: Scope) => Promise<unknown>;
}

const read = { userIdOf: "options", forOther: "finds nothing", forUnowned: "finds nothing", writes: false } as const;
const remove = { userIdOf: "options", forOther: "refuses", forUnowned: "finds nothing", writes: true } as const;
const change = { userIdOf: "options", forOther: "refuses", forUnowned: "adopts", writes: true } as const;
const upsert = { userIdOf: "session", forOther: "refuses", forUnowned: "adopts", writes: true } as const;

const metadata = { changed: true };

/** Every such method, so that what holds for all is written once. */
export const methods: Readonly<Record<string, Method>> = {
  getSession: { ...read, call: (db, { sessionId }, scope) => db.getSession({ sessionId, ...scope }) },
  getSessions: { ...read, call: (db, _, scope) => db.getSessions({ ...scope }) },
  getRun: { ...read, call: (db, { runId }, scope) => db.getRun({ runId, ...scope }) },
  getRuns: { ...read, call: (db, { sessionId }, scope) => db.getRuns({ sessionId, ...scope }) },
  upsertSession: {
    ...upsert,
    call: (db, { sessionId }, scope) => db.upsertSession(session(sessionId, { metadata, ...scope })),
  },
  upsertSessions: {
    ...upsert,
    call: (db, { sessionId }, scope) => db.upsertSessions([session(sessionId, { metadata, ...scope })]),
  },
  upsertRun: {
    ...upsert,
    call: (db, { sessionId }, scope) =>
      db.upsertRun({ session: session(sessionId, scope), run: run(`new run of ${sessionId}`) }),
  },
  updateSession: {
    ...change,
    call: (db, { sessionId }, scope) => db.updateSession({ sessionId, ...scope }, { metadata }),
  },
  renameSession: {
    ...change,
    call: (db, { sessionId }, scope) => db.renameSession({ sessionId, sessionName: "changed", ...scope }),
  },
  deleteSession: { ...remove, call: (db, { sessionId }, scope) => db.deleteSession({ sessionId, ...scope }) },
  "deleteSessions by id": {
    ...remove,
    call: (db, { sessionId }, scope) => db.deleteSessions({ sessionIds: [sessionId], ...scope }),
  },
  "deleteSessions by filter": {
    ...remove,
    forOther: "finds nothing",
    call: (db, _, scope) => db.deleteSessions({ filter: { componentId: "agent" }, ...scope }),
  },
  deleteRuns: { ...remove, call: (db, { runId }, scope) => db.deleteRuns({ runIds: [runId], ...scope }) },
};

/** Whether a method answered that there is nothing. */
export function isNothing(result: unknown): boolean {
  if (typeof result !== "object" || result === null) {
    return result === null || result === false || result === 0;
  }
  const { sessions, runs, nextCursor } = result as { sessions?: unknown[]; runs?: unknown[]; nextCursor?: unknown };
  // A session has runs too, but no cursor.
  return nextCursor !== undefined && (sessions ?? runs)?.length === 0;
}
