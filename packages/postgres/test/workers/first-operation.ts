import { createInterface } from "node:readline";
import { PostgresSessionDb } from "@sessiondb/postgres";

// first-operation <url> <stores> <number>: for each schema named on stdin, the first operation of so many new stores.
const [url = "", stores = "1", name = ""] = process.argv.slice(2);

process.stdout.write("ready\n");
for await (const schema of createInterface(process.stdin)) {
  await Promise.all(
    Array.from({ length: Number(stores) }, async (_, index) => {
      await using db = new PostgresSessionDb({ url, schema, poolSize: 1 });
      await db.upsertRun({
        session: { sessionType: "agent", sessionId: "s", agentId: "a" },
        run: { runType: "agent", agentId: "a", runId: `${name}.${index}` },
      });
    }),
  );
  process.stdout.write(`${schema}\n`);
}
