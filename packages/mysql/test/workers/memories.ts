import { MySqlSessionDb } from "@sessiondb/mysql";
import { workOnMemories } from "@sessiondb/testing/memory-tasks";

// memories <url> <task> <name>: see `workOnMemories`.
const [url = "", ...values] = process.argv.slice(2);

await workOnMemories((times) => new MySqlSessionDb({ url, poolSize: 4, ...times }), values);
