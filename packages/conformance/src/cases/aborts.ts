import assert from "node:assert/strict";
import { setImmediate as turnOfLoop, setTimeout as sleep } from "node:timers/promises";
import type { SessionDb } from "@sessiondb/core";
import type { Cases } from "../conformance-case.ts";
import { run, runIdsIn, session } from "../support/data.ts";
import { dump, stored } from "../support/dump.ts";
import { Random } from "../support/random.ts";
import { assertRefusal, errorOf } from "../support/refusals.ts";
import { tableCases } from "../support/table-cases.ts";

type Write = (db: SessionDb, index: number, signal: AbortSignal) => Promise<unknown>;

/** Writes that can be checked afterwards: each adds or removes one thing, whose presence tells whether it was done. */
const writes: Readonly<Record<string, Write>> = {
  upsertSession: (db, index, signal) => db.upsertSession(session(`new ${index}`), { signal }),
  upsertSessions: (db, index, signal) =>
    db.upsertSessions([session(`new ${index}`), session(`twin ${index}`, { runs: [run(`twin run ${index}`)] })], {
      signal,
    }),
  upsertRun: (db, index, signal) =>
    db.upsertRun({
      session: session("s"),
      run: run(`new ${index}`),
      change: ({ sessionState }) => ({ sessionState: { ...sessionState, [`new ${index}`]: true } }),
      also: [{ session: session(`new ${index}`), change: {} }],
      signal,
    }),
  updateSession: (db, index, signal) =>
    db.updateSession({ sessionId: "s", signal }, ({ sessionState }) => ({
      sessionState: { ...sessionState, [`new ${index}`]: true },
    })),
  updateRun: (db, index, signal) =>
    db.updateRun({ runId: "r", signal }, (current) => ({
      ...current,
      metadata: { ...current.metadata, [`new ${index}`]: true },
    })),
  deleteRuns: (db, index, signal) => db.deleteRuns({ runIds: [`old ${index}`], signal }),
  deleteSession: (db, index, signal) => db.deleteSession({ sessionId: `old ${index}`, signal }),
};

/** Returns, for each thing that a write stores, whether it is in the store. */
async function traces(db: SessionDb, name: string, index: number): Promise<boolean[]> {
  const { sessionState, runs } = await stored(db, "s");
  const sessionOf = async (sessionId: string) => (await db.getSession({ sessionId, includeRuns: false })) !== null;
  switch (name) {
    case "upsertSession":
      return [await sessionOf(`new ${index}`)];
    case "upsertSessions": {
      const twin = (await db.getRun({ runId: `twin run ${index}` })) !== null;
      return [await sessionOf(`new ${index}`), await sessionOf(`twin ${index}`), twin];
    }
    case "upsertRun": {
      const written = runs.some(({ runId }) => runId === `new ${index}`);
      return [written, `new ${index}` in sessionState, await sessionOf(`new ${index}`)];
    }
    case "updateSession":
      return [`new ${index}` in sessionState];
    case "updateRun":
      return [`new ${index}` in (runs.find(({ runId }) => runId === "r")?.metadata ?? {})];
    case "deleteRuns":
      return [(await db.getRun({ runId: `old ${index}` })) === null];
    default:
      return [!(await sessionOf(`old ${index}`))];
  }
}

const many = 40;

async function checkAborts(db: SessionDb, write: Write, name: string): Promise<void> {
  const random = new Random(name.length);
  const old = Array.from({ length: many }, (_, index) => `old ${index}`);
  await db.upsertSession(session("s", { runs: [run("r"), ...old.map((runId) => run(runId))] }));
  await db.upsertSessions(old.map((sessionId) => session(sessionId)));
  const reason = new Error("enough");
  const results = await Promise.all(
    old.map(async (_, index) => {
      const controller = new AbortController();
      const result = errorOf(write(db, index, controller.signal));
      // Some abort at once, the others within the first milliseconds, a few of them after the write.
      void (random.chance(30) ? turnOfLoop() : sleep(random.number(15))).then(() => controller.abort(reason));
      if (random.chance(10)) {
        controller.abort(reason);
      }
      return result;
    }),
  );
  for (const [index, result] of results.entries()) {
    assert.ok(result === null || result === reason, `an aborted call rejects with ${String(result)}`);
    const expected = result === null;
    const found = await traces(db, name, index);
    assert.ok(
      found.every((each) => each === expected),
      `write ${index} ${expected ? "resolved but is not stored" : "rejected with the reason but is stored"}: ${found.join()}`,
    );
  }
  await write(db, many, new AbortController().signal);
  await db.upsertRun({ session: session("s"), run: run("last") });
  assert.equal((await runIdsIn(db, "s")).at(-1), "last", "later calls work");
}

/** Calls whose own change aborts them, while they hold the lock. */
const selfAborting: Readonly<
  Record<string, (db: SessionDb, signal: AbortSignal, abort: () => void) => Promise<unknown>>
> = {
  updateSession: (db, signal, abort) =>
    db.updateSession({ sessionId: "s", signal }, () => {
      abort();
      return { metadata: { changed: true } };
    }),
  upsertRun: (db, signal, abort) =>
    db.upsertRun({
      session: session("s", { userId: "me" }),
      run: run("new"),
      change: () => {
        abort();
        return { metadata: { changed: true } };
      },
      deleteRunsAfter: "r",
      signal,
    }),
  "upsertRun of a further session": (db, signal, abort) =>
    db.upsertRun({
      session: session("s", { userId: "me" }),
      run: run("new"),
      also: [
        {
          session: session("further"),
          change: () => {
            abort();
            return {};
          },
        },
      ],
      signal,
    }),
  updateRun: (db, signal, abort) =>
    db.updateRun({ runId: "r", signal }, (current) => {
      abort();
      return { ...current, content: "changed" };
    }),
  "updateRun that deletes": (db, signal, abort) =>
    db.updateRun({ runId: "r", signal }, () => {
      abort();
      return null;
    }),
};

export const abortCases: Cases = {
  ...tableCases("%s that is aborted at any moment is stored whole or not at all", writes, checkAborts),
  ...tableCases(
    "%s that is aborted by its own change is stored whole or not at all",
    selfAborting,
    async (db, call) => {
      await db.upsertSession(session("s", { userId: "me", runs: [run("r"), run("q")] }));
      const before = await dump(db);
      const controller = new AbortController();
      const reason = new Error("enough");
      const error = await errorOf(call(db, controller.signal, () => controller.abort(reason)));
      const after = await dump(db);
      if (error === null) {
        assert.notDeepStrictEqual(after, before);
      } else {
        assert.equal(error, reason);
        assert.deepStrictEqual(after, before);
      }
      await db.upsertRun({ session: session("s", { userId: "me" }), run: run("later") });
      assert.equal((await runIdsIn(db, "s")).at(-1), "later", "the lock is free");
    },
  ),

  "an aborted delete by filter says how many sessions are gone": async (db) => {
    const random = new Random(7);
    const reason = new Error("enough");
    let there = 1200;
    await db.upsertSessions(Array.from({ length: there }, (_, index) => session(`s${index}`)));
    for (let round = 0; round < 6 && there > 0; round += 1) {
      const controller = new AbortController();
      const deleting = db
        .deleteSessions({ filter: { componentId: "agent" }, signal: controller.signal })
        .catch((error: unknown) => error);
      void sleep(random.number(30)).then(() => controller.abort(reason));
      const result = await deleting;
      if (typeof result === "number") {
        assert.equal(result, there, "it resolves with the number of sessions");
        there = 0;
      } else if (result !== reason) {
        assertRefusal(result, "PARTIAL_DELETE");
        const { deleted, cause } = result as { deleted?: number; cause?: unknown };
        assert.equal(cause, reason, "the cause is the reason");
        assert.ok(typeof deleted === "number" && deleted > 0 && deleted <= there);
        there -= deleted;
      }
      assert.equal((await db.getSessions({ limit: 0, includeTotal: true })).total, there);
    }
    assert.equal(await db.deleteSessions({ filter: { componentId: "agent" } }), there, "repeating it deletes the rest");
  },
};
