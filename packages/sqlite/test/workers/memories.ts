import { SqliteSessionDb } from "@sessiondb/sqlite";
import { workOnMemories } from "@sessiondb/testing/memory-tasks";

// memories <file> <task> <name>: see `workOnMemories`.
const [file = "", ...values] = process.argv.slice(2);

await workOnMemories(() => new SqliteSessionDb({ file, busyTimeout: 60_000 }), values);
