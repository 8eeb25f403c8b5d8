import assert from "node:assert/strict";
import type { AgentRun, SessionDb, UpsertRunOptions, UpsertRunResult } from "@sessiondb/core";
import type { Cases } from "../conformance-case.ts";
import { combinations } from "../support/combinations.ts";
import { run, runIdsIn, session, start, untyped } from "../support/data.ts";
import { dump, stored, storedRun } from "../support/dump.ts";
import { refuses } from "../support/refusals.ts";
import { tableCases } from "../support/table-cases.ts";

type Conditions = Pick<UpsertRunOptions, "onlyIfExists" | "onlyIfStatus" | "onlyIfNewest">;

/** The stored runs of the turn's session, in order; null without a session. The turn writes the run `r`. */
const worlds: Readonly<Record<string, readonly AgentRun[] | null>> = {
  "no session": null,
  "a session without runs": [],
  "a session with another run": [run("before")],
  "the run as the only one": [run("r", { status: "PAUSED" })],
  "the run as the newest": [run("before"), run("r", { status: "PAUSED" })],
  "the run, running": [run("before"), run("r", { status: "RUNNING" })],
  "the run with a status of the application's own": [run("before"), run("r", { status: "in review" })],
  "the run before another": [run("before"), run("r", { status: "PAUSED" }), run("after")],
  "the run before its members": [
    run("before"),
    run("r", { status: "PAUSED" }),
    run("member", { parentRunId: "r" }),
    run("member of member", { parentRunId: "member" }),
  ],
  "the run before its member and another": [
    run("before"),
    run("r", { status: "RUNNING" }),
    run("member", { parentRunId: "r" }),
    run("after"),
  ],
  "the run as a member": [run("before"), run("r", { status: "PAUSED", parentRunId: "before" })],
};

const sets = combinations<Conditions>([
  [{}, { onlyIfExists: "session" }, { onlyIfExists: "run" }],
  [
    {},
    { onlyIfStatus: "PAUSED" },
    { onlyIfStatus: ["RUNNING", "ERROR"] },
    { onlyIfStatus: ["COMPLETED", untyped("in review")] },
  ],
  [
    {},
    { onlyIfNewest: null },
    { onlyIfNewest: "r" },
    { onlyIfNewest: "before" },
    { onlyIfNewest: "after" },
    { onlyIfNewest: "nowhere" },
  ],
]);

function unmetOf(runs: readonly AgentRun[] | null, conditions: Conditions): string | null {
  const { onlyIfExists, onlyIfStatus, onlyIfNewest } = conditions;
  const current = runs?.find(({ runId }) => runId === "r");
  if ((onlyIfExists === "session" && runs === null) || (onlyIfExists === "run" && current === undefined)) {
    return "onlyIfExists";
  }
  const statuses: readonly (string | undefined)[] = [onlyIfStatus].flat();
  if (onlyIfStatus !== undefined && !statuses.some((status) => status === current?.status)) {
    return "onlyIfStatus";
  }
  if (onlyIfNewest === undefined) {
    return null;
  }
  if (onlyIfNewest === null) {
    return (runs ?? []).length === 0 ? null : "onlyIfNewest";
  }
  const turns = (runs ?? []).filter(
    ({ runId, parentRunId }) => runId === onlyIfNewest || (parentRunId ?? null) === null,
  );
  return turns.at(-1)?.runId === onlyIfNewest ? null : "onlyIfNewest";
}

async function prepare(db: SessionDb, runs: readonly AgentRun[] | null): Promise<void> {
  await db.deleteSessions({ sessionIds: ["s", "new"] });
  if (runs !== null) {
    await db.upsertSession({ ...session("s", { metadata: { old: true } }), runs });
  }
}

/** Returns a turn with everything that a turn can write, and the number of calls to its functions. */
function turnWith(conditions: Conditions): { turn: UpsertRunOptions; calls: () => number } {
  let called = 0;
  const change = () => {
    called += 1;
    return { metadata: { new: true } };
  };
  const turn: UpsertRunOptions = {
    // With an owner, since an unmet condition must adopt nothing.
    session: session("s", { userId: "owner" }),
    run: run("r", { status: "COMPLETED", content: "new" }),
    change,
    also: [
      { session: session("further"), change },
      { session: session("new"), change },
    ],
    ...conditions,
  };
  return { turn, calls: () => called };
}

async function checkWorld(db: SessionDb, runs: readonly AgentRun[] | null): Promise<void> {
  await db.upsertSession(session("further", { metadata: { old: true } }));
  await prepare(db, runs);
  const before = await dump(db);
  const unmet = sets.filter((conditions) => unmetOf(runs, conditions) !== null);
  for (const conditions of unmet) {
    const asked = JSON.stringify(conditions);
    const { turn, calls } = turnWith(conditions);
    const expected = { stored: false, unmet: unmetOf(runs, conditions) };
    assert.deepStrictEqual(await db.upsertRun(turn), expected, asked);
    assert.deepStrictEqual(await dump(db), before, `${asked} is not met, but something was written`);
    assert.equal(calls(), 0, `${asked} is not met, but a change was called`);
  }
  for (const conditions of sets.filter((each) => !unmet.includes(each))) {
    await prepare(db, runs);
    const asked = JSON.stringify(conditions);
    const { turn, calls } = turnWith(conditions);
    assert.deepStrictEqual(await db.upsertRun(turn), { stored: true, deletedRuns: 0 }, asked);
    assert.ok(calls() >= 3, `${asked} is met, but a change was not called`);
    const { userId, metadata, runs: read } = await stored(db, "s");
    assert.deepStrictEqual([userId, metadata], ["owner", { new: true }], asked);
    const expected = [...new Set([...(runs ?? []).map(({ runId }) => runId), "r"])];
    assert.deepStrictEqual(
      read.map(({ runId }) => runId),
      expected,
      asked,
    );
    assert.equal(read.find(({ runId }) => runId === "r")?.content, "new", asked);
    assert.deepStrictEqual((await stored(db, "new")).metadata, { new: true }, asked);
  }
}

const unmetSets: readonly Conditions[] = [
  { onlyIfExists: "run" },
  { onlyIfStatus: "RUNNING" },
  { onlyIfNewest: "nowhere" },
  { onlyIfNewest: null },
];

export const conditionCases: Cases = {
  ...tableCases("every condition against %s", worlds, checkWorld),

  "refusals come before conditions": async (db) => {
    await db.upsertSession(session("owned", { userId: "owner", runs: [run("r", { status: "PAUSED" })] }));
    await db.upsertSession(session("open", { runs: [run("other")] }));
    for (const conditions of [...unmetSets, { onlyIfStatus: "PAUSED" as const }]) {
      const write = (init: UpsertRunOptions["session"], runId = "r") =>
        db.upsertRun({ session: init, run: run(runId), ...conditions });
      await refuses(db, "SESSION_OWNERSHIP", () => write(session("owned", { userId: "other" })));
      await refuses(db, "SESSION_OWNERSHIP", () => write(session("owned")));
      await refuses(db, "SESSION_TYPE_MISMATCH", () =>
        write(session("owned", { sessionType: "team", userId: "owner" })),
      );
      await refuses(db, "RUN_CONFLICT", () => write(session("open")));
    }
  },

  "the refusal of a further session comes before conditions": async (db) => {
    await db.upsertSession(session("owned", { userId: "owner" }));
    for (const conditions of unmetSets) {
      const also = [{ session: session("owned", { userId: "other" }), change: {} }];
      await refuses(db, "SESSION_OWNERSHIP", () =>
        db.upsertRun({ session: session("s"), run: run("new"), also, ...conditions }),
      );
    }
  },

  "a user's handle learns what happened": async (db) => {
    const handle = db.forUser("me");
    const turn = { session: session("s"), run: run("r", { status: "PAUSED" }) };
    const results: UpsertRunResult[] = [
      await handle.upsertRun({ ...turn, onlyIfExists: "session" }),
      await handle.upsertRun({ ...turn, onlyIfNewest: null }),
      await handle.upsertRun({ ...turn, onlyIfStatus: ["RUNNING"] }),
      await handle.upsertRun({ ...turn, onlyIfNewest: "r", deleteRunsAfter: "r" }),
    ];
    assert.deepStrictEqual(results, [
      { stored: false, unmet: "onlyIfExists" },
      { stored: true, deletedRuns: 0 },
      { stored: false, unmet: "onlyIfStatus" },
      { stored: true, deletedRuns: 0 },
    ]);
  },

  "a known status in another case is the same status": async (db) => {
    await db.upsertRun({ session: session("s"), run: run("r", { status: "paused" }) });
    for (const status of ["PAUSED", "paused", "Paused"]) {
      const turn = { session: session("s"), run: run("r", { status: "PAUSED" }), onlyIfStatus: untyped(status) };
      assert.deepStrictEqual(await db.upsertRun(turn), { stored: true, deletedRuns: 0 }, status);
    }
    const ownWord = { session: session("s"), run: run("r", { status: "In Review" }) };
    await db.upsertRun(ownWord);
    const other = await db.upsertRun({ ...ownWord, onlyIfStatus: untyped("in review") });
    assert.deepStrictEqual(other, { stored: false, unmet: "onlyIfStatus" }, "other words are compared as they are");
  },

  "any of 50 statuses": async (db) => {
    const onlyIfStatus = Array.from({ length: 50 }, (_, index) => untyped(`status ${index}`));
    for (const index of [0, 25, 49]) {
      await db.upsertRun({ session: session("s"), run: run("r", { status: `status ${index}` }) });
      const taken = await db.upsertRun({ session: session("s"), run: run("r"), onlyIfStatus });
      assert.deepStrictEqual(taken, { stored: true, deletedRuns: 0 }, `status ${index}`);
    }
    const again = await db.upsertRun({ session: session("s"), run: run("r"), onlyIfStatus });
    assert.deepStrictEqual(again, { stored: false, unmet: "onlyIfStatus" });
  },

  "a session that was deleted during its turn is not created again": async (db) => {
    await db.upsertRun({ session: session("s"), run: run("r", { status: "RUNNING" }) });
    await db.deleteSession({ sessionId: "s" });
    for (const onlyIfExists of ["session", "run"] as const) {
      const late = await db.upsertRun({ session: session("s"), run: run("r"), onlyIfExists });
      assert.deepStrictEqual(late, { stored: false, unmet: "onlyIfExists" });
    }
    assert.equal(await db.getSession({ sessionId: "s" }), null);
    assert.equal(await db.getRun({ runId: "r" }), null);
  },

  "a run that was deleted during its turn stays deleted": async (db) => {
    await db.upsertSession(session("s", { runs: [run("a"), run("b")] }));
    await db.deleteRuns({ runIds: ["b"] });
    const late = { session: session("s"), run: run("b") };
    assert.deepStrictEqual(await db.upsertRun({ ...late, onlyIfExists: "run" }), {
      stored: false,
      unmet: "onlyIfExists",
    });
    assert.deepStrictEqual(await runIdsIn(db, "s"), ["a"]);
    assert.deepStrictEqual(await db.upsertRun({ ...late, onlyIfExists: "session" }), { stored: true, deletedRuns: 0 });
    assert.deepStrictEqual(await runIdsIn(db, "s"), ["a", "b"]);
  },

  "conditions look only at the turn's own session": async (db) => {
    await db.upsertSession(session("s", { runs: [run("r", { status: "PAUSED" })] }));
    await db.upsertSession(session("t", { runs: [run("newer", { createdAt: start + 99, status: "RUNNING" })] }));
    const turn = { session: session("s"), run: run("r", { status: "PAUSED" }) };
    assert.equal((await db.upsertRun({ ...turn, onlyIfNewest: "r" })).stored, true);
    assert.equal((await db.upsertRun({ ...turn, onlyIfNewest: "newer" })).stored, false);
    assert.equal((await db.upsertRun({ ...turn, onlyIfStatus: "RUNNING" })).stored, false);
    assert.equal((await db.upsertRun({ session: session("u"), run: run("u1"), onlyIfNewest: null })).stored, true);
  },

  "a run that is not stored has no status, not even an empty one": async (db) => {
    await db.upsertSession(session("s"));
    for (const onlyIfStatus of ["", ["", "PAUSED"]]) {
      for (const sessionId of ["s", "missing"]) {
        assert.deepStrictEqual(await db.upsertRun({ session: session(sessionId), run: run("r"), onlyIfStatus }), {
          stored: false,
          unmet: "onlyIfStatus",
        });
      }
    }
    assert.deepStrictEqual((await dump(db)).runIds, []);
  },

  "the newest run is the last written, whatever its time and status": async (db) => {
    await db.upsertSession(
      session("s", { runs: [run("z", { createdAt: start + 9 }), run("a", { createdAt: start - 9, status: "ERROR" })] }),
    );
    const turn = { session: session("s"), run: run("next") };
    assert.equal((await db.upsertRun({ ...turn, onlyIfNewest: "z" })).stored, false);
    assert.equal((await db.upsertRun({ ...turn, onlyIfNewest: "a" })).stored, true);
    assert.equal((await db.upsertRun({ ...turn, onlyIfNewest: "a" })).stored, false, "a retry finds the run stored");
    assert.equal((await storedRun(db, "next")).runId, "next");
  },
};
