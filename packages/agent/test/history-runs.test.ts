import { InMemorySessionDb, type AgentRun, type SessionDb } from "@sessiondb/core";
import { SqliteSessionDb } from "@sessiondb/sqlite";
import { describe, expect, test } from "vitest";
import { Agent, SessionSummaryManager } from "@sessiondb/agent";
import { scriptedModel, shown } from "@sessiondb/testing/scripted-model";
import { watched } from "./support/watched-db.ts";

const stores = {
  memory: () => new InMemorySessionDb(),
  sqlite: () => new SqliteSessionDb({ file: ":memory:" }),
};
const now = () => Math.floor(Date.now() / 1000);
const mark = () => ({ sessiondb_running_since: now() });

/** Runs that history does not use, as the processes of this library and of others leave them. */
const newer: Readonly<Record<string, () => Partial<AgentRun>>> = {
  "in progress": () => ({ status: "RUNNING", extra: mark() }),
  "of a dead process": () => ({ status: "RUNNING", extra: { sessiondb_running_since: 1 } }),
  "in the background": () => ({ status: "RUNNING", messages: [{ role: "user", content: "Later" }] }),
  waiting: () => ({ status: "PENDING" }),
  paused: () => ({ status: "PAUSED" }),
  cancelled: () => ({ status: "CANCELLED" }),
  failed: () => ({ status: "ERROR" }),
  regenerated: () => ({ status: "REGENERATED" }),
  "of a member": () => ({ status: "COMPLETED", parentRunId: "old" }),
  "of somebody else": () => ({ status: "COMPLETED", userId: "eve" }),
};

async function sessionWith(db: SessionDb, fields: () => Partial<AgentRun>, count: number): Promise<void> {
  const run = (runId: string, more: Partial<AgentRun>): AgentRun => ({
    runType: "agent",
    agentId: "a",
    runId,
    userId: "ada",
    ...more,
  });
  const session = { sessionType: "agent", sessionId: "s", agentId: "a", userId: "ada" } as const;
  const messages = [
    { role: "user", content: "My name is Ada." },
    { role: "assistant", content: "Hello Ada." },
  ];
  await db.upsertSession({
    ...session,
    runs: [
      run("old", { status: "COMPLETED", messages }),
      ...Array.from({ length: count }, (_, index) => run(`n${index}`, fields())),
    ],
  });
}

describe.each(Object.entries(stores))("%s", (_name, open) => {
  describe.each([1, 2, 10])("numHistoryRuns %i", (numHistoryRuns) => {
    test.each(Object.entries(newer))("runs %s push nothing out of the history", async (_kind, fields) => {
      for (const count of [1, numHistoryRuns, numHistoryRuns + 1, 45]) {
        await using db = open();
        await sessionWith(db, fields, count);
        const model = scriptedModel(() => "You are Ada.");
        const agent = new Agent({ id: "a", db, model, numHistoryRuns });
        await agent.run("What is my name?", { sessionId: "s", userId: "ada" });
        expect(shown(model.prompts[0] ?? []), `${count} runs`).toEqual([
          "user: My name is Ada.",
          "assistant: Hello Ada.",
          "user: What is my name?",
        ]);
      }
    });
  });

  test("nor out of what tools and summaries read", async () => {
    await using db = open();
    await sessionWith(db, newer["in progress"] ?? (() => ({})), 60);
    const ask = (name: string, input: object) => ({ calls: [{ name, input }] });
    const model = scriptedModel([
      ask("get_chat_history", { num_runs: 1 }),
      "Ada",
      ask("read_past_session", { session_id: "s", num_runs: 2 }),
      "Ada",
    ]);
    const agent = new Agent({ id: "a", db, model, readChatHistory: true, searchPastSessions: true, numHistoryRuns: 1 });
    for (const sessionId of ["s", "other"]) {
      const { toolCalls } = await agent.run("Who am I?", { sessionId, userId: "ada" });
      expect(JSON.stringify(toolCalls)).toContain("My name is Ada.");
    }
    await sessionWith(db, newer["in progress"] ?? (() => ({})), 5);
    const summaries = scriptedModel([JSON.stringify({ summary: "Ada", topics: [] })]);
    const manager = new SessionSummaryManager({ lastNRuns: 2 });
    await manager.createSummary({ db, sessionId: "s", model: summaries, previous: null, messages: [] });
    expect(JSON.stringify(summaries.prompts[0])).toContain("My name is Ada.");
  });
});

test("a turn whose newest runs are history reads once", async () => {
  const { db, calls } = watched(new InMemorySessionDb());
  const agent = new Agent({ id: "a", db, model: scriptedModel(() => "Yes."), numHistoryRuns: 2, sessionId: "s" });
  for (let turn = 1; turn <= 5; turn += 1) {
    calls.length = 0;
    await agent.run("Hi");
  }
  expect(calls.filter((name) => name.startsWith("get"))).toEqual(["getSession"]);
});

test("stale runs are closed though history does not use them", async () => {
  await using db = new InMemorySessionDb();
  await sessionWith(db, () => ({ status: "RUNNING", extra: { sessiondb_running_since: 1 } }), 5);
  await new Agent({ id: "a", db, model: scriptedModel(() => "Yes."), numHistoryRuns: 2 }).run("Hi", {
    sessionId: "s",
    userId: "ada",
  });
  const { runs } = await db.getRuns({ sessionId: "s" });
  expect(runs.map(({ status }) => status)).toEqual(["COMPLETED", ...Array(5).fill("ERROR"), "COMPLETED"]);
});

test("a turn looks back over at most so many runs of others", async () => {
  const { db, calls } = watched(new InMemorySessionDb());
  await sessionWith(db, () => ({ status: "COMPLETED", userId: "eve" }), 3000);
  const model = scriptedModel(() => "Yes.");
  calls.length = 0;
  await new Agent({ id: "a", db, model }).run("Hi", { sessionId: "s", userId: "ada" });
  expect(shown(model.prompts[0] ?? [])).toEqual(["user: Hi"]);
  expect(calls.filter((name) => name === "getSession")).toHaveLength(5);
});
