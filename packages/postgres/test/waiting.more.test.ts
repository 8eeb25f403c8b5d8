import pg from "pg";
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
import { Sandbox, type Database } from "./support.ts";

/** A store, and where it gets its connections. */
interface Kind {
  readonly database: Database;
  readonly isOwn: boolean;
}

const kinds: Readonly<Record<string, Kind>> = {
  "its own pool": { database: "postgres", isOwn: true },
  "a pool of the caller's": { database: "postgres", isOwn: false },
  PgBouncer: { database: "pgBouncer", isOwn: true },
};

const matrix = Object.entries(kinds).flatMap(([kind, { database, isOwn }]) =>
  Object.entries(waitingCalls)
    .filter(([calls]) => kind === "its own pool" || ["turns", "all of these"].includes(calls))
    .map(([calls, call]) => ({ kind, database, isOwn, calls, call })),
);

describe.each(matrix.filter(({ database }) => inject(database) !== null))(
  "many calls on one session at once: $calls, on $kind",
  { timeout: 60_000 },
  ({ database, isOwn, call }) => {
    const sandbox = new Sandbox(database);

    async function withStore(work: (db: PostgresSessionDb, schema: string) => Promise<void>): Promise<void> {
      const schema = sandbox.schema();
      const pool = new pg.Pool({ connectionString: sandbox.url });
      const db = new PostgresSessionDb({ ...(isOwn ? { url: sandbox.url } : { pool }), schema, ...waitingTimes });
      await fillForWaiting(db);
      await work(db, schema);
      await db.close();
      await pool.end();
    }

    test("all get through, however long the others before them take", () =>
      withStore(async (db, schema) => {
        await sandbox.query(
          `create function ${schema}.slow() returns trigger language plpgsql as $$ begin
             perform pg_sleep(${slowness / 1000}); return new; end $$`,
          `create trigger slow before update on ${schema}.agno_sessions for each row execute function ${schema}.slow()`,
          `create trigger slow before insert on ${schema}.agno_runs for each row execute function ${schema}.slow()`,
        );
        expect(await waitTogether(db, call, 25_000)).toEqual(allOf(null));
      }));

    test("give up together if another program keeps it locked, and keep nobody else waiting", () =>
      withStore(async (db, schema) => {
        const holder = await sandbox.connect();
        await holder.query("begin");
        await holder.query(`select 1 from ${schema}.agno_sessions where session_id = 's' for update`);
        expect(await waitTogether(db, call, 10_000)).toEqual(allOf("DATABASE_BUSY"));
        await holder.end();
        await call(db, 0);
      }));
  },
);
