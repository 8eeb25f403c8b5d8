import { SqliteSessionDb } from "@sessiondb/sqlite";

// append-runs <file> <session id> <name> <count>: appends runs one after the other and prints how long it took.
const [file = "", sessionId = "", name = "", count = "0"] = process.argv.slice(2);

await using db = new SqliteSessionDb({ file, busyTimeout: 60_000 });
const start = performance.now();
for (let index = 0; index < Number(count); index += 1) {
  await db.upsertRun({
    session: { sessionType: "agent", sessionId, agentId: "agent-1" },
    run: { runType: "agent", runId: `${name}-${index}`, content: `${name} ${index}` },
  });
}
process.stdout.write(String(Math.round(performance.now() - start)));
