import type { SessionDb, SessionHeader } from "@sessiondb/core";
import type { PairCases } from "../conformance-case.ts";
import { allAtOnce, increment, many } from "../support/at-once.ts";
import { same } from "../support/compare.ts";
import { listedRunIds, run, runIdsIn, runIdsOf, session } from "../support/data.ts";
import { stored } from "../support/dump.ts";
import { clockCases } from "./clock.ts";
import { momentCases } from "./moments.ts";

/** A change that records its number, so that one undone by another is missing, even if the sum is right. */
const enter =
  (index: number) =>
  ({ sessionState }: SessionHeader) => ({
    sessionState: { ...sessionState, entered: [...enteredIn(sessionState), index] },
  });

function enteredIn(sessionState: SessionHeader["sessionState"]): number[] {
  const { entered } = sessionState;
  return Array.isArray(entered) ? entered.map(Number) : [];
}

async function assertAllEntered(db: SessionDb, sessionId: string, what: string): Promise<void> {
  const { sessionState } = await stored(db, sessionId);
  const all = Array.from({ length: many }, (_, index) => index);
  same(
    enteredIn(sessionState).toSorted((a, b) => a - b),
    all,
    `${what} the stored changes are those of the calls`,
  );
}

/** Deletes sessions by filter while some of them are changed so that they no longer match. */
function deleteAgainst(
  filter: Parameters<SessionDb["deleteSessions"]>[0],
  escape: (db: SessionDb, sessionId: string, index: number) => Promise<unknown>,
): PairCases[string] {
  return async (one, other) => {
    const ids = Array.from({ length: many }, (_, index) => `s${index}`);
    await one.upsertSessions(
      ids.map((sessionId, index) =>
        session(sessionId, {
          sessionData: { session_name: "old" },
          runs: [run(`r${index}`, { status: "PAUSED", userId: "guest" })],
        }),
      ),
    );
    const escaping = ids.filter((_, index) => index % 2 === 0);
    const escapes = Promise.all(escaping.map((sessionId, index) => escape(other, sessionId, index * 2)));
    const [deleted, results] = await Promise.all([one.deleteSessions(filter), escapes]);
    const left = (await one.getSessions({ limit: 100 })).sessions.map(({ sessionId }) => sessionId);
    const escaped = escaping.filter((_, index) => results[index] !== null && results[index] !== false);
    same(left.toSorted(), escaped.toSorted(), "a delete by filter left, during writes that changed what it matches,");
    same(deleted, many - escaped.length, "the delete by filter counted");
    const runIds = await listedRunIds(one, { limit: 100 });
    same(runIds.length, escaped.length, "the runs left in those sessions number");
  };
}

const whole: PairCases = {
  "turns that change an existing session all count": async (...handles) => {
    const [db] = handles;
    await db.upsertRun({ session: session("s"), run: run("first"), change: { sessionState: {} } });
    await allAtOnce(handles, (each, index) =>
      each.upsertRun({ session: session("s"), run: run(`r${index}`), change: enter(index) }),
    );
    await assertAllEntered(db, "s", `after ${many} turns with a change`);
    same((await runIdsIn(db, "s")).length, many + 1, "the session's runs number");
  },

  "turns that create a session at once all count": async (...handles) => {
    const [db] = handles;
    await allAtOnce(handles, (each, index) =>
      each.upsertRun({ session: session("s", { sessionData: {} }), run: run(`r${index}`), change: enter(index) }),
    );
    const what = `after ${many} turns that create one session at once`;
    same((await runIdsIn(db, "s")).length, many, `${what} its runs number`);
    await assertAllEntered(db, "s", what);
  },

  "when sessions take one run id at once, one gets it": async (...handles) => {
    const [db] = handles;
    const call = (each: SessionDb, index: number): Promise<unknown> =>
      each.upsertRun({ session: session(`s${index}`), run: run("r") }).catch((error: unknown) => error);
    await allAtOnce(handles, call);
    const { sessions } = await db.getSessions({ includeRuns: true });
    same(sessions.filter(({ runs }) => runs.length > 0).length, 1, "sessions that hold one run id number");
    same((await db.getRuns()).runs.length, 1, "runs with one id number");
  },

  "turns and updates of an existing session all count": async (...handles) => {
    const [db] = handles;
    await db.upsertSession(session("s", { runs: [run("r")] }));
    await allAtOnce(handles, (each, index): Promise<unknown> => {
      if (index % 3 === 0) {
        return each.updateSession({ sessionId: "s" }, enter(index));
      }
      return each.upsertRun({ session: session("s"), run: run("r", { content: index }), change: enter(index) });
    });
    await assertAllEntered(db, "s", "after turns and updates");
  },

  "a further session counts the changes of many turns": async (...handles) => {
    const [db] = handles;
    await db.upsertSession(session("shared"));
    await allAtOnce(handles, (each, index) =>
      each.upsertRun({
        session: session(`s${index % 4}`),
        run: run(`r${index}`),
        change: increment,
        also: [{ session: session("shared"), change: enter(index) }],
      }),
    );
    await assertAllEntered(db, "shared", "of the session named by `also`");
  },

  "many callers that take items out of one run each get a different one": async (...handles) => {
    const [db] = handles;
    await db.upsertRun({
      session: session("s"),
      run: run("queue", { metadata: { left: Array.from({ length: many }, (_, index) => index) } }),
    });
    const taken = await allAtOnce(handles, async (each) => {
      let item: unknown;
      await each.updateRun({ runId: "queue" }, (before) => {
        const left = Array.isArray(before.metadata?.["left"]) ? before.metadata["left"] : [];
        item = left.at(-1);
        return { ...before, metadata: { left: left.slice(0, -1) } };
      });
      return item;
    });
    same(new Set(taken).size, many, "different items that updateRun took out of one run number");
  },

  "when many turns want to be the next, one is stored": async (...handles) => {
    const [db] = handles;
    await db.upsertRun({ session: session("s"), run: run("question") });
    const results = await allAtOnce(handles, (each, index) =>
      each.upsertRun({ session: session("s"), run: run(`r${index}`), onlyIfNewest: "question", change: increment }),
    );
    same(results.filter(({ stored: done }) => done).length, 1, "turns with onlyIfNewest that were stored number");
    same((await stored(db, "s")).sessionState["count"], 1, "and their changes count");
    same((await runIdsIn(db, "s")).length, 2, "and the runs number");
  },

  "when many callers take over a paused run, one wins": async (...handles) => {
    const [db] = handles;
    await db.upsertRun({ session: session("s"), run: run("r", { status: "PAUSED" }) });
    const results = await allAtOnce(handles, (each) =>
      each.upsertRun({
        session: session("s"),
        run: run("r", { status: "RUNNING" }),
        onlyIfStatus: "PAUSED",
        change: increment,
        also: [{ session: session("log"), change: increment }],
      }),
    );
    same(results.filter(({ stored: done }) => done).length, 1, "turns with onlyIfStatus that were stored number");
    same((await stored(db, "s")).sessionState["count"], 1, "and the changes of those not stored count");
    same((await stored(db, "log")).sessionState["count"], 1, "and those of the other session count");
  },

  "a turn for a session that is being deleted does not bring it back": async (...handles) => {
    const [db, other] = handles;
    for (let round = 0; round < 8; round += 1) {
      await db.upsertSession(session("s", { runs: [run("r")] }));
      const turn = (each: SessionDb) =>
        each.upsertRun({ session: session("s"), run: run("late"), onlyIfExists: "session" });
      await Promise.all([turn(other), db.deleteSession({ sessionId: "s" }), turn(db)]);
      same(await db.getSession({ sessionId: "s" }), null, "a session deleted during turns with onlyIfExists is");
      same((await db.getRuns()).runs, [], "and the runs left are");
    }
  },

  "many edits of one question leave one of them": async (...handles) => {
    const [db] = handles;
    await db.upsertSession(session("s", { runs: ["q1", "a", "q2", "b"].map((id) => run(id)) }));
    await allAtOnce(handles, (each, index) =>
      each.upsertRun({
        session: session("s"),
        run: run(`edit ${index}`),
        deleteRunsAfter: "q1",
        change: () => ({ metadata: { index } }),
      }),
    );
    const { runs, metadata } = await stored(db, "s");
    same(
      runIdsOf(runs),
      ["q1", `edit ${JSON.stringify(metadata?.["index"])}`],
      "after edits of one question the runs are",
    );
  },

  "a delete by name spares a session that is renamed": deleteAgainst(
    { filter: { sessionName: "old" } },
    (db, sessionId) => db.renameSession({ sessionId, sessionName: "kept" }),
  ),
  "a delete by status spares a session whose run continues": deleteAgainst(
    { filter: { runStatus: "PAUSED" } },
    (db, _, index) => db.updateRun({ runId: `r${index}` }, (before) => ({ ...before, status: "RUNNING" })),
  ),
  "a delete by participant spares a session that the participant left": deleteAgainst(
    { filter: { participantId: "guest" } },
    async (db, sessionId, index) => {
      const turn = { session: session(sessionId), run: run(`r${index}`, { userId: "other" }) };
      return (await db.upsertRun({ ...turn, onlyIfExists: "run" })).stored;
    },
  ),
};

export const raceCases: PairCases = { ...whole, ...momentCases, ...clockCases };
