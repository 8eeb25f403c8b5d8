import { SessionDbError } from "@sessiondb/core";
import { SqliteSessionDb } from "@sessiondb/sqlite";
import Database from "better-sqlite3";

// read-only-folder <file> [uid]: reads and writes, plainly and with `readonly`, and prints what comes of it as JSON.
const [file = "", uid = ""] = process.argv.slice(2);
// The native module is loaded while its folder may still be read.
new Database(":memory:").close();
if (uid !== "") {
  process.setuid?.(Number(uid));
}

async function outcome(readonly: boolean, writes: boolean): Promise<object> {
  try {
    await using db = new SqliteSessionDb({ file, readonly });
    if (writes) {
      await db.upsertRun({
        session: { sessionType: "agent", sessionId: "s", agentId: "agent-1" },
        run: { runType: "agent", runId: "r" },
      });
    }
    const found = await db.getSession({ sessionId: "s" });
    return { message: `${found?.runs.length} run` };
  } catch (error) {
    return SessionDbError.isInstance(error) ? { code: error.code, message: error.message } : { message: String(error) };
  }
}

const outcomes: object[] = [];
for (const readonly of [false, true]) {
  for (const writes of [false, true]) {
    outcomes.push(await outcome(readonly, writes));
  }
}
process.stdout.write(JSON.stringify(outcomes));
