import assert from "node:assert/strict";
import type { AgentRun, GetRunsOptions, SessionDb } from "@sessiondb/core";
import type { Cases } from "../conformance-case.ts";
import { combinations, compareBytes } from "../support/combinations.ts";
import { run, runIdsOf, session, start } from "../support/data.ts";
import { walk } from "../support/dump.ts";
import { refusesArgument } from "../support/refusals.ts";

interface Facts {
  readonly sessionId: string;
  readonly owner: string | null;
  readonly index: number;
  readonly run: AgentRun & { createdAt: number };
}

const owners: Readonly<Record<string, string | null>> = { one: "alice", two: "bob", three: null };
const statuses = ["COMPLETED", "PAUSED", "ERROR", "in review"];
const parents = [null, null, "run 00", "elsewhere"];

/** Runs of three sessions, whose times are in another order than they were written in. */
const facts: readonly Facts[] = Object.keys(owners).flatMap((sessionId, which) =>
  Array.from({ length: 9 }, (_, index) => {
    const number = which * 9 + index;
    const fields = {
      status: statuses[number % 4] ?? null,
      parentRunId: parents[Math.floor(number / 2) % 4] ?? null,
      userId: number % 3 === 0 ? "guest" : (owners[sessionId] ?? null),
      createdAt: start + ((number * 5) % 4),
    };
    const runId = `run ${String((number * 10) % 27).padStart(2, "0")}`;
    return { sessionId, owner: owners[sessionId] ?? null, index, run: { ...run(runId), ...fields } };
  }),
);

async function storeRuns(db: SessionDb): Promise<void> {
  for (const [sessionId, userId] of Object.entries(owners)) {
    const runs = facts.filter((each) => each.sessionId === sessionId).map((each) => each.run);
    await db.upsertSession(session(sessionId, { userId, runs }));
  }
}

function expectedIds(options: GetRunsOptions): string[] {
  const { sessionId, userId, participantId, status, parentRunId, startTimestamp, endTimestamp, order } = options;
  const wanted = status === undefined ? statuses : [status].flat();
  const direction = order === "desc" ? -1 : 1;
  return facts
    .filter((each) => sessionId === undefined || each.sessionId === sessionId)
    .filter((each) => userId === undefined || each.owner === userId)
    .filter((each) => participantId === undefined || each.run.userId === participantId)
    .filter((each) => wanted.includes(each.run.status ?? ""))
    .filter((each) => parentRunId === undefined || each.run.parentRunId === parentRunId)
    .filter((each) => startTimestamp === undefined || each.run.createdAt >= startTimestamp)
    .filter((each) => endTimestamp === undefined || each.run.createdAt <= endTimestamp)
    .toSorted(
      (a, b) =>
        direction *
        (sessionId === undefined
          ? a.run.createdAt - b.run.createdAt || compareBytes(a.run.runId, b.run.runId)
          : a.index - b.index),
    )
    .map((each) => each.run.runId);
}

async function check(db: SessionDb, options: GetRunsOptions): Promise<void> {
  const { runs, nextCursor } = await db.getRuns({ ...options, limit: 100 });
  assert.deepStrictEqual(runIdsOf(runs), expectedIds(options), JSON.stringify(options));
  assert.equal(nextCursor, null);
}

const singles: Readonly<Record<string, readonly GetRunsOptions[]>> = {
  sessionId: [{ sessionId: "one" }, { sessionId: "three" }, { sessionId: "none" }],
  userId: [{ userId: "alice" }, { userId: "bob" }, { userId: "guest" }],
  participantId: [{ participantId: "alice" }, { participantId: "guest" }, { participantId: "none" }],
  status: [{ status: "PAUSED" }, { status: ["PAUSED", "ERROR"] }, { status: "REGENERATED" }],
  parentRunId: [
    { parentRunId: null },
    { parentRunId: "run 00" },
    { parentRunId: "elsewhere" },
    { parentRunId: "none" },
  ],
  startTimestamp: [-1, 0, 1, 3, 4].map((offset) => ({ startTimestamp: start + offset })),
  endTimestamp: [-1, 0, 1, 3, 4].map((offset) => ({ endTimestamp: start + offset })),
};

function singleCases(): Cases {
  const entries = Object.entries(singles).map(([name, all]) => [
    `the filter ${name}`,
    async (db: SessionDb) => {
      await storeRuns(db);
      for (const options of all) {
        await check(db, options);
      }
    },
  ]);
  return Object.fromEntries(entries) as Cases;
}

export const runListCases: Cases = {
  ...singleCases(),

  "every combination of filters, in both orders": async (db) => {
    await storeRuns(db);
    const all = combinations<GetRunsOptions>([
      [{}, { sessionId: "one" }],
      [{}, { userId: "alice" }],
      [{}, { participantId: "guest" }],
      [{}, { status: "COMPLETED" }, { status: ["PAUSED", "ERROR"] }],
      [{}, { parentRunId: null }, { parentRunId: "run 00" }],
      [{}, { startTimestamp: start + 1 }],
      [{}, { endTimestamp: start + 2 }],
      [{}, { order: "desc" }],
    ]);
    for (const options of all) {
      await check(db, options);
    }
  },

  "pages make up the whole list": async (db) => {
    await storeRuns(db);
    const lists = combinations<GetRunsOptions>([
      [{}, { sessionId: "two" }, { parentRunId: null }, { status: ["COMPLETED", "PAUSED"], userId: "bob" }],
      [{ order: "asc" }, { order: "desc" }],
      [{ limit: 1 }, { limit: 2 }, { limit: 4 }, { limit: 9 }, { limit: 27 }, { limit: 100 }],
    ]);
    for (const options of lists) {
      const ids = await walk(async (cursor) => {
        const { runs, nextCursor } = await db.getRuns({ ...options, ...cursor });
        return { items: runIdsOf(runs), nextCursor };
      });
      assert.deepStrictEqual(ids, expectedIds(options), JSON.stringify(options));
    }
  },

  "appends between pages repeat and skip nothing": async (db) => {
    await storeRuns(db);
    for (const options of [{ sessionId: "one" }, {}] satisfies GetRunsOptions[]) {
      let added = 0;
      const ids = await walk(async (cursor) => {
        const { runs, nextCursor } = await db.getRuns({ ...options, limit: 4, ...cursor });
        for (const createdAt of added < 12 ? [start - 1, start + 1, start + 9] : []) {
          added += 1;
          const later = run(`added ${JSON.stringify(options)} ${added}`, { createdAt });
          await db.upsertRun({ session: session("one", { userId: "alice" }), run: later });
        }
        return { items: runIdsOf(runs), nextCursor };
      });
      assert.equal(new Set(ids).size, ids.length, "a run comes twice");
      assert.deepStrictEqual(
        ids.filter((id) => !id.startsWith("added")),
        expectedIds(options),
        "a run is skipped",
      );
    }
  },

  "50 runs without a limit": async (db) => {
    await db.upsertSession(session("s", { runs: Array.from({ length: 60 }, (_, index) => run(`r${index}`)) }));
    for (const options of [{}, { sessionId: "s" }]) {
      const { runs, nextCursor } = await db.getRuns(options);
      assert.deepStrictEqual([runs.length, typeof nextCursor], [50, "string"]);
    }
  },

  "a limit of 0 lists nothing": async (db) => {
    await storeRuns(db);
    assert.deepStrictEqual((await db.getRuns({ limit: 0 })).runs, []);
  },

  "a cursor of another order is refused": async (db) => {
    await storeRuns(db);
    const orders = combinations<GetRunsOptions>([
      [{}, { sessionId: "one" }],
      [{ order: "asc" }, { order: "desc" }],
    ]);
    for (const order of orders) {
      const cursor = (await db.getRuns({ ...order, limit: 1 })).nextCursor ?? assert.fail("no cursor");
      for (const other of orders.filter((each) => each !== order)) {
        await refusesArgument(db, "cursor", () => db.getRuns({ ...other, limit: 1, cursor }));
      }
    }
  },
};
