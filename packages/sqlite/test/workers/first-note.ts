import { existsSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { SqliteSessionDb } from "@sessiondb/sqlite";
import { Notes } from "../notes-tables.ts";

// first-note <file> <session id> <other session id>: the first note in a new file, as soon as the other process is ready.
const [file = "", sessionId = "", otherId = ""] = process.argv.slice(2);

writeFileSync(`${file}-${sessionId}-ready`, "");
while (!existsSync(`${file}-${otherId}-ready`)) {
  await sleep(1);
}
await using db = new SqliteSessionDb({ file, busyTimeout: 60_000 });
await db.upsertSession({ sessionType: "agent", sessionId });
await new Notes(db).add(sessionId, ["one", "two"]);
