import assert from "node:assert/strict";
import type { SessionDb } from "@sessiondb/core";
import { run, session, untyped } from "./data.ts";

/** One argument of a method, and values that it must not have. */
export interface Mistake {
  readonly argument: string;
  readonly values: readonly unknown[];
  readonly call: (db: SessionDb, value: unknown) => Promise<unknown>;
}

const notAnObject = [[], "text", 1, true];
const notADocument = [...notAnObject, new Map([["a", 1]]), { value: 1n }, { value: () => 1 }, { value: new Set() }];
const notACount = [-1, 1.5, Number.NaN, "1", null];
const notAType = ["Agent", "agents", "", 1, "agent'--"];

export const mistakes: Readonly<Record<string, Mistake>> = {
  "getSession's sessionType": {
    argument: "sessionType",
    values: notAType,
    call: (db, value) => db.getSession({ sessionId: "s", sessionType: untyped(value) }),
  },
  "getSession's runsLimit": {
    argument: "runsLimit",
    values: notACount,
    call: (db, value) => db.getSession({ sessionId: "s", runsLimit: untyped(value) }),
  },
  "getSession's includeRuns": {
    argument: "includeRuns",
    values: ["no", 0, null],
    call: (db, value) => db.getSession({ sessionId: "s", includeRuns: untyped(value) }),
  },
  ...Object.fromEntries(
    Object.entries({
      sessionType: notAType,
      participantId: ["", 1, "a\0b"],
      componentId: ["", 1, "a\0b"],
      sessionName: [1, {}, []],
      sortBy: ["created_at", "createdAt; --", 1, null],
      sortOrder: ["ASC", "asc; --", 1, null],
      limit: notACount,
      page: [0, ...notACount],
      includeRuns: ["no", 0, null],
      includeTotal: ["no", 0, null],
      runsLimit: notACount,
      cursor: ["", "nonsense", 1, {}, Buffer.from("[]").toString("base64url"), Buffer.from("{").toString("base64url")],
    }).map(([argument, values]) => [
      `getSessions' ${argument}`,
      { argument, values, call: (db: SessionDb, value: unknown) => db.getSessions({ [argument]: value }) },
    ]),
  ),
  ...Object.fromEntries(
    Object.entries({
      sessionId: ["", 1, "a\0b"],
      participantId: ["", 1, "a\0b"],
      status: [1, null, [1], {}, []],
      parentRunId: ["", 1, "a\0b"],
      order: ["ASC", "asc; --", 1, null],
      limit: notACount,
      cursor: ["", "nonsense", 1, {}],
    }).map(([argument, values]) => [
      `getRuns' ${argument}`,
      { argument, values, call: (db: SessionDb, value: unknown) => db.getRuns({ [argument]: value }) },
    ]),
  ),
  "a session's type": {
    argument: "sessionType",
    values: [...notAType, undefined, null],
    call: (db, value) => db.upsertSession(session("new", { sessionType: untyped(value) })),
  },
  ...Object.fromEntries(
    ["sessionData", "agentData", "teamData", "workflowData", "metadata"].map((argument) => [
      `a session's ${argument}`,
      {
        argument,
        values: notADocument,
        call: (db: SessionDb, value: unknown) => db.upsertSession(session("new", { [argument]: value })),
      },
    ]),
  ),
  "a session's summary": {
    argument: "summary",
    values: [...notAnObject, {}, { summary: 1 }, { summary: "s", topics: "t" }, { summary: "s", sumary: "s" }],
    call: (db, value) => db.upsertSession(session("new", { summary: untyped(value) })),
  },
  "a session's runs": {
    argument: "runs",
    values: ["text", {}, [1], [null], [{ runId: "no type" }], [run("fine"), { ...run("broken"), runType: "robot" }]],
    call: (db, value) => db.upsertSession(session("new", { runs: untyped(value) })),
  },
  "a session's unknown property": {
    argument: "session_data",
    values: [{}],
    call: (db, value) => db.upsertSession(untyped({ ...session("new"), session_data: value })),
  },
  "one of many sessions": {
    argument: "sessions",
    values: [session(""), session("s", { sessionType: untyped("robot") }), null, session("b", { runs: [run("")] })],
    call: (db, value) => db.upsertSessions([session("a"), untyped(value)]),
  },
  "a run": {
    argument: "run",
    values: [
      undefined,
      null,
      "text",
      [],
      { runId: "r" },
      { ...run("r"), runType: "robot" },
      { ...run("r"), sessionId: "other" },
    ],
    call: (db, value) => db.upsertRun({ session: session("s"), run: untyped(value) }),
  },
  "a run's status": {
    argument: "status",
    values: [1, {}, "x".repeat(51)],
    call: (db, value) => db.upsertRun({ session: session("s"), run: run("new", { status: untyped(value) }) }),
  },
  "a run's messages": {
    argument: "messages",
    values: ["text", {}, [1], [{}], [{ role: 1 }], [{ role: "user", rol: "user" }], [{ role: "user", content: 1n }]],
    call: (db, value) => db.upsertRun({ session: session("s"), run: run("new", { messages: untyped(value) }) }),
  },
  "a run's unknown property": {
    argument: "run_id",
    values: ["r"],
    call: (db, value) => db.upsertRun({ session: session("s"), run: untyped({ ...run("new"), run_id: value }) }),
  },
  "upsertRun's session": {
    argument: "session",
    values: [undefined, null, "text", [], {}, { sessionId: "s" }],
    call: (db, value) => db.upsertRun({ session: untyped(value), run: run("new") }),
  },
  "renameSession's name": {
    argument: "sessionName",
    values: [undefined, null, 1, {}],
    call: (db, value) => db.renameSession({ sessionId: "s", sessionName: untyped(value) }),
  },
  "deleteSessions' ids": {
    argument: "sessionIds",
    values: ["s", null, {}, [""], ["s", null], ["s", "a\0b"]],
    call: (db, value) => db.deleteSessions({ sessionIds: untyped(value) }),
  },
  "deleteSessions' filter": {
    argument: "filter",
    values: [{}, { sessionType: undefined }, "s", null, []],
    call: (db, value) => db.deleteSessions({ filter: untyped(value) }),
  },
  "deleteRuns' ids": {
    argument: "runIds",
    values: ["r", null, {}, [""], ["r", null], undefined],
    call: (db, value) => db.deleteRuns({ runIds: untyped(value) }),
  },
  "a page together with a cursor": {
    argument: "page",
    values: [1, 2],
    call: async (db, value) => {
      const { nextCursor } = await db.getSessions({ limit: 1 });
      return db.getSessions({ limit: 1, page: untyped(value), cursor: nextCursor ?? assert.fail("no cursor") });
    },
  },
  "migrateLegacyRuns' batchSize": {
    argument: "batchSize",
    values: [0, ...notACount],
    call: (db, value) => db.migrateLegacyRuns({ batchSize: untyped(value) }),
  },
};
