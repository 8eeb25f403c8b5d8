import { writeSync } from "node:fs";
import { SqliteSessionDb } from "@sessiondb/sqlite";

// append-forever <file> <name>: appends runs until it is killed, and prints the id of each one that was acknowledged.
// Each turn also counts itself in the session state, so that a turn stored by half would show.
const [file = "", name = ""] = process.argv.slice(2);

const content = "x".repeat(20_000);
const db = new SqliteSessionDb({ file });
writeSync(1, "started\n");
for (let index = 0; ; index += 1) {
  const runId = `${name}-${index}`;
  await db.upsertRun({
    session: { sessionType: "agent", sessionId: "s", agentId: "agent-1" },
    run: { runType: "agent", runId, content },
    change: ({ sessionState }) => ({ sessionState: { turns: Number(sessionState["turns"] ?? 0) + 1 } }),
  });
  writeSync(1, `${runId}\n`);
}
