import { once } from "node:events";
import { SessionDbError } from "@sessiondb/core";
import { SqliteSessionDb } from "@sessiondb/sqlite";

// write-for <file> <name> <writers> <seconds>: once it is told to, appends runs by several writers at once, each to a
// session of its own, and prints as JSON how long each call of each writer took, in milliseconds, and the codes of
// those that failed.
const [file = "", name = "", writers = "1", seconds = "1"] = process.argv.slice(2);

const content = "x".repeat(4000);
const failed: string[] = [];

await using db = new SqliteSessionDb({ file });

async function append(sessionId: string, runId: string): Promise<number> {
  const start = performance.now();
  try {
    await db.upsertRun({
      session: { sessionType: "agent", sessionId, agentId: "agent-1" },
      run: { runType: "agent", runId, content },
    });
  } catch (error) {
    failed.push(SessionDbError.isInstance(error) ? error.code : String(error));
  }
  return Math.round((performance.now() - start) * 10) / 10;
}

async function write(sessionId: string, end: number): Promise<number[]> {
  const took: number[] = [];
  while (performance.now() < end) {
    took.push(await append(sessionId, `${sessionId}-${took.length}`));
  }
  return took;
}

await append(name, name);
process.stdout.write("ready\n");
await once(process.stdin, "data");
const end = performance.now() + Number(seconds) * 1000;
const took = await Promise.all(Array.from({ length: Number(writers) }, (_, writer) => write(`${name}-${writer}`, end)));
process.stdout.write(`${JSON.stringify({ took, failed })}\n`);
process.stdin.destroy();
