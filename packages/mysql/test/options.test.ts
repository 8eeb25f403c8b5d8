import { openSessionDb } from "@sessiondb/core";
import { fromUrl, MySqlSessionDb, ownStorageUrl, sessionTables, type MySqlSessionDbOptions } from "@sessiondb/mysql";
import { agentRun, agentSession } from "@sessiondb/testing/models";
import { refusal } from "@sessiondb/testing/refusal";
import { createPool as createCallbackPool } from "mysql2";
import { createPool, type Connection, type RowDataPacket } from "mysql2/promise";
import { describe, expect, test } from "vitest";
import { freshDatabase, onEachServer } from "./support.ts";

onEachServer((server) => {
  test("a store is opened by its connection string", async () => {
    const url = await freshDatabase(server.url);
    await using db = await openSessionDb(url);
    await db.upsertRun({ session: agentSession("s"), run: agentRun("r") });
    await using again = fromUrl(url.replace(/^\w+:/, "MARIADB:"));
    expect((await again.getSession({ sessionId: "s" }))?.runs).toHaveLength(1);
  });

  test("a connection string may name the database of the tables, which is created", async () => {
    const url = await freshDatabase(server.url);
    const database = `${new URL(url).pathname.slice(1)}_own`;
    await using db = await openSessionDb(`${url}?database=${database}`);
    await db.upsertRun({ session: agentSession("s"), run: agentRun("r") });
    const connection = createPool({ uri: url.replace(/^\w+:/, "mysql:") });
    const [[found]] = await connection.query<RowDataPacket[]>(`select count(*) as runs from ${database}.agno_runs`);
    await connection.query(`drop database ${database}`);
    await connection.end();
    expect(found).toEqual({ runs: 1 });
  });

  test("the constructor and openSessionDb use the same tables, and two stores stay apart", async () => {
    const base = await freshDatabase(server.url);
    const there = await freshDatabase(server.url);
    const database = new URL(there).pathname.slice(1);
    const text = `${base}?database=${database}&sessionTable=Chats%20%26%20more&runsTable=steps`;
    await using first = new MySqlSessionDb({ url: text });
    await using second = new MySqlSessionDb({ url: base });
    await using opened = await openSessionDb(text);
    const named = { database, sessionTable: "Chats & more", runsTable: "steps" };
    await using spelled = new MySqlSessionDb({ url: base, ...named });
    await first.upsertRun({ session: agentSession("s"), run: agentRun("r") });
    expect(await second.getSession({ sessionId: "s" })).toBeNull();
    expect((await opened.getSession({ sessionId: "s" }))?.runs).toHaveLength(1);
    expect((await spelled.getSession({ sessionId: "s" }))?.runs).toHaveLength(1);
    expect(await spelled.planMigration()).toEqual([]);
  });

  test("tables named sessions and runs can have all of Agno's indexes", async () => {
    const url = await freshDatabase(server.url);
    await using db = new MySqlSessionDb({ url, sessionTable: "sessions", runsTable: "runs", indexes: "agno" });
    await db.migrate();
    expect(await db.planMigration()).toEqual([]);
    await db.upsertRun({ session: agentSession("s"), run: agentRun("r") });
  });

  test("nothing happens before the first operation, and nothing is left after closing", async () => {
    const url = await freshDatabase(server.url);
    const unused = new MySqlSessionDb({ url });
    await unused.close();
    const db = new MySqlSessionDb({ url, poolSize: 3 });
    await Promise.all(
      ["a", "b", "c", "d", "e"].map((id) => db.upsertRun({ session: agentSession("s"), run: agentRun(id) })),
    );
    await db.close();
    await db.close();
    await refusal(db.getSession({ sessionId: "s" }), "CLOSED");
  });
});

const somewhere = "mysql://h/d";

function refusalOf(make: () => unknown): { code?: unknown; argument?: unknown; message?: unknown } {
  try {
    make();
  } catch (error) {
    return error as { code?: unknown; argument?: unknown; message?: unknown };
  }
  return {};
}

/** What no option can be, beside what only this one cannot be. */
const never = [null, {}, [], Symbol("x"), () => 1, Number.NaN];
const noCount = [...never, "1", true, -1, 1.5, Infinity, 2 ** 53];
const noName = [...never, 7, true, "", "a\0b", "a\ud800"];
const noFlag = [...never, "false", "", 0, 1];
const noTableName = [...noName, "x".repeat(49), "x ", "😀"];

const wrong: Readonly<Record<keyof MySqlSessionDbOptions, readonly unknown[]>> = {
  url: [...never, "", "postgres://h/d", "h/d", 7],
  pool: [...never, somewhere, createCallbackPool({ host: "h" })],
  database: [...noName, "x".repeat(65), "x ", "😀"],
  sessionTable: noTableName,
  runsTable: [...noTableName, "agno_sessions", "AGNO_SESSIONS", "agno_schema_versions"],
  memoryTable: [...noTableName, "agno_sessions", "AGNO_RUNS", "agno_schema_versions"],
  indexes: [...never, "Agno", "all", "", true],
  autoMigrate: noFlag,
  poolSize: [...noCount, 0],
  connectionTimeout: [...noCount, 0, 2 ** 31],
  statementTimeout: [...noCount, 0, 2 ** 31],
  retryTimeout: [...noCount, 2 ** 31],
  maxPayloadBytes: [...noCount, 0, "1MB"],
};

describe("options of the constructor", () => {
  test.each(Object.entries(wrong))("%s: an invalid value is refused by name", (name, values) => {
    const place = name === "pool" ? {} : { url: somewhere };
    for (const value of values) {
      const refused = refusalOf(() => new MySqlSessionDb({ ...place, [name]: value }));
      const expected = name === "url" ? ["INVALID_CONNECTION_STRING", undefined] : ["INVALID_ARGUMENT", name];
      expect([refused.code, refused.argument]).toEqual(expected);
    }
    expect(() => new MySqlSessionDb({ url: somewhere, ...(name !== "url" && { [name]: undefined }) })).not.toThrow();
  });

  test.each([
    "schemaName",
    "schema",
    "shema",
    "tableName",
    "Database",
    "uri",
    "connectionLimit",
    "readonly",
    "charset",
  ])("%s, which is not an option, is refused with a list of the options", (name) => {
    expect(refusalOf(() => new MySqlSessionDb({ url: somewhere, [name]: "x" }))).toMatchObject({
      code: "INVALID_ARGUMENT",
      argument: `options.${name}`,
      message: expect.stringContaining("sessionTable") as string,
    });
  });

  test.each([undefined, null, 7, somewhere, []])("%j instead of options is refused", (options) => {
    expect(refusalOf(() => new MySqlSessionDb(options as unknown as MySqlSessionDbOptions))).toMatchObject({
      code: "INVALID_ARGUMENT",
      argument: "options",
    });
  });

  test.each([
    [{}, "options"],
    [{ url: somewhere, pool: createPool({ host: "h" }) }, "options"],
    [{ pool: createPool({ host: "h" }), poolSize: 3 }, "poolSize"],
  ])("neither url nor pool, both, and options without effect are refused: %#", (options, argument) => {
    expect(refusalOf(() => new MySqlSessionDb(options))).toMatchObject({ code: "INVALID_ARGUMENT", argument });
  });

  test.each([undefined, null, {}, "x", createPool({ host: "h" })])(
    "withTransaction refuses anything but a connection: %#",
    (connection) => {
      const db = new MySqlSessionDb({ url: somewhere });
      expect(refusalOf(() => db.withTransaction(connection as Connection))).toMatchObject({
        code: "INVALID_ARGUMENT",
        argument: "connection",
      });
    },
  );
});

describe("options in a connection string", () => {
  const open = { "the constructor": (text: string) => new MySqlSessionDb({ url: text }), fromUrl };

  describe.each(Object.entries(open))("of %s", (_, make) => {
    test.each([
      ["Database", "database"],
      ["DATABASE", "database"],
      ["db", "database"],
      ["db_name", "database"],
      ["schema", "database"],
      ["session_table", "sessionTable"],
      ["sessiontable", "sessionTable"],
      ["sessions-table", "sessionTable"],
      ["tableName", "sessionTable"],
      ["runs_table", "runsTable"],
      ["runTable", "runsTable"],
    ])("the error of ?%s= says to write ?%s=", (name, meant) => {
      expect(refusalOf(() => make(`${somewhere}?${name}=x`))).toMatchObject({
        code: "INVALID_CONNECTION_STRING",
        message: expect.stringContaining(`Write ?${meant}=`) as string,
      });
    });

    test.each([
      ["autoMigrate", "autoMigrate"],
      ["auto_migrate", "autoMigrate"],
      ["poolSize", "poolSize"],
      ["pool_size", "poolSize"],
      ["indexes", "indexes"],
      ["connectionTimeout", "connectionTimeout"],
      ["statementTimeout", "statementTimeout"],
      ["retryTimeout", "retryTimeout"],
      ["max_payload_bytes", "maxPayloadBytes"],
    ])("the error of ?%s= names the option %s", (name, option) => {
      expect(refusalOf(() => make(`${somewhere}?${name}=x`))).toMatchObject({
        code: "INVALID_CONNECTION_STRING",
        message: expect.stringContaining(`option ${option}`) as string,
      });
    });

    test("mysql2's own parameters are passed on", () => {
      const theirs =
        "ssl=%7B%7D&connectionLimit=3&connectTimeout=5&charset=latin1&timezone=Z&flags=-FOUND_ROWS&socketPath=x";
      expect(() => make(`${somewhere}?${theirs}&database=a`)).not.toThrow();
    });

    test.each(["database", "sessionTable", "runsTable"])("?%s= without a value, or given twice, is refused", (name) => {
      expect(refusalOf(() => make(`${somewhere}?${name}=`))).toMatchObject({
        code: "INVALID_ARGUMENT",
        argument: name,
      });
      expect(refusalOf(() => make(`${somewhere}?${name}=a&${name}=b`))).toMatchObject({ argument: name });
      expect(() => make(`${somewhere}?${name}=a&${name}=a`)).not.toThrow();
    });
  });

  test.each(["database", "sessionTable", "runsTable"])("%s in both is refused unless both are the same", (name) => {
    const both = (value: string) => new MySqlSessionDb({ url: `${somewhere}?${name}=a`, [name]: value });
    expect(refusalOf(() => both("b"))).toMatchObject({ code: "INVALID_ARGUMENT", argument: name });
    expect(() => both("a")).not.toThrow();
  });
});

test.each([
  "",
  "mysql:",
  "mysql://",
  "postgres://root@localhost/test",
  "mysql://root:secret@localhost",
  "mysql://root:s3cret@host:port/x",
])("the connection string %j is refused, and not repeated", (text) => {
  expect(() => fromUrl(text)).toThrow(expect.objectContaining({ code: "INVALID_CONNECTION_STRING" }));
  expect(() => fromUrl(text)).toThrow(
    expect.not.objectContaining({ message: expect.stringMatching(/s.cret/) as string }),
  );
});

test("a connection string without database serves a store that names one", () => {
  expect(new MySqlSessionDb({ url: "mysql://root@localhost", database: "agents" })).toBeInstanceOf(MySqlSessionDb);
});

test("the tables serve the application's own queries", () => {
  const { sessions, runs } = sessionTables({ sessionTable: "mine", database: "agents" });
  expect(sessions.sessionId.getSQLType()).toBe("varchar(128)");
  expect(runs.runData.getSQLType()).toBe("json");
});

test.each([
  ["mysql://u:p@h:3306/app", "mysql://u:p@h:3306/app?database=app_bot"],
  ["mariadb://h/app?database=ai", "mariadb://h/app?database=ai_bot"],
])("own storage next to %s is a database", (shared, own) => {
  expect(ownStorageUrl(shared, "bot")).toBe(own);
});
