import assert from "node:assert/strict";
import type { SessionDb, SessionHeader, UpsertRunResult } from "@sessiondb/core";
import type { PairCases } from "../conformance-case.ts";
import { listedRunIds, run, runIdsIn, runIdsOf, session, start } from "../support/data.ts";
import { stored, storedRun } from "../support/dump.ts";
import { allAtOnce, atOnce, increment, many } from "../support/at-once.ts";
import { popMessage } from "./update-run.ts";

/** Returns the indexes of the calls whose result says that they stored something. */
function winnersOf(results: readonly UpsertRunResult[]): number[] {
  return results.flatMap((result, index) => (result.stored ? [index] : []));
}

const readers: Readonly<Record<string, (db: SessionDb) => Promise<string[]>>> = {
  getSession: (db) => runIdsIn(db, "s"),
  getRuns: (db) => listedRunIds(db, { sessionId: "s" }),
  "getRuns across sessions": (db) => listedRunIds(db),
  getSessions: async (db) => runIdsOf((await db.getSessions({ includeRuns: true })).sessions[0]?.runs ?? []),
};

/** Returns the progress of a conversation as a reader sees it: the number of its end and of the runs in it. */
function progressOf(ids: readonly string[], reader: string): number {
  const [first, ...end] = ids;
  const what = `${reader} sees ${ids.join(", ")}`;
  assert.equal(first, "kept", `${what}: the beginning is missing`);
  const generations = new Set(end.map((id) => id.split(".")[0]));
  assert.equal(generations.size, 1, `${what}: neither the old end nor the new one`);
  const generation = Number([...generations][0]);
  assert.deepStrictEqual(
    end,
    end.map((_, place) => `${generation}.${place}`),
    `${what}: only part of an end`,
  );
  return generation * 3 + end.length;
}

/** Racing turns on two handles, which may be the same one. */
export const concurrentTurnCases: PairCases = {
  "only one caller takes over a paused run, and its result says so": async (...handles) => {
    const [db] = handles;
    for (const onlyIfStatus of ["PAUSED", ["PAUSED", "ERROR"]] as const) {
      await db.upsertRun({ session: session("s"), run: run("r", { status: "PAUSED" }) });
      const take = (each: SessionDb, index: number) =>
        each.upsertRun({
          session: session("s"),
          run: run("r", { status: "RUNNING", content: index }),
          change: { metadata: { index } },
          onlyIfStatus,
        });
      const results = await allAtOnce(handles, take);
      const winners = winnersOf(results);
      assert.equal(winners.length, 1, `${winners.length} of ${many} were told that they took the run`);
      assert.equal((await storedRun(db, "r")).content, winners[0]);
      assert.deepStrictEqual((await stored(db, "s")).metadata, { index: winners[0] });
    }
  },

  "when many tabs continue from one answer, one is stored": async (...handles) => {
    const [db] = handles;
    await db.upsertSession(session("s", { runs: ["a", "b", "c"].map((runId) => run(runId)) }));
    const tab = (each: SessionDb, index: number) =>
      each.upsertRun({
        session: session("s"),
        run: run(`tab ${index}`),
        onlyIfNewest: "c",
        ...(index % 3 > 0 && { deleteRunsAfter: "a" }),
      });
    const results = await allAtOnce(handles, tab);
    const winners = winnersOf(results);
    assert.equal(winners.length, 1, `${winners.length} of ${many} tabs were told that they were stored`);
    const [winner = 0] = winners;
    const kept = winner % 3 > 0 ? ["a"] : ["a", "b", "c"];
    assert.deepStrictEqual(await runIdsIn(db, "s"), [...kept, `tab ${winner}`]);
  },

  "only one turn begins a conversation that must have no run": async (...handles) => {
    const begin = (each: SessionDb, index: number) =>
      each.upsertRun({ session: session("s"), run: run(`r${index}`), onlyIfNewest: null });
    const winners = winnersOf(await allAtOnce(handles, begin));
    assert.equal(winners.length, 1, `${winners.length} of ${many} began it`);
    assert.deepStrictEqual(await runIdsIn(handles[0], "s"), [`r${winners[0]}`]);
  },

  "50 messages taken at once through two handles are all different": async (...handles) => {
    const messages = Array.from({ length: 50 }, (_, index) => ({ role: "user", content: index }));
    await handles[0].upsertSession(session("s", { runs: [run("r", { messages })] }));
    const taken = await Promise.all(messages.map((_, index) => popMessage(handles[index % 2 === 0 ? 0 : 1], "r")));
    assert.deepStrictEqual(
      taken.map(Number).toSorted((a, b) => a - b),
      messages.map(({ content }) => content),
    );
  },

  "changes to a run and turns do not undo each other": async (...handles) => {
    const [db] = handles;
    await db.upsertSession(session("s", { runs: [run("r", { metadata: { count: 0 } })] }));
    const call = (each: SessionDb, index: number): Promise<unknown> =>
      index % 4 < 2
        ? each.updateRun({ runId: "r" }, (current) => ({
            ...current,
            metadata: { count: Number(current.metadata?.["count"]) + 1 },
          }))
        : each.upsertRun({ session: session("s"), run: run(`r${index}`), change: increment });
    await allAtOnce(handles, call);
    assert.deepStrictEqual((await storedRun(db, "r")).metadata, { count: many / 2 });
    const { sessionState, runs } = await stored(db, "s");
    assert.deepStrictEqual([sessionState["count"], runs.length], [many / 2, many / 2 + 1]);
  },

  "further sessions in any order do not block each other": async (...handles) => {
    const names = ["app", "user", "s", "z"];
    const call = (each: SessionDb, index: number) => {
      // Every session is the turn's own in some calls and a further one in the others, in either order.
      const [own = "s", ...others] = [...names.slice(index % 4), ...names.slice(0, index % 4)];
      const further = (index % 8 < 4 ? others : others.toReversed()).map((name) => ({
        session: session(name),
        change: increment,
      }));
      return each.upsertRun({ session: session(own), run: run(`r${index}`), change: increment, also: further });
    };
    await allAtOnce(handles, call);
    for (const name of names) {
      assert.equal((await stored(handles[0], name)).sessionState["count"], many, name);
    }
  },

  "changes to a further session from turns and updates add up": async (...handles) => {
    const [db] = handles;
    await db.upsertSession(session("app"));
    const call = (each: SessionDb, index: number): Promise<unknown> =>
      index % 4 < 2
        ? each.updateSession({ sessionId: "app" }, increment)
        : each.upsertRun({
            session: session(`s${index}`),
            run: run(`r${index}`),
            also: [{ session: session("app"), change: increment }],
          });
    await allAtOnce(handles, call);
    assert.equal((await stored(db, "app")).sessionState["count"], many);
  },

  "only one user adopts a further session that nobody owns": async (...handles) => {
    const [db] = handles;
    await db.upsertSession(session("shared"));
    const call = (each: SessionDb, index: number) => {
      const userId = `user ${index}`;
      const change = ({ runs }: SessionHeader) => ({ metadata: { userId, runs } });
      return each.upsertRun({
        session: session(`s${index}`, { userId }),
        run: run(`r${index}`),
        also: [{ session: session("shared", { userId }), change }],
      });
    };
    const results = await atOnce(handles, call);
    const done = results.flatMap((result, index) => (result.status === "fulfilled" ? [index] : []));
    assert.equal(done.length, 1, `${done.length} of ${many} adopted it`);
    const { userId, metadata } = await stored(db, "shared");
    assert.deepStrictEqual([userId, metadata], [`user ${done[0]}`, { userId: `user ${done[0]}`, runs: null }]);
    assert.equal((await db.getSessions({ limit: 0, includeTotal: true })).total, 2, "a refused turn leaves no session");
  },

  "readers see the whole old end or the new one": async (one, other) => {
    const generations = 12;
    await one.upsertSession(
      session("s", { runs: [run("kept", { createdAt: start - 1 }), ...[0, 1, 2].map((place) => run(`0.${place}`))] }),
    );
    const state = { writing: true };
    const write = async () => {
      for (let generation = 1; generation <= generations; generation += 1) {
        for (const place of [0, 1, 2]) {
          await one.upsertRun({
            session: session("s"),
            run: run(`${generation}.${place}`, { createdAt: 1_700_000_000 + generation * 3 + place }),
            ...(place === 0 && { deleteRunsAfter: "kept" }),
          });
        }
      }
    };
    const read = async (name: string, reader: (db: SessionDb) => Promise<string[]>) => {
      let progress = 0;
      let reads = 0;
      while (state.writing || reads === 0) {
        const seen = progressOf(await reader(other), name);
        assert.ok(seen >= progress, `${name} goes back from ${progress} to ${seen}`);
        progress = seen;
        reads += 1;
      }
    };
    const written = write().finally(() => {
      state.writing = false;
    });
    const reading = Object.entries(readers).map(([name, reader]) => read(name, reader));
    await Promise.all([written, ...reading]);
    assert.equal(progressOf(await runIdsIn(other, "s"), "the end"), generations * 3 + 3);
  },
};
