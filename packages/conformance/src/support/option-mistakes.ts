import type { SessionDb } from "@sessiondb/core";
import { run, session, untyped } from "./data.ts";
import type { Mistake } from "./mistake.ts";
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

export const optionMistakes: Readonly<Record<string, Mistake>> = {
  ...Object.fromEntries(
    Object.entries({
      onlyIfExists: ["yes", true, null, undefined, ["session"]],
      onlyIfStatus: notStatuses,
      onlyIfNewest: [...notAnId, undefined],
      deleteRunsAfter: [...notAnId, undefined, "no such run"],
      also: notAlso,
      keepTimes: notAFlag,
      onlyIfstatus: ["PAUSED"],
      userId: ["user"],
    }).map(([argument, values]) => [
      `upsertRun's ${argument}`,
      {
        argument,
        values,
        call: (db: SessionDb, value: unknown) =>
          db.upsertRun({ session: session("s"), run: run("new"), [argument]: value }),
      },
    ]),
  ),
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
  ...Object.fromEntries(
    Object.entries({ keepTimes: notAFlag, userId: ["user"], runs: [[]] }).flatMap(([argument, values]) => [
      [
        `upsertSession's ${argument}`,
        {
          argument,
          values,
          call: (db: SessionDb, value: unknown) => db.upsertSession(session("s"), { [argument]: value }),
        },
      ],
      [
        `upsertSessions' ${argument}`,
        {
          argument,
          values,
          call: (db: SessionDb, value: unknown) => db.upsertSessions([session("s")], { [argument]: value }),
        },
      ],
    ]),
  ),
  ...Object.fromEntries(
    Object.entries({ runId: [...notAnId, null, undefined], sessionId: [...notAnId, null, undefined], order: [1] }).map(
      ([argument, values]) => [
        `updateRun's ${argument}`,
        {
          argument,
          values,
          call: (db: SessionDb, value: unknown) =>
            db.updateRun({ runId: "r", [argument]: value }, (stored) => ({ ...stored, content: "changed" })),
        },
      ],
    ),
  ),
  "updateRun's change": {
    argument: "change",
    values: [undefined, null, {}, run("r"), "text"],
    call: (db, value) => db.updateRun({ runId: "r" }, untyped(value)),
  },
};
