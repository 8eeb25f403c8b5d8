import { SqliteSessionDb } from "@sessiondb/sqlite";

// leave-open <file>: uses a store and never closes it. The process must end all the same.
const db = new SqliteSessionDb({ file: process.argv[2] ?? "" });
await db.upsertRun({
  session: { sessionType: "agent", sessionId: "s", agentId: "agent-1" },
  run: { runType: "agent", runId: "r" },
});
process.stdout.write("stored");
