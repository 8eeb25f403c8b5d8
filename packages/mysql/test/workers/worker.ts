// Runs what the test asks for, one JSON line after the other: { "task": …, … } in, { "result": … } or { "error": … } out. Says
// "ready" first.
import { createInterface } from "node:readline";
import { SessionDbError, type AgentRun, type JsonObject, type TurnSession } from "@sessiondb/core";
import { furtherTables } from "@sessiondb/drizzle";
import { MySqlSessionDb } from "@sessiondb/mysql";
import { notes, writeNote } from "../notes.ts";
import type { Task, TaskName } from "../task-worker.ts";

const session = (sessionId: string): TurnSession => ({ sessionType: "agent", sessionId, agentId: "agent-1" });
const run = (runId: string): AgentRun => ({ runType: "agent", runId, status: "COMPLETED", content: `Of ${runId}` });
const stores = new Map<string, MySqlSessionDb>();

function storeOf(url: string): MySqlSessionDb {
  const store = stores.get(url) ?? new MySqlSessionDb({ url, poolSize: 4 });
  stores.set(url, store);
  return store;
}

const tasks: { [Name in TaskName]: (task: Task & { task: Name }) => Promise<unknown> } = {
  /** Several writers at once, each of which appends its runs to one session in turn. */
  append: async ({ url, sessionId, writers, runs }) => {
    const db = storeOf(url);
    const write = async (writer: string): Promise<void> => {
      for (let index = 0; index < runs; index += 1) {
        await db.upsertRun({ session: session(sessionId), run: run(`${writer}-${index}`) });
      }
    };
    await Promise.all(writers.map(write));
  },
  increment: async ({ url, sessionId, times }) => {
    const db = storeOf(url);
    await Promise.all(
      Array.from({ length: times }, () =>
        db.updateSession({ sessionId }, ({ sessionState }) => ({
          sessionState: { count: Number(sessionState["count"] ?? 0) + 1 },
        })),
      ),
    );
  },
  /** One turn in each session; how long the slowest took, in milliseconds. */
  turns: async ({ url, sessionIds }) => {
    const times: number[] = [];
    for (const sessionId of sessionIds) {
      const start = performance.now();
      await storeOf(url).upsertRun({ session: session(sessionId), run: run(`run of ${sessionId}`) });
      times.push(performance.now() - start);
    }
    return Math.max(...times);
  },
  /** The first operation on a store of its own. */
  first: async ({ url, sessionId }) => {
    await using db = new MySqlSessionDb({ url, poolSize: 1 });
    await db.upsertRun({ session: session(sessionId), run: run(`run of ${sessionId}`) });
  },
  /** The first operation on a table beside those of the store. */
  note: async ({ url, sessionId }) => {
    await using db = new MySqlSessionDb({ url, poolSize: 1 });
    const { tables } = furtherTables(db, notes);
    await tables.planMigration();
    await db.upsertSession(session(sessionId));
    await writeNote(tables, `note of ${sessionId}`, sessionId);
  },
  /** Takes the last message of a run, several times at once; the messages taken. */
  pop: ({ url, runId, times }) => {
    const pop = async (): Promise<unknown> => {
      let popped: unknown = null;
      await storeOf(url).updateRun({ runId }, (stored) => {
        if (stored.runType !== "agent") {
          throw new TypeError("A run of an agent");
        }
        const messages = stored.messages ?? [];
        popped = messages.at(-1)?.content;
        return { ...stored, messages: messages.slice(0, -1) };
      });
      return popped;
    };
    return Promise.all(Array.from({ length: times }, pop));
  },
  /** Turns in the first session that count in the others too, in the order given. */
  cross: async ({ url, sessionIds: [first = "", ...others], name, times }) => {
    const counted = ({ sessionState }: { sessionState: JsonObject }) => ({
      sessionState: { count: Number(sessionState["count"] ?? 0) + 1 },
    });
    const turn = async (index: number): Promise<void> => {
      await storeOf(url).upsertRun({
        session: session(first),
        run: run(`${name}-${index}`),
        change: counted,
        also: others.map((sessionId) => ({ session: session(sessionId), change: counted })),
      });
    };
    await Promise.all(Array.from({ length: times }, (_, index) => turn(index)));
  },
  /** Whole sessions in the order given, again and again. */
  together: async ({ url, sessionIds, times }) => {
    for (let index = 0; index < times; index += 1) {
      await storeOf(url).upsertSessions(sessionIds.map(session));
    }
  },
  /** Turns until the time is over, whatever fails; the ids of those that were acknowledged. */
  endure: async ({ url, sessionId, milliseconds, name }) => {
    const acknowledged: string[] = [];
    const errors: Record<string, number> = {};
    const end = Date.now() + milliseconds;
    for (let index = 0; Date.now() < end; index += 1) {
      const runId = `${name}-${index}`;
      try {
        await storeOf(url).upsertRun({ session: session(sessionId), run: run(runId) });
        acknowledged.push(runId);
      } catch (error) {
        const code = SessionDbError.isInstance(error) ? error.code : `not typed: ${String(error)}`;
        errors[code] = (errors[code] ?? 0) + 1;
      }
    }
    return { acknowledged, errors };
  },
};

process.stdout.write("ready\n");
for await (const line of createInterface({ input: process.stdin })) {
  const task = JSON.parse(line) as Task;
  try {
    const result = (await (tasks[task.task] as (task: Task) => Promise<unknown>)(task)) ?? null;
    process.stdout.write(`${JSON.stringify({ result })}\n`);
  } catch (error) {
    process.stdout.write(`${JSON.stringify({ error: error instanceof Error ? error.stack : String(error) })}\n`);
  }
}
await Promise.all([...stores.values()].map((store) => store.close()));
