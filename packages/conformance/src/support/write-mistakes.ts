import { run, session, untyped } from "./data.ts";
import { mistakesOf, type Mistake } from "./mistake.ts";
import { notADocument, notAnObject, notAType, tooManyIds } from "./wrong-values.ts";

export const writeMistakes: Readonly<Record<string, Mistake>> = {
  "a session's type": {
    argument: "sessionType",
    values: [...notAType, undefined, null],
    call: (db, value) => db.upsertSession(session("new", { sessionType: untyped(value) })),
  },
  ...mistakesOf("a session's", (db, fields) => db.upsertSession(session("new", fields)), {
    sessionData: notADocument,
    agentData: notADocument,
    teamData: notADocument,
    workflowData: notADocument,
    metadata: notADocument,
    summary: [...notAnObject, {}, { summary: 1 }, { summary: "s", topics: "t" }, { summary: "s", sumary: "s" }],
    runs: ["text", {}, [1], [null], [{ runId: "no type" }], [run("fine"), { ...run("broken"), runType: "robot" }]],
  }),
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
  ...mistakesOf("a run's", (db, fields) => db.upsertRun({ session: session("s"), run: run("new", fields) }), {
    status: [1, {}, "x".repeat(51)],
    messages: ["text", {}, [1], [{}], [{ role: 1 }], [{ role: "user", rol: "user" }], [{ role: "user", content: 1n }]],
  }),
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
    values: ["s", null, {}, [""], ["s", null], ["s", "a\0b"], tooManyIds],
    call: (db, value) => db.deleteSessions({ sessionIds: untyped(value) }),
  },
  "deleteSessions' filter": {
    argument: "filter",
    values: [
      {},
      { sessionType: undefined },
      { runStatus: [] },
      { runStatus: null },
      { sessionName: "" },
      { status: "PAUSED" },
      "s",
      null,
      [],
    ],
    call: (db, value) => db.deleteSessions({ filter: untyped(value) }),
  },
  "deleteRuns' ids": {
    argument: "runIds",
    values: ["r", null, {}, [""], ["r", null], undefined, tooManyIds],
    call: (db, value) => db.deleteRuns({ runIds: untyped(value) }),
  },
};
