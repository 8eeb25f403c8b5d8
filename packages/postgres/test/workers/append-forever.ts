import { writeSync } from "node:fs";
import { PostgresSessionDb } from "@sessiondb/postgres";

// append-forever <url> <schema> <number>: appends runs until it is told to stop, four at a time, and prints the id of each
// one that was acknowledged. The server goes and comes back meanwhile.
const [url = "", schema = "", name = ""] = process.argv.slice(2);

const db = new PostgresSessionDb({ url, schema, retryTimeout: 60_000 });
const stop = new AbortController();
process.stdin.on("data", () => stop.abort());
await Promise.all(
  [0, 1, 2, 3].map(async (writer) => {
    for (let index = 0; !stop.signal.aborted; index += 1) {
      const runId = `${name}.${writer}-${index}`;
      await db.upsertRun({
        session: { sessionType: "agent", sessionId: `s${writer % 2}`, agentId: "a" },
        run: { runType: "agent", agentId: "a", runId, content: "x".repeat(5000) },
      });
      writeSync(1, `${runId}\n`);
    }
  }),
);
await db.close();
process.stdin.destroy();
