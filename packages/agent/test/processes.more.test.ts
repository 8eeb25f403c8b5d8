import { randomBytes } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PostgresSessionDb } from "@sessiondb/postgres";
import { SqliteSessionDb } from "@sessiondb/sqlite";
import pg from "pg";
import { jsonSchema, tool } from "ai";
import { afterAll, expect, inject, test } from "vitest";
import { Agent } from "@sessiondb/agent";
import { startChatServer } from "@sessiondb/testing/chat-server";
import { scriptedModel, shown } from "@sessiondb/testing/scripted-model";
import { runWorker, startWorker } from "@sessiondb/testing/worker";

const folder = mkdtempSync(join(tmpdir(), "sessiondb-agent-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const program = (name: string) => new URL(`workers/${name}.ts`, import.meta.url);
const url = inject("postgres");
const processes = 4;
const runs = 50;

test.skipIf(url === null)(
  `${runs} runs at once on one session in ${processes} processes keep all`,
  { timeout: 120_000 },
  async () => {
    const schema = `sessiondb_test_${randomBytes(6).toString("hex")}`;
    const admin = new pg.Client({ connectionString: url ?? "" });
    await admin.connect();
    try {
      const shares = [13, 13, 12, 12];
      await Promise.all(
        shares.map((share, index) => runWorker(program("concurrent-runs"), [url ?? "", schema, share, index])),
      );
      await using db = new PostgresSessionDb({ url: url ?? "", schema });
      const session = await db.getSession({ sessionId: "s" });
      expect(session?.runs.map(({ status }) => status)).toEqual(Array.from({ length: runs }, () => "COMPLETED"));
      const keys = shares.flatMap((share, name) => Array.from({ length: share }, (_, index) => `${name}.${index}`));
      expect(session?.sessionState).toEqual({ count: runs, ...Object.fromEntries(keys.map((key) => [key, true])) });
      expect(session?.sessionData["session_metrics"]).toMatchObject({ total_tokens: runs * 30 });
    } finally {
      await admin.query(`drop schema if exists ${schema} cascade`);
      await admin.end();
    }
  },
);

test.skipIf(url === null)("agents with their own storage use separate schemas", { timeout: 60_000 }, async () => {
  const admin = new pg.Client({ connectionString: url ?? "" });
  await admin.connect();
  const ids = ["a", "b"].map((name) => `own-${name}-${randomBytes(4).toString("hex")}`);
  try {
    for (const id of ids) {
      await using agent = new Agent({ id, model: scriptedModel(() => "Hi"), db: url ?? "", ownStorage: true });
      await agent.run("Hi", { sessionId: "same" });
    }
    for (const id of ids) {
      const { rows } = await admin.query(`select agent_id from ${id.replaceAll("-", "__")}.agno_sessions`);
      expect(rows).toEqual([{ agent_id: id }]);
    }
  } finally {
    for (const id of ids) {
      await admin.query(`drop schema if exists ${id.replaceAll("-", "__")} cascade`);
    }
    await admin.end();
  }
});

const rounds = 25;
const atOnce = 5;

test(
  `a process killed in the middle of a stream, ${rounds} times, leaves a session that goes on`,
  { timeout: 120_000 },
  async () => {
    await using server = await startChatServer(() => ({ text: "word ".repeat(1000), chunks: 1000, chunkDelay: 10 }));
    const round = async (name: number): Promise<void> => {
      const file = join(folder, `${name}.db`);
      const worker = startWorker(program("stream-slowly"), [server.url, file]);
      await worker.said("streaming");
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 50));
      await worker.kill();
      await using db = new SqliteSessionDb({ file });
      const model = scriptedModel(() => "Here I am");
      const agent = new Agent({ id: "agent", model, db, sessionId: "s", staleAfter: 0 });
      // A run is stale a second after it began at the earliest.
      await new Promise((resolve) => setTimeout(resolve, 1100));
      await agent.run("Are you there?");
      expect(shown(model.prompts[0] ?? [])).toEqual(["user: Are you there?"]);
      expect((await agent.getSession())?.runs.map(({ status }) => status)).toEqual(["ERROR", "COMPLETED"]);
      expect((await agent.getMessages({ skipStatuses: [] })).map(({ content }) => content)).toEqual([
        "Tell me a long story",
        "Are you there?",
        "Here I am",
      ]);
    };
    for (let start = 0; start < rounds; start += atOnce) {
      await Promise.all(Array.from({ length: atOnce }, (_, index) => round(start + index)));
    }
  },
);

const pausedRounds = 10;

test(
  `a process killed as it goes on after a pause, ${pausedRounds} times, pays once`,
  { timeout: 120_000 },
  async () => {
    const round = async (name: number): Promise<void> => {
      const file = join(folder, `paused-${name}.db`);
      const pay = tool({
        inputSchema: jsonSchema<object>({ type: "object" }),
        needsApproval: true,
        execute: () => "Again",
      });
      const model = scriptedModel([{ calls: [{ name: "pay", id: "c" }] }, "Done."]);
      await using db = new SqliteSessionDb({ file });
      const agent = new Agent({ id: "agent", model, db, tools: { pay }, sessionId: "s", staleAfter: 0 });
      const { runId } = await agent.run("Pay");
      const worker = startWorker(program("go-on"), [file, runId]);
      // Before the result is stored, or after it.
      await worker.said(name % 2 === 0 ? "pays" : "asks");
      await worker.kill();
      await new Promise((resolve) => setTimeout(resolve, 1100));
      const { run, text } = await agent.continueRun({ runId, sessionId: "s", approvals: [] });
      expect(text).toBe("Done.");
      const results = run.messages?.filter(({ role }) => role === "tool").map(({ content }) => content);
      expect(results).toEqual([expect.stringMatching(name % 2 === 0 ? /^Paid$|is unknown/ : /^Paid$/)]);
      expect(
        (existsSync(`${file}.paid`) ? readFileSync(`${file}.paid`, "utf8") : "").split("\n").length,
      ).toBeLessThanOrEqual(2);
    };
    for (let start = 0; start < pausedRounds; start += atOnce) {
      await Promise.all(Array.from({ length: atOnce }, (_, index) => round(start + index)));
    }
  },
);

test.each(["run", "stream"])(
  "a process that is killed in a %s loses nothing that was done",
  { timeout: 60_000 },
  async (how) => {
    const file = join(folder, `act-${how}.db`);
    const worker = startWorker(program("act-and-hang"), [file, how]);
    await worker.said("hangs");
    await worker.kill();
    await using db = new SqliteSessionDb({ file });
    const agent = new Agent({ id: "agent", model: scriptedModel(["Hi"]), db, sessionId: "s", staleAfter: 0 });
    const results = ["Bought milk", "Bought bread"];
    const stored = async () => {
      const [run] = (await db.getSession({ sessionId: "s" }))?.runs ?? [];
      const { status, tools, messages } = run?.runType === "agent" ? run : {};
      const told = messages?.filter(({ role }) => role === "tool").map(({ content }) => content);
      return { status, results: tools?.map(({ result }) => result), told };
    };
    expect(await stored()).toEqual({ status: "RUNNING", results, told: results });
    await new Promise((resolve) => setTimeout(resolve, 1100));
    await agent.run("Hello");
    expect(await stored()).toEqual({ status: "ERROR", results, told: results });
  },
);
