import assert from "node:assert/strict";
import type { SessionDb, SessionType } from "@sessiondb/core";
import type { Cases } from "../conformance-case.ts";
import { run, session, sessionTypes } from "../support/data.ts";
import { refuses } from "../support/refusals.ts";
import { tableCases } from "../support/table-cases.ts";

const writes: Readonly<Record<string, (db: SessionDb, sessionType: SessionType) => Promise<unknown>>> = {
  upsertSession: (db, sessionType) => db.upsertSession(session("s", { sessionType })),
  upsertSessions: (db, sessionType) => db.upsertSessions([session("new"), session("s", { sessionType })]),
  upsertRun: (db, sessionType) => db.upsertRun({ session: session("s", { sessionType }), run: run("new") }),
  updateSession: (db, sessionType) => db.updateSession({ sessionId: "s", sessionType }, { metadata: {} }),
  renameSession: (db, sessionType) => db.renameSession({ sessionId: "s", sessionType, sessionName: "new" }),
};

export const typeMismatchCases: Cases = {
  ...tableCases("%s under another type is refused", writes, async (db, write) => {
    for (const stored of sessionTypes) {
      await db.deleteSession({ sessionId: "s" });
      await db.upsertSession(session("s", { sessionType: stored }));
      for (const sessionType of sessionTypes.filter((type) => type !== stored)) {
        await refuses(db, "SESSION_TYPE_MISMATCH", () => write(db, sessionType));
      }
      await write(db, stored);
    }
  }),

  "getSession under another type finds nothing": async (db) => {
    for (const stored of sessionTypes) {
      await db.upsertSession(session(stored, { sessionType: stored }));
    }
    for (const stored of sessionTypes) {
      for (const sessionType of sessionTypes) {
        const read = await db.getSession({ sessionId: stored, sessionType });
        assert.equal(read?.sessionType, stored === sessionType ? stored : undefined);
      }
      assert.equal((await db.getSession({ sessionId: stored }))?.sessionType, stored);
    }
  },

  "a run of any kind fits in any session": async (db) => {
    const turn = { runType: "team", runId: "member", teamId: "t", parentRunId: "r" } as const;
    await db.upsertRun({ session: session("s"), run: turn });
    assert.equal((await db.getRun({ runId: "member" }))?.runType, "team");
  },
};
