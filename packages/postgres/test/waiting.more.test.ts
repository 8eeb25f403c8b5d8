import { PostgresSessionDb } from "@sessiondb/postgres";
import {
  allOf,
  fillForWaiting,
  slowness,
  waitingCalls,
  waitingTimes,
  waitTogether,
} from "@sessiondb/testing/waiting-calls";
import { describe, expect, inject, test } from "vitest";
import { Sandbox } from "./support.ts";

describe.skipIf(inject("postgres") === null)("calls on one session", () => {
  const sandbox = new Sandbox("postgres");

  describe.each(Object.entries(waitingCalls))("many %s at once", { timeout: 60_000 }, (_, call) => {
    test("all get through, however long the others before them take", async () => {
      const schema = sandbox.schema();
      await using db = new PostgresSessionDb({ url: sandbox.url, schema, ...waitingTimes });
      await fillForWaiting(db);
      await sandbox.query(
        `create function ${schema}.slow() returns trigger language plpgsql as $$ begin
           perform pg_sleep(${slowness / 1000}); return new; end $$`,
        `create trigger slow before update on ${schema}.agno_sessions for each row execute function ${schema}.slow()`,
        `create trigger slow before insert on ${schema}.agno_runs for each row execute function ${schema}.slow()`,
      );
      expect(await waitTogether(db, call, 25_000)).toEqual(allOf(null));
    });

    test("give up together if another program keeps it locked, and keep nobody else waiting", async () => {
      const schema = sandbox.schema();
      await using db = new PostgresSessionDb({ url: sandbox.url, schema, ...waitingTimes });
      await fillForWaiting(db);
      const holder = await sandbox.connect();
      await holder.query("begin");
      await holder.query(`select 1 from ${schema}.agno_sessions where session_id = 's' for update`);
      expect(await waitTogether(db, call, 10_000)).toEqual(allOf("DATABASE_BUSY"));
      await holder.end();
      await call(db, 0);
    });
  });
});
