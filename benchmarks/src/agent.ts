import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Agent } from "@sessiondb/agent";
import type { AgentRun, SessionDb, TurnSession } from "@sessiondb/core";
import { PostgresSessionDb } from "@sessiondb/postgres";
import { SqliteSessionDb } from "@sessiondb/sqlite";
import { generateText, type LanguageModel, type ModelMessage } from "ai";
import { median } from "./measure.ts";
import { startServer } from "./server.ts";

/** What an agent adds to a turn. */
export interface AgentResult {
  readonly database: string;
  /** How many runs the session has. */
  readonly length: number;
  /** Calls of the store in one turn. */
  readonly reads: number;
  readonly writes: number;
  /** Milliseconds of the process's time: of a turn, of the same calls of the model and the store by hand, and the rest. */
  readonly turn: number;
  readonly byHand: number;
  readonly own: number;
  readonly atMost: number;
}

const answer = "The quick brown fox jumps over the lazy dog while the agent answers. ".repeat(10);
const tokens = { total: 100, noCache: 100, cacheRead: undefined, cacheWrite: undefined };

/** A model that answers at once. */
const model: LanguageModel = {
  specificationVersion: "v3",
  provider: "bench",
  modelId: "instant",
  supportedUrls: {},
  doGenerate: async () => ({
    content: [{ type: "text", text: answer }],
    finishReason: { unified: "stop", raw: undefined },
    usage: { inputTokens: tokens, outputTokens: { total: 50, text: 50, reasoning: undefined } },
    warnings: [],
  }),
  doStream: () => Promise.reject(new Error("not streamed here")),
};

const session = (sessionId: string): TurnSession => ({ sessionType: "agent", sessionId, agentId: "agent" });
const user = "What does the fox do? ".repeat(10);

function runOf(runId: string, status = "COMPLETED"): AgentRun {
  const messages = [
    { role: "user", content: user },
    { role: "assistant", content: answer },
  ];
  return {
    runType: "agent",
    runId,
    agentId: "agent",
    status,
    content: answer,
    input: { inputContent: user },
    messages,
  };
}

/** On SQLite, and on Postgres if there is one. */
export async function benchmarkAgent({ repetitions }: { readonly repetitions: number }): Promise<AgentResult[]> {
  const folder = mkdtempSync(join(tmpdir(), "sessiondb-bench-"));
  const server = await startServer("postgres");
  try {
    await using sqlite = new SqliteSessionDb({ file: join(folder, "agent.db") });
    const results = await benchmarkOn("SQLite", sqlite, repetitions);
    if (server !== null) {
      await using postgres = new PostgresSessionDb({ url: server.url, schema: "agent" });
      results.push(...(await benchmarkOn("Postgres", postgres, repetitions)));
    }
    return results;
  } finally {
    await server?.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function benchmarkOn(database: string, db: SessionDb, repetitions: number): Promise<AgentResult[]> {
  const results: AgentResult[] = [];
  for (const length of [10, 10_000]) {
    const sessionId = `of ${length}`;
    for (let start = 0; start < length; start += 500) {
      const count = Math.min(500, length - start);
      const runs = Array.from({ length: count }, (_, index) => runOf(`${length} ${start + index}`));
      await db.upsertSession({ ...session(sessionId), runs });
    }
    const calls: string[] = [];
    await new Agent({ id: "agent", model, db: counted(db, calls) }).run(user, { sessionId });
    const agent = new Agent({ id: "agent", model, db });
    const history = await historyOf(db, sessionId);
    const turns: number[] = [];
    const byHands: number[] = [];
    for (let repetition = 0; repetition < repetitions; repetition += 1) {
      turns.push(await processorTime(() => agent.run(user, { sessionId })));
      byHands.push(await processorTime(() => byHand(db, { sessionId, history, runId: crypto.randomUUID() })));
    }
    const [turn, hand] = [median(turns), median(byHands)];
    const reads = calls.filter((name) => name.startsWith("get")).length;
    const own = turn - hand;
    results.push({ database, length, reads, writes: calls.length - reads, turn, byHand: hand, own, atMost: 2 });
  }
  return results;
}

/** The same calls of the model and of the store, without an agent. */
async function byHand(
  db: SessionDb,
  { sessionId, history, runId }: { sessionId: string; history: ModelMessage[]; runId: string },
): Promise<void> {
  await db.getSession({ sessionId, runsLimit: 10 });
  await db.upsertRun({ session: session(sessionId), run: runOf(runId, "RUNNING") });
  await generateText({ model, messages: [...history, { role: "user", content: user }] });
  const change = ({ sessionData }: { sessionData: object }) => ({
    sessionData: { ...sessionData, session_metrics: {} },
  });
  await db.upsertRun({ session: session(sessionId), run: runOf(runId), change });
}

async function historyOf(db: SessionDb, sessionId: string): Promise<ModelMessage[]> {
  const read = await db.getSession({ sessionId, runsLimit: 10 });
  return (read?.messages ?? []).map(({ role, content }) =>
    role === "user" ? { role, content: content as string } : { role: "assistant", content: content as string },
  );
}

async function processorTime(work: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user: own, system } = process.cpuUsage(before);
  return (own + system) / 1000;
}

function counted(db: SessionDb, calls: string[]): SessionDb {
  return new Proxy(db, {
    get: (target, name) => {
      const member = Reflect.get(target, name, target) as unknown;
      if (typeof member !== "function") {
        return member;
      }
      return (...values: unknown[]): unknown => {
        calls.push(String(name));
        return (member as (...given: unknown[]) => unknown).apply(target, values);
      };
    },
  });
}
