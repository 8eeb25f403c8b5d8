import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { createPool } from "mysql2/promise";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { programOf } from "../../../scripts/servers/mysql-databases.ts";
import { startMysql, type MysqlServer } from "../../../scripts/servers/mysql.ts";
import { MySqlSessionDb } from "@sessiondb/mysql";
import { bound, faultsOf, fill, outcomeOf, serverFaults, times } from "@sessiondb/testing/bounded-calls";
import { firstLookFaults, firstLookTime } from "@sessiondb/testing/first-looks";
import { NetworkProxy } from "@sessiondb/testing/network-proxy";
import { locksOfSilentEnds } from "@sessiondb/testing/silent-ends";
import { connect, query } from "./support.ts";

/** What calls may fail with while the server cannot serve them. */
const codes = ["DATABASE_BUSY", "DATABASE_UNREACHABLE"];

describe.each(["mysql", "mariadb"] as const)("every call ends in time on %s", { timeout: 60_000 }, (flavour) => {
  let server: MysqlServer;
  beforeAll(async () => {
    const program = await programOf(flavour);
    if (program === null) {
      throw new Error(`${flavour} is to be had as a container only, which cannot be stopped here`);
    }
    server = await startMysql({ program });
  }, 300_000);
  afterAll(() => server.stop(), 60_000);

  /** Breaks something, and returns what mends it. */
  const faults: Readonly<Record<string, (proxy: NetworkProxy, url: string) => Promise<() => Promise<void>>>> = {
    "rows are locked": (_, url) => holding(url, "select * from agno_sessions for update"),
    "tables are locked": (_, url) => holding(url, "lock tables agno_sessions write, agno_runs write"),
    ...serverFaults(() => server),
  };

  async function holding(url: string, statement: string): Promise<() => Promise<void>> {
    const connection = await connect(url);
    await connection.query("start transaction");
    await connection.query(statement);
    return () => connection.end();
  }

  interface Kind {
    readonly open: () => MySqlSessionDb;
    readonly end: () => Promise<void>;
  }
  const kinds: Readonly<Record<string, (url: string) => Kind>> = {
    "its own pool": (url) => ({ open: () => new MySqlSessionDb({ url, ...times }), end: async () => {} }),
    "a pool of the caller's": (url) => {
      const pool = createPool({ uri: url.replace(/^mariadb:/, "mysql:"), connectionLimit: 10, connectTimeout: 600 });
      pool.on("connection", (made) => (made as unknown as NodeJS.EventEmitter).on("error", () => null));
      return { open: () => new MySqlSessionDb({ pool, ...times }), end: async () => pool.end() };
    },
  };

  const matrix = Object.entries(faults).flatMap(([fault, breaks]) =>
    Object.entries(kinds).flatMap(([kind, kindOf]) =>
      ["warm", "cold"].map((state) => ({ fault, breaks, kind, kindOf, state })),
    ),
  );

  let databases = 0;
  async function newDatabase(): Promise<string> {
    databases += 1;
    await query(server.url, `create database bounds_${databases}`);
    return Object.assign(new URL(server.url), { pathname: `/bounds_${databases}` }).href;
  }

  test.each(matrix)("$fault: $kind, $state", async ({ breaks, kindOf, state }) => {
    const url = await newDatabase();
    await using direct = new MySqlSessionDb({ url });
    await fill(direct);
    await using proxy = await NetworkProxy.to(url);
    const { open, end } = kindOf(proxy.url);
    const db = open();
    if (state === "warm") {
      // Every connection of the pool, unless the machine is too slow for these times.
      await Promise.allSettled(Array.from({ length: 10 }, () => db.getSessions()));
    }
    const mend = await breaks(proxy, url);
    const found = await faultsOf(db, codes);
    await mend();
    expect(found).toEqual([]);
    await expect.poll(() => db.getSessions().then(() => "well", String), { timeout: bound * 4 }).toBe("well");
    const start = performance.now();
    await db.close();
    expect(performance.now() - start).toBeLessThan(bound + 3000);
    await end();
    const waiting = async (): Promise<number> => {
      const sql = "select id from information_schema.processlist where db = ? and command in ('Query', 'Execute')";
      return (await query(server.url, sql, new URL(url).pathname.slice(1))).length;
    };
    await expect.poll(waiting, { timeout: 5000 }).toBe(0);
  });

  test("a first call that meets a dead connection", { timeout: firstLookTime }, async () => {
    const { wrong, packets } = await firstLookFaults(async () => {
      const proxy = await NetworkProxy.to(await newDatabase());
      return { proxy, open: (url) => new MySqlSessionDb({ url, ...times }) };
    });
    expect(wrong).toEqual([]);
    expect(packets).toBeGreaterThan(10);
  });

  test("connections that end without a word leave no lock behind", { timeout: 120_000 }, async () => {
    const { wrong, packets } = await locksOfSilentEnds({
      url: await newDatabase(),
      open: (url, { isShort }) => new MySqlSessionDb({ url, ...(isShort && times) }),
    });
    expect(wrong).toEqual([]);
    expect(packets).toBeGreaterThan(3);
  });

  test("connections that the server closes because they were idle are replaced", async () => {
    await using db = new MySqlSessionDb({ url: await newDatabase(), statementTimeout: 500, retryTimeout: 0 });
    const reads = () => Promise.all(Array.from({ length: 20 }, () => db.getSessions()));
    await db.migrate();
    await reads();
    await sleep(4500);
    await reads();
  });

  test.each(["call", "migrate"])("the migration of another process never ends: %s", async (what) => {
    const url = await newDatabase();
    const name = new URL(url).pathname.slice(1);
    const lock = createHash("sha1")
      .update(JSON.stringify([name, "agno_sessions"]))
      .digest("hex");
    const holder = await connect(url);
    await holder.query(`select get_lock('sessiondb ${lock}', 5)`);
    const db = new MySqlSessionDb({ url, ...times });
    const call = what === "call" ? db.getSessions() : db.migrate();
    expect(
      await outcomeOf(
        what,
        call.then(() => Promise.reject(new Error("It succeeded."))),
        { codes },
      ),
    ).toEqual([]);
    await holder.end();
    await expect.poll(() => db.getSessions().then(() => "well", String), { timeout: bound * 4 }).toBe("well");
    await db.close();
  });
});
