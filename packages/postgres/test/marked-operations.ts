import type { SessionDb } from "@sessiondb/core";
import { agentRun, agentSession } from "@sessiondb/testing/models";

/** Stands in every text of every row. */
export const marked = "Marked sentence of Ada's, which no error may hold.";
const replaced = `${marked} And again.`;

export const session = (sessionId: string) =>
  agentSession(sessionId, {
    userId: "u",
    metadata: { note: marked },
    agentData: { name: marked },
    sessionData: { session_name: marked, session_state: { note: marked } },
  });
export const turn = (runId: string, content = marked) =>
  agentRun(runId, { content, input: { inputContent: marked }, metadata: { note: marked } });

export interface Operation {
  readonly run: (db: SessionDb) => Promise<unknown>;
  /** Whether what the operation reported is so, as another store sees it. */
  readonly holds: (db: SessionDb, result: unknown) => Promise<boolean>;
}

const contentOf = async (db: SessionDb, runId: string) => (await db.getRun({ runId }))?.content;

/** Each on a session `s` with the runs `r1` and `r2`, and a session `t`. */
export const operations: Readonly<Record<string, Operation>> = {
  "the first turn of a session": {
    run: (db) => db.upsertRun({ session: session("new"), run: turn("n1", replaced) }),
    holds: async (db) =>
      (await contentOf(db, "n1")) === replaced && (await db.getSession({ sessionId: "new" })) !== null,
  },
  "a turn": {
    run: (db) => db.upsertRun({ session: session("s"), run: turn("r3", replaced) }),
    holds: async (db) => (await contentOf(db, "r3")) === replaced,
  },
  "a turn that replaces": {
    run: (db) => db.upsertRun({ session: session("s"), run: turn("r1", replaced) }),
    holds: async (db) => (await contentOf(db, "r1")) === replaced,
  },
  "a turn with a change": {
    run: (db) =>
      db.upsertRun({ session: session("s"), run: turn("r3", replaced), change: { sessionState: { note: replaced } } }),
    holds: async (db) =>
      (await contentOf(db, "r3")) === replaced &&
      (await db.getSession({ sessionId: "s" }))?.sessionState["note"] === replaced,
  },
  "a turn that deletes what comes after": {
    run: (db) => db.upsertRun({ session: session("s"), run: turn("r3", replaced), deleteRunsAfter: "r1" }),
    holds: async (db) => (await contentOf(db, "r3")) === replaced && (await db.getRun({ runId: "r2" })) === null,
  },
  upsertSession: {
    run: (db) => db.upsertSession({ ...session("new"), runs: [turn("n1", replaced), turn("n2")] }),
    holds: async (db) => (await db.getSession({ sessionId: "new" }))?.runs.length === 2,
  },
  "upsertSession of one that is stored": {
    run: (db) => db.upsertSession({ ...session("s"), metadata: { note: replaced } }),
    holds: async (db) => (await db.getSession({ sessionId: "s" }))?.metadata?.["note"] === replaced,
  },
  updateSession: {
    run: (db) => db.updateSession({ sessionId: "s" }, { metadata: { note: replaced } }),
    holds: async (db, result) =>
      result === null || (await db.getSession({ sessionId: "s" }))?.metadata?.["note"] === replaced,
  },
  renameSession: {
    run: (db) => db.renameSession({ sessionId: "s", sessionName: replaced }),
    holds: async (db, result) => result === null || (await db.getSession({ sessionId: "s" }))?.sessionName === replaced,
  },
  updateRun: {
    run: (db) => db.updateRun({ runId: "r1" }, (run) => ({ ...run, content: replaced })),
    holds: async (db, result) => result === null || (await contentOf(db, "r1")) === replaced,
  },
  deleteRuns: {
    run: (db) => db.deleteRuns({ runIds: ["r1"] }),
    holds: async (db, result) => result === ((await db.getRun({ runId: "r1" })) === null ? 1 : 0),
  },
  deleteSession: {
    run: (db) => db.deleteSession({ sessionId: "s" }),
    holds: async (db, result) => result === ((await db.getSession({ sessionId: "s" })) === null),
  },
  deleteSessions: {
    run: (db) => db.deleteSessions({ filter: { sessionType: "agent" } }),
    holds: async (db, result) => result === 2 - (await db.getSessions()).sessions.length,
  },
};
