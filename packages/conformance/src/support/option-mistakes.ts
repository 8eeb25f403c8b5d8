import { run, session, untyped } from "./data.ts";
import { mistakesOf, type Mistake } from "./mistake.ts";
import { notAFlag, notAnId, notStatuses } from "./wrong-values.ts";

/** Values that are not a list of sessions with their changes. */
const notAlso = [
  null,
  {},
  "text",
  [null],
  ["text"],
  [{}],
  [{ session: session("also") }],
  [{ session: session("also"), change: null }],
  [{ session: session("also"), change: 1 }],
  [{ session: session("also"), change: { unknown: 1 } }],
  [{ session: session("also"), change: () => ({ unknown: 1 }) }],
  [{ session: session("also"), change: async () => ({}) }],
  [{ change: {} }],
  [{ session: null, change: {} }],
  [{ session: session(""), change: {} }],
  [{ session: session("also", { runs: [] }), change: {} }],
  [{ session: session("also", { runs: [run("lost")] }), change: {} }],
  [{ session: { ...session("also"), sessionType: "robot" }, change: {} }],
  [{ session: session("also"), change: {}, run: run("new") }],
];

const wrongForUpserts = { keepTimes: notAFlag, userId: ["user"], runs: [[]] };

export const optionMistakes: Readonly<Record<string, Mistake>> = {
  ...mistakesOf("upsertRun's", (db, options) => db.upsertRun({ session: session("s"), run: run("new"), ...options }), {
    onlyIfExists: ["yes", true, null, undefined, ["session"]],
    onlyIfStatus: notStatuses,
    onlyIfNewest: [...notAnId, undefined],
    deleteRunsAfter: [...notAnId, undefined, "no such run"],
    keepLaterRuns: notAFlag,
    also: notAlso,
    keepTimes: notAFlag,
    onlyIfstatus: ["PAUSED"],
    userId: ["user"],
  }),
  "a further session that is the turn's own": {
    argument: "also[0].session.sessionId",
    values: [[{ session: session("s"), change: {} }]],
    call: (db, value) => db.upsertRun({ session: session("s"), run: run("new"), also: untyped(value) }),
  },
  "a further session named twice": {
    argument: "also[2].session.sessionId",
    values: [["a", "b", "a"].map((sessionId) => ({ session: session(sessionId), change: {} }))],
    call: (db, value) => db.upsertRun({ session: session("s"), run: run("new"), also: untyped(value) }),
  },
  ...mistakesOf("upsertSession's", (db, options) => db.upsertSession(session("s"), options), wrongForUpserts),
  ...mistakesOf("upsertSessions'", (db, options) => db.upsertSessions([session("s")], options), wrongForUpserts),
  ...mistakesOf("updateRun's", (db, options) => db.updateRun({ runId: "r", ...options }, (stored) => stored), {
    runId: [...notAnId, null, undefined],
    sessionId: [...notAnId, null, undefined],
    order: [1],
  }),
  "updateRun's change": {
    argument: "change",
    values: [undefined, null, {}, run("r"), "text"],
    call: (db, value) => db.updateRun({ runId: "r" }, untyped(value)),
  },
};
