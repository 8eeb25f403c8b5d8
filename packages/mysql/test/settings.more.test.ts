import { SessionDbError, type SessionDb } from "@sessiondb/core";
import { MySqlSessionDb } from "@sessiondb/mysql";
import { agentRun, agentSession } from "@sessiondb/testing/models";
import { createPool, type Connection } from "mysql2/promise";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { programOf } from "../../../scripts/servers/mysql-databases.ts";
import { startMysql, type MysqlServer } from "../../../scripts/servers/mysql.ts";
import { connect, query } from "./support.ts";

const text = "it's \\ \"q\" é😀 Łódź für müller '' 🎉";
const long = "x".repeat(100);

/** Some of everything, with results that hang on what the session of the server is set to. */
async function exercise(db: SessionDb): Promise<void> {
  const scope = { userId: "šda 😀" };
  for (const id of ["a", "b", "c"]) {
    const written = { content: text, metadata: { empty: "", text } };
    await db.upsertRun({ session: agentSession(`${long}s`, scope), run: agentRun(`${long}${id}`, written) });
  }
  await db.upsertRun({
    session: agentSession(`${long}s`, scope),
    run: agentRun("d"),
    change: { sessionName: "ΟΔΟΣ \\ 'É' 😀" },
  });
  await db.upsertSessions([agentSession(`${long}t`, { createdAt: 5 }), agentSession(`${long}u`, { createdAt: 5 })]);
  await db.updateSession({ sessionId: `${long}t` }, { sessionState: { text, empty: "" } });
  // The same again, at the same second: nothing changes, and that is no failure.
  await db.updateSession({ sessionId: `${long}t` }, { sessionState: { text, empty: "" } });
  await db.upsertRun({ session: agentSession(`${long}s`, scope), run: agentRun("d") });
  const read = await db.getSession({ sessionId: `${long}s`, ...scope });
  expect(read?.runs.map(({ runId }) => runId.slice(-1))).toEqual(["a", "b", "c", "d"]);
  expect(read?.runs[0]).toMatchObject({ content: text, metadata: { empty: "", text } });
  expect((await db.getSession({ sessionId: `${long}t` }))?.sessionState).toEqual({ text, empty: "" });
  expect((await db.getSessions({ userId: "ada 😀" })).sessions).toEqual([]);
  expect((await db.getSessions({ sessionName: "οδος \\ 'é'" })).sessions).toHaveLength(1);
  const inOrder = await db.getSessions({
    includeTotal: true,
    sortBy: "createdAt",
    sortOrder: "asc",
    includeRuns: true,
  });
  expect([inOrder.total, inOrder.sessions.map(({ sessionId }) => sessionId.slice(-1))]).toEqual([3, ["t", "u", "s"]]);
  expect((await db.getSessions({ limit: 2, sortBy: "updatedAt" })).nextCursor).not.toBeNull();
  expect((await db.getRuns({ sessionId: `${long}s` })).runs).toHaveLength(4);
  expect((await db.getSessions({ participantId: "šda 😀", includeRunCount: true })).sessions[0]?.runCount).toBe(4);
  expect(await db.updateRun({ runId: "d" }, (stored) => ({ ...stored, content: text }))).toMatchObject({
    content: text,
  });
  expect(await db.deleteRuns({ runIds: [`${long}a`, "d"] })).toBe(2);
  expect(await db.deleteSession({ sessionId: `${long}s` })).toBe(true);
  expect((await db.getRuns()).runs).toEqual([]);
  expect(await db.deleteSessions({ filter: { sessionType: "agent" } })).toBe(2);
}

interface Expected {
  /** What a pool of the caller's, and a connection in a transaction, are refused for. */
  readonly refused?: string;
  /** The same, of a pool alone. */
  readonly poolRefused?: string;
  /** The code of the refusal, by all three. */
  readonly code?: string;
  readonly only?: "mysql" | "mariadb";
}

const charset = { refused: "utf8mb4" };
const harmlessModes =
  "STRICT_ALL_TABLES,ANSI_QUOTES,NO_BACKSLASH_ESCAPES,PAD_CHAR_TO_FULL_LENGTH,PIPES_AS_CONCAT,ONLY_FULL_GROUP_BY,IGNORE_SPACE,HIGH_NOT_PRECEDENCE,NO_UNSIGNED_SUBTRACTION,REAL_AS_FLOAT";

/** What follows `set session` or `set global`. */
const settings: Readonly<Record<string, Expected>> = {
  "sql_select_limit = 0": { refused: "sql_select_limit" },
  "sql_select_limit = 1": { refused: "sql_select_limit" },
  "sql_select_limit = 100000": { refused: "sql_select_limit" },
  "sql_safe_updates = 1": { refused: "sql_safe_updates" },
  "sql_big_selects = 0": { refused: "sql_big_selects" },
  "max_join_size = 1": { refused: "sql_big_selects" },
  "autocommit = 0": { poolRefused: "autocommit" },
  "completion_type = 1": { poolRefused: "completion_type" },
  "completion_type = 2": { poolRefused: "completion_type" },
  "transaction isolation level read uncommitted": { poolRefused: "READ UNCOMMITTED" },
  "transaction isolation level repeatable read": {},
  "transaction isolation level serializable": {},
  "transaction read only": { code: "DATABASE_READ_ONLY" },
  "sql_mode = ''": { refused: "STRICT" },
  "sql_mode = 'ANSI_QUOTES,PIPES_AS_CONCAT'": { refused: "STRICT" },
  [`sql_mode = '${harmlessModes}'`]: {},
  "sql_mode = 'TRADITIONAL'": {},
  "sql_mode = 'ORACLE,STRICT_TRANS_TABLES'": { only: "mariadb" },
  "sql_mode = 'MAXDB,STRICT_TRANS_TABLES'": { only: "mariadb" },
  "sql_mode = 'EMPTY_STRING_IS_NULL,STRICT_TRANS_TABLES'": { only: "mariadb", refused: "EMPTY_STRING_IS_NULL" },
  "character_set_client = latin1": charset,
  "character_set_client = gbk": charset,
  "character_set_results = latin1": charset,
  "character_set_results = NULL": charset,
  "character_set_results = utf8mb3": charset,
  "character_set_connection = utf8mb3": charset,
  "collation_connection = latin1_swedish_ci": charset,
  "collation_connection = utf8mb4_general_ci": {},
  "collation_connection = utf8mb4_turkish_ci": {},
  "time_zone = '+05:00'": {},
  "default_storage_engine = MyISAM": {},
  "max_execution_time = 20000": { only: "mysql" },
  "max_statement_time = 20": { only: "mariadb" },
  "default_regex_flags = 'EXTENDED'": { only: "mariadb" },
  "foreign_key_checks = 0": {},
  "unique_checks = 0": {},
  "innodb_strict_mode = 0": {},
  "innodb_lock_wait_timeout = 1": {},
  "sql_auto_is_null = 1": {},
  "group_concat_max_len = 4": {},
  "max_sort_length = 64": {},
  "tmp_table_size = 1024": {},
  "optimizer_switch = 'derived_merge=off,materialization=off,index_merge=off'": {},
  "lc_messages = 'fr_FR'": {},
  "lc_time_names = 'ar_SA'": {},
};

/** What the driver is told, in a URL or in the options of a pool. */
const driverOptions: Readonly<Record<string, Expected>> = {
  "charset=latin1": charset,
  "charset=utf8": charset,
  "charset=gbk": charset,
  "charset=utf8mb4": {},
  "charset=utf8mb4_general_ci": {},
  "charsetNumber=8": charset,
  "charsetNumber=33": charset,
  "flags=-FOUND_ROWS": { refused: "FOUND_ROWS" },
  'flags=["-FOUND_ROWS","-LOCAL_FILES"]': { refused: "FOUND_ROWS" },
  "flags=-LOCAL_FILES": {},
  "multipleStatements=true": {},
  "decimalNumbers=true": {},
  "supportBigNumbers=true&bigNumberStrings=true": {},
  "dateStrings=true": {},
  "typeCast=false": {},
  "rowsAsArray=true": {},
  "nestTables=true": {},
  'nestTables="_"': {},
  "namedPlaceholders=true": {},
  "timezone=Z": {},
  "compress=true": {},
  "stringifyObjects=true": {},
  "trace=false": {},
  "jsonStrings=false": {},
  "resetOnRelease=true": {},
  "maxPreparedStatements=1": {},
  "enableKeepAlive=false": {},
  "disableEval=true": {},
};

const entries = Object.entries(settings);

const outcomeOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => "runs",
    (error: unknown) => error,
  );

function expectOutcome(outcome: unknown, code: string | undefined, named: string | undefined): void {
  const expected = code ?? (named === undefined ? undefined : "INVALID_ARGUMENT");
  if (expected === undefined) {
    if (outcome !== "runs") {
      throw outcome;
    }
    return;
  }
  expect(outcome).toMatchObject({ code: expected });
  expect(SessionDbError.isInstance(outcome) ? outcome.message : "").toContain(named ?? "");
}

describe.each(["mysql", "mariadb"] as const)("%s", (flavour) => {
  let server: MysqlServer | null = null;
  let url = "";
  const uriOf = (): string => url.replace("mariadb:", "mysql:");

  beforeAll(async () => {
    const program = await programOf(flavour);
    server = program && (await startMysql({ program }));
    url = server === null ? "" : await freshDatabase(server);
    if (server !== null) {
      await using db = new MySqlSessionDb({ url });
      await db.migrate();
    }
  }, 60_000);
  afterAll(async () => {
    await server?.stop();
  });

  const inPool = async (options: object, setUp: string | null): Promise<unknown> => {
    const pool = createPool({ uri: uriOf(), connectionLimit: 2, ...options });
    if (setUp !== null) {
      pool.pool.on("connection", (connection) => connection.query(setUp));
    }
    try {
      return await outcomeOf(exercise(new MySqlSessionDb({ pool })));
    } finally {
      // A connection that is being reset refuses to be told to quit.
      await pool.end().catch(() => null);
    }
  };
  const inTransaction = async (connection: Connection, setUp: string | null): Promise<unknown> => {
    const db = new MySqlSessionDb({ url });
    try {
      if (setUp !== null) {
        await connection.query(setUp);
      }
      await connection.beginTransaction();
      const outcome = await outcomeOf(exercise(db.withTransaction(connection)));
      await connection.rollback();
      return outcome;
    } finally {
      connection.destroy();
      await db.close();
    }
  };

  for (const [setting, { only = flavour, code, refused, poolRefused = refused }] of entries) {
    test.skipIf(only !== flavour)(`${setting}: set, or refused by its name`, { timeout: 20_000 }, async () => {
      if (server === null) {
        return;
      }
      expectOutcome(await inPool({}, `set session ${setting}`), code, poolRefused);
      expectOutcome(await inTransaction(await connect(url), `set session ${setting}`), code, refused);
      const running = server;
      await withGlobal(server.url, setting, async () => {
        await using db = new MySqlSessionDb({ url: code === undefined ? await freshDatabase(running) : url });
        expectOutcome(await outcomeOf(exercise(db)), code, undefined);
      });
    });
  }

  for (const [options, { refused }] of Object.entries(driverOptions)) {
    test(`${options} of mysql2: overruled, or refused by its name`, { timeout: 20_000 }, async () => {
      if (server === null) {
        return;
      }
      const given = Object.fromEntries(
        Array.from(new URLSearchParams(options), ([name, value]) => [name, parsed(value)]),
      );
      await using db = new MySqlSessionDb({ url: `${url}?${new URLSearchParams(options).toString()}` });
      expectOutcome(await outcomeOf(exercise(db)), undefined, undefined);
      expectOutcome(await inPool(given, null), undefined, refused);
      // The server is told another character set, and the driver is not.
      expectOutcome(await inPool(given, "set names utf8mb4"), undefined, refused);
    });
  }

  test("init_connect does not reach the store's own connections", async () => {
    if (server === null) {
      return;
    }
    await query(server.url, "create user app@'%' identified by 'secret'");
    await query(server.url, "grant all on *.* to app@'%'");
    await query(
      server.url,
      flavour === "mysql"
        ? "revoke connection_admin, super on *.* from app@'%'"
        : "revoke connection admin, super on *.* from app@'%'",
    );
    const own = Object.assign(new URL(url), { username: "app", password: "secret" }).href;
    const statement = "set autocommit = 0, sql_select_limit = 1, sql_safe_updates = 1";
    await withGlobal(server.url, `init_connect = '${statement}'`, async () => {
      await using db = new MySqlSessionDb({ url: own });
      await exercise(db);
    });
  });

  test("a connection that cannot be set up is not used", async () => {
    if (server === null) {
      return;
    }
    await query(server.url, "create user limited@'%'");
    const limited = Object.assign(new URL(url), { username: "limited" }).href;
    await using db = new MySqlSessionDb({ url: limited });
    expect(await outcomeOf(db.getSessions())).toMatchObject({ code: "PERMISSION_DENIED" });
  });
});

function parsed(value: string): unknown {
  try {
    return JSON.parse(value) as unknown;
  } catch {
    return value;
  }
}

/** With a default of new sessions changed. */
async function withGlobal(url: string, setting: string, work: () => Promise<void>): Promise<void> {
  const name = /^(\w+) =/.exec(setting)?.[1];
  const before = name === undefined ? "transaction read write, isolation level repeatable read" : `${name} = default`;
  await query(url, `set global ${setting}`);
  try {
    await work();
  } finally {
    await query(url, `set global ${before}`);
  }
}

let databases = 0;

/** A new database, which goes with its server. */
async function freshDatabase({ url }: MysqlServer): Promise<string> {
  databases += 1;
  await query(url, `create database settings_${databases}`);
  return Object.assign(new URL(url), { pathname: `/settings_${databases}` }).href;
}
