import { MySqlSessionDb } from "@sessiondb/mysql";
import { crossingTests } from "@sessiondb/testing/crossing-deletes";
import { freshDatabase, onEachServer, query } from "./support.ts";

onEachServer((server) => {
  crossingTests(async () => {
    const url = await freshDatabase(server.url);
    return {
      open: () => new MySqlSessionDb({ url }),
      query: (sql) => query(url, sql.replaceAll(/\b(runs|sessions)\b/g, "agno_$1")),
    };
  });
});
