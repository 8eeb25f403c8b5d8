import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  embeddedPostgres,
  installedPostgres,
  startPostgres,
  type PostgresServer,
} from "../../../scripts/servers/postgres.ts";
import { startPgBouncer } from "../../../scripts/servers/pgbouncer.ts";
import { PostgresSessionDb } from "@sessiondb/postgres";
import { bound, faultsOf, fill, outcomeOf, serverFaults, times } from "@sessiondb/testing/bounded-calls";
import { firstLookFaults, firstLookTime } from "@sessiondb/testing/first-looks";
import { NetworkProxy } from "@sessiondb/testing/network-proxy";
import { locksOfSilentEnds } from "@sessiondb/testing/silent-ends";

const binaries = installedPostgres() ?? embeddedPostgres();

/** What calls may fail with while the server cannot serve them. */
const codes = ["DATABASE_BUSY", "DATABASE_UNREACHABLE"];

describe.skipIf(binaries === null)("every call ends in time", { timeout: 60_000 }, () => {
  let server: PostgresServer;
  let bouncer: Awaited<ReturnType<typeof startPgBouncer>>;
  beforeAll(async () => {
    server = await startPostgres({ binaries: binaries ?? "" });
    bouncer = await startPgBouncer(server.url, { followsPrepared: true });
  }, 120_000);
  afterAll(async () => {
    await bouncer.stop();
    await server.stop();
  }, 60_000);

  /** Breaks something, and returns what mends it. */
  const faults: Readonly<Record<string, (proxy: NetworkProxy, schema: string) => Promise<() => Promise<void>>>> = {
    "rows are locked": (_, schema) => holding(`select 1 from ${schema}.agno_sessions for update`),
    "tables are locked": (_, schema) => holding(`lock ${schema}.agno_sessions, ${schema}.agno_runs`),
    ...serverFaults(() => server),
  };

  async function holding(statement: string): Promise<() => Promise<void>> {
    const client = new pg.Client({ connectionString: server.url });
    await client.connect();
    await client.query("begin");
    await client.query(statement);
    return () => client.end();
  }

  const kinds: Readonly<
    Record<string, (url: string) => { open: (schema: string) => PostgresSessionDb; end: () => Promise<void> }>
  > = {
    "its own pool": (url) => ({
      open: (schema) => new PostgresSessionDb({ url, schema, ...times }),
      end: async () => {},
    }),
    "a pool of the caller's": (connectionString) => {
      const pool = new pg.Pool({ connectionString });
      pool.on("error", () => {});
      return { open: (schema) => new PostgresSessionDb({ pool, schema, ...times }), end: () => pool.end() };
    },
  };

  let schemas = 0;
  const matrix = Object.entries(faults).flatMap(([fault, breaks]) =>
    Object.entries(kinds).flatMap(([kind, kindOf]) =>
      ["Postgres", "PgBouncer"].flatMap((through) =>
        ["warm", "cold"].map((state) => ({ fault, breaks, kind, kindOf, through, state })),
      ),
    ),
  );

  test.each(matrix)("$fault: $kind, $through, $state", async ({ breaks, kindOf, through, state }) => {
    schemas += 1;
    const schema = `bounds_${schemas}`;
    await using direct = new PostgresSessionDb({ url: server.url, schema });
    await fill(direct);
    await using proxy = await NetworkProxy.to(through === "Postgres" ? server.url : bouncer.url);
    const { open, end } = kindOf(proxy.url);
    const db = open(schema);
    if (state === "warm") {
      // Every connection of the pool, unless the machine is too slow for these times.
      await Promise.allSettled(Array.from({ length: 10 }, () => db.getSessions()));
    }
    const mend = await breaks(proxy, schema);
    const found = await faultsOf(db, codes);
    await mend();
    expect(found).toEqual([]);
    // Well again at once, but for connections whose end the server has yet to notice.
    await expect.poll(() => db.getSessions().then(() => "well", String), { timeout: bound * 4 }).toBe("well");
    const start = performance.now();
    await db.close();
    expect(performance.now() - start).toBeLessThan(bound + 3000);
    await end();
    await expect.poll(() => waiting(schema), { timeout: 5000 }).toBe(0);
  });

  test.each(["Postgres", "PgBouncer"])(
    "a first call that meets a dead connection: %s",
    { timeout: firstLookTime },
    async (through) => {
      const { wrong, packets } = await firstLookFaults(async () => {
        schemas += 1;
        const schema = `bounds_${schemas}`;
        const proxy = await NetworkProxy.to(through === "Postgres" ? server.url : bouncer.url);
        return { proxy, open: (url) => new PostgresSessionDb({ url, schema, ...times }) };
      });
      expect(wrong).toEqual([]);
      expect(packets).toBeGreaterThan(10);
    },
  );

  test.each(Object.keys(kinds))("connections that end without a word leave no lock behind: %s", async (kind) => {
    schemas += 1;
    const schema = `bounds_${schemas}`;
    const ends: (() => Promise<void>)[] = [];
    const { wrong, packets } = await locksOfSilentEnds({
      url: server.url,
      open: (url, { isShort }) => {
        const opened = kinds[kind]?.(url);
        ends.push(async () => opened?.end());
        return isShort && opened !== undefined ? opened.open(schema) : new PostgresSessionDb({ url, schema });
      },
    });
    await Promise.all(ends.map((end) => end()));
    expect(wrong).toEqual([]);
    expect(packets).toBeGreaterThan(3);
  });

  test.each(["call", "migrate"])("the migration of another process never ends: %s", async (what) => {
    schemas += 1;
    const schema = `bounds_${schemas}`;
    const release = await holding(
      `select pg_advisory_xact_lock(hashtext('sessiondb'), hashtext('${schema}.agno_sessions'))`,
    );
    const db = new PostgresSessionDb({ url: server.url, schema, ...times });
    const call = what === "call" ? db.getSessions() : db.migrate();
    expect(
      await outcomeOf(
        what,
        call.then(() => Promise.reject(new Error("It succeeded."))),
        { codes },
      ),
    ).toEqual([]);
    await release();
    expect((await db.getSessions()).sessions).toEqual([]);
    await db.close();
  });

  /** The number of statements that the server runs for a store that has ended. */
  async function waiting(schema: string): Promise<number> {
    const client = new pg.Client({ connectionString: server.url });
    await client.connect();
    const { rows } = await client.query<{ n: number }>(
      "select count(*)::int as n from pg_stat_activity where state <> 'idle' and query like $1 and pid <> pg_backend_pid()",
      [`%${schema}%`],
    );
    await client.end();
    return rows[0]?.n ?? -1;
  }
});
