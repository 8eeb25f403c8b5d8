import { MySqlSessionDb } from "@sessiondb/mysql";
import { placeTests } from "@sessiondb/testing/run-places";
import { afterAll } from "vitest";
import { freshDatabase, onEachServer, query } from "./support.ts";

onEachServer((server) => {
  const stores: MySqlSessionDb[] = [];
  afterAll(() => Promise.all(stores.map((db) => db.close())));

  placeTests(async () => {
    const url = await freshDatabase(server.url);
    const db = new MySqlSessionDb({ url });
    stores.push(db);
    return { db, query: (sql) => query(url, sql.replace(/\bruns\b/, "agno_runs")) };
  });
});
