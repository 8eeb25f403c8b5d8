import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { AgentRun, ObservedCall, SessionDb } from "@sessiondb/core";
import { jsonSchema, tool } from "ai";
import { describe, expect, test } from "vitest";
import { Agent, SessionSummaryManager } from "@sessiondb/agent";
import { scriptedModel } from "@sessiondb/testing/scripted-model";
import { wordsIn, wordSummaries } from "./support/word-summaries.ts";
import { localStores } from "./support/stores.ts";

const ended = (runId: string, more: Partial<AgentRun> = {}): AgentRun => ({
  runType: "agent",
  agentId: "a",
  runId,
  status: "COMPLETED",
  createdAt: 1,
  messages: [
    { role: "user", content: `#${runId}` },
    { role: "assistant", content: "Yes." },
  ],
  ...more,
});

async function store(db: SessionDb, runs: readonly AgentRun[]): Promise<void> {
  await db.upsertSession({ sessionType: "agent", sessionId: "s", agentId: "a", runs: [...runs] });
}

const agentOf = (db: SessionDb, manager: SessionSummaryManager, more: object = {}) =>
  new Agent({
    id: "a",
    db,
    model: scriptedModel(() => "Yes."),
    sessionId: "s",
    addHistoryToContext: false,
    awaitSummaries: true,
    sessionSummaryManager: manager,
    ...more,
  });

describe.each(Object.entries(localStores))("%s", (_name, open) => {
  test.each([0, 1, 4, 5, 6, 99, 100, 101, 199, 250])(
    "the first summary of a session of %i runs covers each of them once, in their order",
    async (count) => {
      await using db = await open();
      await store(
        db,
        Array.from({ length: count }, (_, index) => ended(`r${index}`)),
      );
      const model = wordSummaries();
      const agent = agentOf(db, new SessionSummaryManager({ model }));
      await agent.run("#new");
      const words = [...Array.from({ length: count }, (_, index) => `r${index}`), "new"];
      expect(wordsIn((await agent.getSessionSummary())?.summary ?? "")).toEqual(words);
      expect(model.asked.flat()).toEqual(words);
      model.asked.length = 0;
      await agent.run("#newer");
      expect(model.asked.flat()).toEqual(["newer"]);
    },
  );

  test.each([
    [1, 1, 1],
    [3, 30_000, 2],
    [12, 30_000, 2],
    [12, 12_000, 6],
    [12, 70_000, 1],
    [12, 200_000, 1],
  ])("the first summary of %i runs of %i characters tells the model at most %i at once", async (count, size, most) => {
    await using db = await open();
    const messages = (index: number) => [{ role: "user", content: `#r${index} ${"x".repeat(size)}` }];
    await store(
      db,
      Array.from({ length: count }, (_, index) => ended(`r${index}`, { messages: messages(index) })),
    );
    const model = wordSummaries();
    await agentOf(db, new SessionSummaryManager({ model })).run("#new");
    const words = Array.from({ length: count }, (_, index) => `r${index}`);
    expect(model.asked.flat()).toEqual([...words, "new"]);
    expect(Math.max(...model.asked.map((asked) => asked.filter((word) => word !== "new").length))).toBe(most);
  });

  test("a summary that Agno made is built on with the newest runs", async () => {
    await using db = await open();
    await store(
      db,
      Array.from({ length: 300 }, (_, index) => ended(`r${index}`)),
    );
    await db.updateSession({ sessionId: "s" }, { summary: { summary: "#earlier" } });
    const model = wordSummaries();
    const agent = agentOf(db, new SessionSummaryManager({ model }));
    await agent.run("#new");
    expect(model.asked.flat()).toEqual(["r296", "r297", "r298", "r299", "new"]);
    expect(wordsIn((await agent.getSessionSummary())?.summary ?? "")[0]).toBe("earlier");
  });

  // What happens to the newest n of ten covered runs between two summaries.
  const changes: Readonly<Record<string, (db: SessionDb, ids: readonly string[]) => Promise<unknown>>> = {
    deleted: (db, runIds) => (runIds.length === 0 ? Promise.resolve() : db.deleteRuns({ runIds })),
    "deleted and replaced": async (db, runIds) => {
      if (runIds.length > 0) {
        await db.deleteRuns({ runIds });
        await db.upsertRun({ session: { sessionType: "agent", sessionId: "s" }, run: ended("replacing") });
      }
    },
    regenerated: async (db, runIds) => {
      for (const runId of runIds) {
        await db.updateRun({ runId }, (run) => ({ ...run, status: "REGENERATED" }));
      }
    },
  };
  test.each(Object.keys(changes).flatMap((change) => [0, 1, 2, 5, 9].map((count) => ({ change, count }))))(
    "$count covered runs that are $change break nothing",
    async ({ change, count }) => {
      await using db = await open();
      const model = wordSummaries();
      const agent = agentOf(db, new SessionSummaryManager({ model }));
      const runs = [];
      for (let index = 0; index < 10; index += 1) {
        runs.push((await agent.run(`#r${index}`)).runId);
      }
      await changes[change]?.(db, count === 0 ? [] : runs.slice(-count));
      model.asked.length = 0;
      expect((await agent.run("#new")).summaryError).toBeNull();
      expect(model.asked.flat()).toEqual([
        ...(change === "deleted and replaced" && count > 0 ? ["replacing"] : []),
        "new",
      ]);
    },
  );

  test("a fork goes on where its original was", async () => {
    await using db = await open();
    const model = wordSummaries();
    const agent = agentOf(db, new SessionSummaryManager({ model }));
    for (let index = 0; index < 8; index += 1) {
      await agent.run(`#r${index}`);
    }
    const fork = await agent.forkSession({ sessionId: "s" });
    model.asked.length = 0;
    await agent.run("#new", { sessionId: fork?.sessionId });
    expect(model.asked.flat()).toEqual(["new"]);
  });

  test("a run that was paused for long is covered once it ends, and costs the others nothing", async () => {
    await using db = await open();
    const pay = tool({
      inputSchema: jsonSchema<object>({ type: "object" }),
      needsApproval: true,
      execute: () => "Paid",
    });
    const summing = wordSummaries();
    let call = true;
    const model = scriptedModel(() => (call ? { calls: [{ name: "pay", id: "c" }] } : "Yes."));
    const agent = agentOf(db, new SessionSummaryManager({ model: summing }), { model, tools: { pay } });
    await agent.run("#first").catch(() => null);
    const { runId } = await agent.run("#paused");
    call = false;
    for (let index = 0; index < 30; index += 1) {
      summing.asked.length = 0;
      await agent.run(`#r${index}`);
      expect(summing.asked.flat()).toEqual([`r${index}`]);
    }
    summing.asked.length = 0;
    await agent.continueRun({ sessionId: "s", runId, approvals: [{ toolCallId: "c", approved: true }] });
    expect(summing.asked.flat()).toEqual(["paused"]);
    summing.asked.length = 0;
    await agent.run("#last");
    expect(summing.asked.flat()).toEqual(["last"]);
  });

  test.each([
    [{ every: 3 }, [3, 3, 3]],
    [{ every: 1 }, Array.from({ length: 9 }, () => 1)],
    [{ everyTokens: 60 }, [3, 3, 3]],
    [{ every: 2, everyTokens: 1000 }, [2, 2, 2, 2]],
    [{ every: 100, everyTokens: 60 }, [3, 3, 3]],
    [{ every: 3, incremental: false }, [3, 6, 9]],
  ] as const)("%o makes summaries of %o runs", async (options, sizes) => {
    await using db = await open();
    const model = wordSummaries();
    const agent = agentOf(db, new SessionSummaryManager({ model, ...options }));
    for (let index = 0; index < 9; index += 1) {
      await agent.run(`#r${index} ${"word ".repeat(9)}`);
    }
    expect(model.asked.map((words) => words.length)).toEqual(sizes);
  });
});

test("the cost of a summary does not grow with the session", { timeout: 60_000 }, async () => {
  const open = localStores["sqlite"];
  const costs: Record<number, object> = {};
  for (const count of [100, 10_000]) {
    await using db = (await open?.()) as SessionDb & AsyncDisposable;
    await store(
      db,
      Array.from({ length: count }, (_, index) => ended(`r${index}`)),
    );
    await db.updateSession({ sessionId: "s" }, { summary: { summary: "So far" } });
    const model = scriptedModel(() => JSON.stringify({ summary: "So far", topics: [] }));
    const agent = agentOf(db, new SessionSummaryManager({ model }));
    await agent.run("Hi");
    await agent.run("Hi");
    const counts = { characters: 0, statements: 0, rows: 0 };
    const note = (call: unknown): void => {
      const { method, statements, rows } = call as ObservedCall;
      expect(["getSession", "upsertRun", "updateSession"]).toContain(method);
      counts.statements += statements;
      counts.rows += rows;
    };
    subscribe("tracing:sessiondb:call:asyncEnd", note);
    await agent.run("Hi");
    unsubscribe("tracing:sessiondb:call:asyncEnd", note);
    counts.characters = JSON.stringify(model.prompts.at(-1)).length;
    costs[count] = counts;
  }
  expect(costs[10_000]).toEqual(costs[100]);
});
