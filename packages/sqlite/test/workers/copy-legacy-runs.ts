import { writeSync } from "node:fs";
import { SqliteSessionDb } from "@sessiondb/sqlite";

// copy-legacy-runs <file>: copies the runs of Agno 2 into rows and prints a line for each batch; stops at SIGTERM.
const [file = ""] = process.argv.slice(2);

const controller = new AbortController();
process.on("SIGTERM", () => controller.abort(new Error("terminated")));
await using db = new SqliteSessionDb({ file });
try {
  await db.migrateLegacyRuns({
    signal: controller.signal,
    onProgress: ({ runs }) => writeSync(1, `copied ${runs}\n`),
  });
  writeSync(1, "done\n");
} catch (error) {
  if (error !== controller.signal.reason) {
    throw error;
  }
  writeSync(1, "stopped\n");
}
