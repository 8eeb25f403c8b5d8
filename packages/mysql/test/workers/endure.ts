import { MySqlSessionDb } from "@sessiondb/mysql";
import { endure, enduringTimes } from "@sessiondb/testing/enduring-client";

// endure <url> <name>: see `endure`.
const [url = "", name = ""] = process.argv.slice(2);

await endure(new MySqlSessionDb({ url, poolSize: 4, ...enduringTimes }), name);
