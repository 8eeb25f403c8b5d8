import assert from "node:assert/strict";
import type { SessionDb } from "@sessiondb/core";
import type { Cases } from "../conformance-case.ts";
import { combinations } from "../support/combinations.ts";
import { listedRunIds, run, runIdsOf, session, start, untyped } from "../support/data.ts";
import { walk } from "../support/dump.ts";
import { expectedRuns, type ListedRuns } from "../support/expected-lists.ts";
import { runIdPages } from "../support/id-pages.ts";
import type { RunListOptions } from "../support/list-options.ts";
import { refusesArgument } from "../support/refusals.ts";
import { tableCases } from "../support/table-cases.ts";

const statuses = ["COMPLETED", "PAUSED", "ERROR", "in review"];
const parents = [null, null, "run 00", "elsewhere"];

/** The components that ran, in turn. An agent may be a step of a workflow. */
const components = [
  { runType: "agent", agentId: "shared" },
  { runType: "team", teamId: "shared" },
  { runType: "workflow", workflowId: "shared" },
  { runType: "agent", agentId: "own", workflowId: "flow" },
  { runType: "team", teamId: "own team" },
  { runType: "workflow", workflowId: "flow" },
  { runType: "agent", agentId: null },
] as const;

/** Three sessions with nine runs each, whose times are in a different order than their writes. */
const writtenSessions: readonly ListedRuns[] = Object.entries({ one: "alice", two: "bob", three: null }).map(
  ([sessionId, userId], which) => ({
    sessionId,
    userId,
    runs: Array.from({ length: 9 }, (_, index) => {
      const number = which * 9 + index;
      const runId = `run ${String((number * 10) % 27).padStart(2, "0")}`;
      return {
        runId,
        content: `answer of ${runId}`,
        ...(components[Math.floor(number / 2) % components.length] ?? { runType: "agent", agentId: "x" }),
        status: statuses[number % 4] ?? null,
        parentRunId: parents[Math.floor(number / 2) % 4] ?? null,
        userId: number % 3 === 0 ? "guest" : userId,
        createdAt: start + ((number * 5) % 4),
      };
    }),
  }),
);

/** The sessions as they are stored: a run without a component has that of its session. */
const storedSessions = writtenSessions.map((each) => ({
  ...each,
  runs: each.runs.map((one) => (one.runType === "agent" ? { ...one, agentId: one.agentId ?? "agent" } : one)),
}));

async function storeRuns(db: SessionDb): Promise<void> {
  for (const { sessionId, userId, runs } of writtenSessions) {
    await db.upsertSession(session(sessionId, { userId, runs }));
  }
}

function expectedIds(options: RunListOptions): string[] {
  return runIdsOf(expectedRuns(storedSessions, options));
}

async function check(db: SessionDb, options: RunListOptions): Promise<void> {
  const { runs, nextCursor, previousCursor } = await db.getRuns({ ...options, limit: 100 });
  assert.deepStrictEqual(runIdsOf(runs), expectedIds(options), JSON.stringify(options));
  assert.deepStrictEqual([nextCursor, previousCursor], [null, null], JSON.stringify(options));
}

const singles: Readonly<Record<string, readonly RunListOptions[]>> = {
  sessionId: [{ sessionId: "one" }, { sessionId: "three" }, { sessionId: "none" }],
  userId: [{ userId: "alice" }, { userId: "bob" }, { userId: "guest" }],
  participantId: [{ participantId: "alice" }, { participantId: "guest" }, { participantId: "none" }],
  status: [
    { status: "PAUSED" },
    { status: ["PAUSED", "ERROR"] },
    { status: "REGENERATED" },
    { status: untyped("in review") },
    { status: [untyped("in review"), "CANCELLED", "PAUSED"] },
    { status: untyped("in") },
  ],
  componentId: ["shared", "own", "flow", "own team", "agent", "none", "Shared"].map((componentId) => ({ componentId })),
  parentRunId: [
    { parentRunId: null },
    { parentRunId: "run 00" },
    { parentRunId: "elsewhere" },
    { parentRunId: "none" },
  ],
  startTimestamp: [-1, 0, 1, 3, 4].map((offset) => ({ startTimestamp: start + offset })),
  endTimestamp: [-1, 0, 1, 3, 4].map((offset) => ({ endTimestamp: start + offset })),
};

export const runListCases: Cases = {
  ...tableCases("the filter %s", singles, async (db, all) => {
    await storeRuns(db);
    for (const options of all) {
      await check(db, options);
    }
  }),

  "every combination of filters, in both orders": async (db) => {
    await storeRuns(db);
    const all = combinations<RunListOptions>([
      [{}, { sessionId: "one" }],
      [{}, { userId: "alice" }],
      [{}, { participantId: "guest" }],
      [{}, { status: "COMPLETED" }, { status: ["PAUSED", "ERROR"] }],
      [{}, { componentId: "shared" }, { componentId: "flow" }],
      [{}, { parentRunId: null }, { parentRunId: "run 00" }],
      [{}, { startTimestamp: start + 1 }],
      [{}, { endTimestamp: start + 2 }],
      [{}, { sortOrder: "desc" }],
    ]);
    for (const options of all) {
      await check(db, options);
    }
  },

  "pages make up the whole list": async (db) => {
    await storeRuns(db);
    const lists = combinations<RunListOptions>([
      [
        {},
        { sessionId: "two" },
        { parentRunId: null },
        { componentId: "shared" },
        { sessionId: "one", componentId: "flow" },
        { status: ["COMPLETED", "PAUSED"], userId: "bob" },
      ],
      [{ sortOrder: "asc" }, { sortOrder: "desc" }],
      [{ limit: 1 }, { limit: 2 }, { limit: 4 }, { limit: 9 }, { limit: 27 }, { limit: 100 }],
    ]);
    for (const options of lists) {
      assert.deepStrictEqual(await walk(runIdPages(db, options)), expectedIds(options), JSON.stringify(options));
    }
  },

  "appends between pages repeat and skip nothing": async (db) => {
    await storeRuns(db);
    for (const options of [{ sessionId: "one" }, {}] satisfies RunListOptions[]) {
      let added = 0;
      const read = runIdPages(db, { ...options, limit: 4 });
      const ids = await walk(async (cursor) => {
        const page = await read(cursor);
        for (const createdAt of added < 12 ? [start - 1, start + 1, start + 9] : []) {
          added += 1;
          const later = run(`added ${JSON.stringify(options)} ${added}`, { createdAt });
          await db.upsertRun({ session: session("one", { userId: "alice" }), run: later });
        }
        return page;
      });
      assert.equal(new Set(ids).size, ids.length, "a run appears twice");
      assert.deepStrictEqual(
        ids.filter((id) => !id.startsWith("added")),
        expectedIds(options),
        "a run is skipped",
      );
    }
  },

  "NUL and lone surrogates in a status find what was stored from the same text": async (db) => {
    for (const [index, text] of ["a\0b", "a\ud83dz", "a\ude00z", "\0"].entries()) {
      const status = untyped(text);
      await db.upsertRun({ session: session(`turn ${index}`), run: run(`turn ${index}`, { status }) });
      await db.upsertSession(session(`whole ${index}`, { runs: [run(`whole ${index}`, { status })] }));
      await db.upsertSession(session(`changed ${index}`, { runs: [run(`changed ${index}`)] }));
      await db.updateRun({ runId: `changed ${index}` }, (current) => ({ ...current, status }));
      const expected = [`changed ${index}`, `turn ${index}`, `whole ${index}`];
      const what = JSON.stringify(text);
      assert.deepStrictEqual(await listedRunIds(db, { status }), expected, what);
      const { sessions } = await db.getSessions({ runStatus: [status], sortOrder: "asc" });
      assert.deepStrictEqual(
        sessions.map(({ sessionId }) => sessionId),
        expected,
        what,
      );
      for (const runId of expected) {
        const taken = { session: session(runId), run: run(runId), onlyIfStatus: status };
        assert.deepStrictEqual(await db.upsertRun(taken), { stored: true, deletedRuns: 0 }, `${what} of ${runId}`);
      }
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
    const orders = combinations<RunListOptions>([
      [{}, { sessionId: "one" }],
      [{ sortOrder: "asc" }, { sortOrder: "desc" }],
    ]);
    for (const order of orders) {
      const cursor = (await db.getRuns({ ...order, limit: 1 })).nextCursor ?? assert.fail("no cursor");
      for (const other of orders.filter((each) => each !== order)) {
        await refusesArgument(db, "cursor", () => db.getRuns({ ...other, limit: 1, cursor }));
      }
    }
  },
};
