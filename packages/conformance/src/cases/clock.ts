import type { PairCases } from "../conformance-case.ts";
import { increment } from "../support/at-once.ts";
import { same, type Call } from "../support/compare.ts";
import { run, session, start } from "../support/data.ts";
import { stored } from "../support/dump.ts";
import { future } from "../support/kinds-of-writes.ts";
import { tableCases } from "../support/table-cases.ts";

// With a clock that is behind another machine's, no write moves `updatedAt` back.

const clockBack: Readonly<Record<string, Call>> = {
  "a turn": (db) => db.upsertRun({ session: session("s"), run: run("r") }),
  "a replaced turn": (db) => db.upsertRun({ session: session("s"), run: run("old") }),
  "a turn with a change": (db) => db.upsertRun({ session: session("s"), run: run("r"), change: increment }),
  "a turn of another session": (db) =>
    db.upsertRun({ session: session("t"), run: run("r"), also: [{ session: session("s"), change: increment }] }),
  "a turn that deletes runs": (db) => db.upsertRun({ session: session("s"), run: run("r"), deleteRunsAfter: null }),
  upsertSession: (db) => db.upsertSession(session("s", { metadata: { new: true } })),
  "upsertSession with a run": (db) => db.upsertSession(session("s", { runs: [run("r")] })),
  updateSession: (db) => db.updateSession({ sessionId: "s" }, increment),
  renameSession: (db) => db.renameSession({ sessionId: "s", sessionName: "new" }),
  updateRun: (db) => db.updateRun({ runId: "old" }, (before) => ({ ...before, content: "new" })),
  "updateRun that deletes": (db) => db.updateRun({ runId: "old" }, () => null),
};

export const clockCases: PairCases = tableCases(
  "%s under a clock that is behind does not set updatedAt back",
  clockBack,
  async (db, write, name) => {
    await db.upsertSession({ ...session("s", { updatedAt: future }), runs: [run("old")] });
    await write(db);
    const { updatedAt } = await stored(db, "s");
    same(updatedAt, future, `after ${name}, under a clock that is behind, updatedAt is`);
    await db.upsertSession(session("s", { updatedAt: start }), { keepTimes: true });
    same((await stored(db, "s")).updatedAt, start, "with keepTimes updatedAt is");
  },
);
