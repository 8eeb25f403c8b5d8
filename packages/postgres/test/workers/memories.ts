import { PostgresSessionDb } from "@sessiondb/postgres";
import { workOnMemories } from "@sessiondb/testing/memory-tasks";

// memories <url> <schema> <task> <name>: see `workOnMemories`.
const [url = "", schema = "", ...values] = process.argv.slice(2);

await workOnMemories((times) => new PostgresSessionDb({ url, schema, poolSize: 4, ...times }), values);
