import { PostgresSessionDb } from "@sessiondb/postgres";
import { endure, enduringTimes } from "@sessiondb/testing/enduring-client";

// endure <url> <name>: see `endure`.
const [url = "", name = ""] = process.argv.slice(2);

await endure(new PostgresSessionDb({ url, schema: "faults", poolSize: 4, ...enduringTimes }), name);
