import { SqliteSessionDb } from "@sessiondb/sqlite";
import { lateDeleteTests } from "@sessiondb/testing/late-deletes";
import { agno2FileOf } from "./agno-2-rows.ts";
import { temporaryFile } from "./support.ts";

lateDeleteTests(async (rows) => {
  const db = new SqliteSessionDb({ file: rows === null ? temporaryFile() : agno2FileOf(rows) });
  // A writer locks the whole file, so nothing happens while a delete waits: each call comes before it or after it.
  return { db, hold: async () => async () => {} };
});
