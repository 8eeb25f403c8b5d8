import { SqliteSessionDb } from "@sessiondb/sqlite";
import { crossingTests } from "@sessiondb/testing/crossing-deletes";
import { query, temporaryFile } from "./support.ts";

crossingTests(async () => {
  const file = temporaryFile();
  return {
    open: () => new SqliteSessionDb({ file }),
    query: async (sql) => query(file, sql.replaceAll(/\b(runs|sessions)\b/g, "agno_$1")),
  };
});
