import assert from "node:assert/strict";
import type { Session, SessionDb } from "@sessiondb/core";
import type { PairCases } from "../conformance-case.ts";
import { many } from "../support/at-once.ts";
import { same, sameContent, settledDump } from "../support/compare.ts";
import { run, runIdsIn, runIdsOf, session } from "../support/data.ts";
import { stored } from "../support/dump.ts";
import { errorOf } from "../support/refusals.ts";

// Reads during writes: each shows the store at one moment.

/** Returns the ids of a session's runs at the moment that its metadata names. */
function runIdsOfTurn(turn: number): string[] {
  return Array.from({ length: turn % 2 === 0 ? 3 : 1 }, (_, index) => `${turn}.${index}`);
}

function assertOneMoment(read: string, { metadata, runs }: Session): void {
  const turn = Number(metadata?.["turn"]);
  same(runIdsOf(runs), runIdsOfTurn(turn), `${read} shows, with the session of turn ${turn}, runs of another moment:`);
}

async function rewrite(db: SessionDb, turn: number): Promise<void> {
  const [first = "", ...others] = runIdsOfTurn(turn);
  if (others.length === 0) {
    const change = { metadata: { turn } };
    await db.upsertRun({ session: session("s"), run: run(first), deleteRunsAfter: null, change });
    return;
  }
  await db.deleteSession({ sessionId: "s" });
  await db.upsertSession(session("s", { metadata: { turn }, runs: [first, ...others].map((id) => run(id)) }));
}

export const momentCases: PairCases = {
  "a session and its runs are read at one moment": async (one, other) => {
    await rewrite(one, 0);
    const done = { writing: true };
    const writer = (async () => {
      for (let turn = 1; turn <= many; turn += 1) {
        await rewrite(one, turn);
      }
      done.writing = false;
    })();
    const reader = (async () => {
      while (done.writing) {
        const read = await other.getSession({ sessionId: "s" });
        if (read !== null) {
          assertOneMoment("getSession", read);
        }
        const { sessions } = await other.getSessions({ includeRuns: true, includeRunCount: true });
        for (const listed of sessions) {
          assertOneMoment("getSessions", listed);
          same(listed.runCount, listed.runs.length, "getSessions returned, with its runs, a runCount of");
        }
      }
    })();
    await Promise.all([writer, reader]);
  },

  "until the commit, readers see the whole old end of a conversation": async (one, other) => {
    const ids = (turn: number) => [`q${turn}`, ...Array.from({ length: 4 }, (_, index) => `a${turn}.${index}`)];
    await one.upsertSession(session("s", { metadata: { turn: 0 }, runs: ids(0).map((id) => run(id)) }));
    const done = { writing: true };
    const writer = (async () => {
      for (let turn = 1; turn <= many; turn += 1) {
        await one.upsertRun({
          session: session("s"),
          run: run(`q${turn}`),
          deleteRunsAfter: null,
          change: { metadata: { turn } },
        });
        await one.upsertSession({ ...session("s", { metadata: { turn } }), runs: ids(turn).map((id) => run(id)) });
      }
      done.writing = false;
    })();
    const reader = (async () => {
      while (done.writing) {
        const read = await other.getSession({ sessionId: "s" });
        const turn = Number(read?.metadata?.["turn"]);
        const shown = runIdsOf(read?.runs ?? []);
        const allowed = [ids(turn), [`q${turn}`]].map((each) => each.join());
        assert.ok(
          allowed.includes(shown.join()),
          `getSession shows the runs ${shown.join()} of turn ${turn}: neither the old end of the conversation nor the new`,
        );
      }
    })();
    await Promise.all([writer, reader]);
  },

  "a turn whose signal aborts while its change runs is stored whole or not at all": async (db) => {
    await db.upsertSession(session("s", { runs: [run("r")] }));
    const before = await settledDump(db);
    const controller = new AbortController();
    const reason = new Error("the caller went away");
    const change = () => {
      controller.abort(reason);
      return { metadata: { changed: true } };
    };
    const turn = db.upsertRun({
      session: session("s"),
      run: run("aborted"),
      change,
      deleteRunsAfter: "r",
      also: [{ session: session("other"), change: { metadata: { changed: true } } }],
      signal: controller.signal,
    });
    const error = await errorOf(turn);
    if (error !== null) {
      assert.equal(error, reason, "an aborted call rejects with the reason of its signal");
      await sameContent(db, before, "an aborted turn that rejected left");
    } else {
      same(await runIdsIn(db, "s"), ["r", "aborted"], "a turn that resolved left the runs");
      same((await stored(db, "other")).metadata, { changed: true }, "and, of the other session,");
    }
  },
};
