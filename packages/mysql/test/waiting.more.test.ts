import { MySqlSessionDb } from "@sessiondb/mysql";
import {
  allOf,
  fillForWaiting,
  slowness,
  waitingCalls,
  waitingTimes,
  waitTogether,
} from "@sessiondb/testing/waiting-calls";
import { describe, expect, test } from "vitest";
import { freshDatabase, onEachServer, query, withConnection } from "./support.ts";

onEachServer((server) => {
  describe.each(Object.entries(waitingCalls))("many %s on one session at once", { timeout: 60_000 }, (_, call) => {
    test("all get through, however long the others before them take", async () => {
      const url = await freshDatabase(server.url);
      await using db = new MySqlSessionDb({ url, ...waitingTimes });
      await fillForWaiting(db);
      for (const [name, event] of [
        ["slow_update", "update on agno_sessions"],
        ["slow_insert", "insert on agno_runs"],
      ]) {
        await query(url, `create trigger ${name} before ${event} for each row do sleep(${slowness / 1000})`);
      }
      expect(await waitTogether(db, call, 25_000)).toEqual(allOf(null));
    });

    test("give up together if another program keeps it locked, and keep nobody else waiting", async () => {
      const url = await freshDatabase(server.url);
      await using db = new MySqlSessionDb({ url, ...waitingTimes });
      await fillForWaiting(db);
      await withConnection(url, async (holder) => {
        await holder.query("start transaction");
        await holder.query("select * from agno_sessions where session_id = 's' for update");
        expect(await waitTogether(db, call, 10_000)).toEqual(allOf("DATABASE_BUSY"));
      });
      await call(db, 0);
    });
  });
});
