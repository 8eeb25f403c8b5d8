import { ConnectionStringError, openSessionDb } from "@sessiondb/core";
import pg from "pg";
import { describe, expect, inject, test } from "vitest";
import { fromUrl, ownStorageUrl, PostgresSessionDb, type PostgresSessionDbOptions } from "@sessiondb/postgres";
import { agentSession } from "@sessiondb/testing/models";
import { Sandbox } from "./support.ts";

const url = "postgres://h/d";

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

const wrong: Readonly<Record<keyof PostgresSessionDbOptions, readonly unknown[]>> = {
  url: [...never, "", "mysql://h/d", "h/d", 7],
  pool: [...never, url, new pg.Client()],
  client: [...never, url, new pg.Pool()],
  schema: [...noName, "x".repeat(64)],
  sessionTable: [...noName, "x".repeat(49)],
  runsTable: [...noName, "x".repeat(49), "agno_sessions", "AGNO_SESSIONS", "agno_schema_versions"],
  memoryTable: [...noName, "x".repeat(49), "agno_sessions", "AGNO_RUNS", "agno_schema_versions"],
  indexes: [...never, "Agno", "all", "", true],
  autoMigrate: noFlag,
  preparedStatements: noFlag,
  poolSize: [...noCount, 0],
  connectionTimeout: [...noCount, 0, 2 ** 31],
  statementTimeout: [...noCount, 0, 2 ** 31],
  retryTimeout: [...noCount, 2 ** 31],
  maxPayloadBytes: [...noCount, 0, "1MB"],
};

describe("options of the constructor", () => {
  test.each(Object.entries(wrong))("%s: an invalid value is refused by name", (name, values) => {
    const place = ["pool", "client"].includes(name) ? {} : { url };
    for (const value of values) {
      const { code, argument } = refusalOf(() => new PostgresSessionDb({ ...place, [name]: value }));
      const expected = name === "url" ? ["INVALID_CONNECTION_STRING", undefined] : ["INVALID_ARGUMENT", name];
      expect([String(value), code, argument]).toEqual([String(value), ...expected]);
    }
    expect(() => new PostgresSessionDb(Object.assign({ [name]: undefined }, { url }))).not.toThrow();
  });

  test.each(["schemaName", "shema", "tableName", "Schema", "connectionString", "max", "readonly", "database"])(
    "%s, which is not an option, is refused with a list of the options",
    (name) => {
      expect(refusalOf(() => new PostgresSessionDb({ url, [name]: "x" }))).toMatchObject({
        code: "INVALID_ARGUMENT",
        argument: `options.${name}`,
        message: expect.stringContaining("sessionTable") as string,
      });
    },
  );

  test.each([undefined, null, 7, "postgres://h/d", []])("%j instead of options is refused", (options) => {
    expect(refusalOf(() => new PostgresSessionDb(options as PostgresSessionDbOptions))).toMatchObject({
      code: "INVALID_ARGUMENT",
      argument: "options",
    });
  });

  test.each([
    [{ pool: new pg.Pool(), poolSize: 3 }, "poolSize"],
    [{ client: new pg.Client(), poolSize: 3 }, "poolSize"],
    [{ client: new pg.Client(), connectionTimeout: 3 }, "connectionTimeout"],
  ])("an option without effect next to another is refused: %#", (options, argument) => {
    expect(refusalOf(() => new PostgresSessionDb(options))).toMatchObject({ code: "INVALID_ARGUMENT", argument });
  });

  test.each([undefined, null, {}, new pg.Pool()])("withTransaction refuses anything but a client: %#", (client) => {
    const db = new PostgresSessionDb({ url });
    expect(refusalOf(() => db.withTransaction(client as pg.Client))).toMatchObject({
      code: "INVALID_ARGUMENT",
      argument: "client",
    });
  });
});

describe("options in a connection string", () => {
  const open = { "the constructor": (text: string) => new PostgresSessionDb({ url: text }), fromUrl };

  describe.each(Object.entries(open))("of %s", (_, make) => {
    test.each([
      ["Schema", "schema"],
      ["SCHEMA", "schema"],
      ["schemaName", "schema"],
      ["schema_name", "schema"],
      ["db_schema", "schema"],
      ["currentSchema", "schema"],
      ["search_path", "schema"],
      ["session_table", "sessionTable"],
      ["sessiontable", "sessionTable"],
      ["sessions-table", "sessionTable"],
      ["tableName", "sessionTable"],
      ["runs_table", "runsTable"],
      ["runTable", "runsTable"],
    ])("the error of ?%s= says to write ?%s=", (name, meant) => {
      expect(refusalOf(() => make(`${url}?${name}=x`))).toMatchObject({
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
      expect(refusalOf(() => make(`${url}?${name}=x`))).toMatchObject({
        code: "INVALID_CONNECTION_STRING",
        message: expect.stringContaining(`option ${option}`) as string,
      });
    });

    test("parameters of pg or a provider are passed on", () => {
      const theirs = "sslmode=disable&statement_timeout=5&application_name=a&options=-c%20x.y%3Dz&connection_limit=3";
      expect(() => make(`${url}?${theirs}&pgbouncer=true&schema=a&channel_binding=prefer`)).not.toThrow();
    });

    test.each(["schema", "sessionTable", "runsTable"])("?%s= without a value, or given twice, is refused", (name) => {
      expect(refusalOf(() => make(`${url}?${name}=`))).toMatchObject({ code: "INVALID_ARGUMENT", argument: name });
      expect(refusalOf(() => make(`${url}?${name}=a&${name}=b`))).toMatchObject({ argument: name });
      expect(() => make(`${url}?${name}=a&${name}=a`)).not.toThrow();
    });
  });

  test.each(["schema", "sessionTable", "runsTable"])("%s in both is refused unless both are the same", (name) => {
    const both = (value: string) => new PostgresSessionDb({ url: `${url}?${name}=a`, [name]: value });
    expect(refusalOf(() => both("b"))).toMatchObject({ code: "INVALID_ARGUMENT", argument: name });
    expect(() => both("a")).not.toThrow();
  });
});

describe.skipIf(inject("postgres") === null)("options of a connection string", () => {
  const sandbox = new Sandbox("postgres");

  test("lead the constructor and openSessionDb to the same tables, and keep stores apart", async () => {
    const [support, research] = [sandbox.schema(), sandbox.schema()];
    const tables = "sessionTable=Chats%20%26%20more&runsTable=steps";
    const urlOf = (schema: string) => `${sandbox.url}?schema=${schema}&options=-c%20app.user%3Dbob&${tables}`;
    await using first = new PostgresSessionDb({ url: urlOf(support) });
    await using second = new PostgresSessionDb({ url: urlOf(research) });
    await using opened = await openSessionDb(urlOf(support));
    const named = { schema: support, sessionTable: "Chats & more", runsTable: "steps" };
    await using spelled = new PostgresSessionDb({ url: sandbox.url, ...named });
    await first.upsertSession(agentSession("s", { sessionData: { session_name: "support's" } }));
    expect(await second.getSession({ sessionId: "s" })).toBeNull();
    expect((await opened.getSession({ sessionId: "s" }))?.sessionName).toBe("support's");
    expect((await spelled.getSession({ sessionId: "s" }))?.sessionName).toBe("support's");
    expect(await spelled.planMigration()).toEqual([]);
    expect(await sandbox.query(`select session_id from ${support}."Chats & more"`)).toHaveLength(1);
  });

  test("own storage of the id public is apart from the tables of the connection string", async () => {
    try {
      for (const [ownStorageOf, schema] of Object.entries({ public: "_public", "pg-x": "_pg__x" })) {
        await using own = await openSessionDb(sandbox.url, { ownStorageOf });
        await own.upsertSession(agentSession("own"));
        expect(await sandbox.query(`select session_id from ${schema}.agno_sessions`)).toHaveLength(1);
      }
    } finally {
      await sandbox.query("drop schema if exists _public, _pg__x cascade");
    }
  });
});

test.each([
  ["postgres://h/app?sslmode=require", "postgres://h/app?sslmode=require&schema=bot"],
  ["postgres://u:p@h:5432/app?schema=ai", "postgres://u:p@h:5432/app?schema=ai_bot"],
])("own storage next to %s is a schema", (shared, own) => {
  expect(ownStorageUrl(shared, "bot")).toBe(own);
});

test.each([
  ["public", "_public"],
  ["publics", "publics"],
  ["pg__x", "_pg__x"],
  ["pgx", "pgx"],
])("own storage named %s is the schema %s, which is nobody else's", (name, schema) => {
  expect(ownStorageUrl("postgres://h/app", name)).toBe(`postgres://h/app?schema=${schema}`);
});

test("own storage next to an invalid URL is refused", () => {
  expect(() => ownStorageUrl("postgres://[", "bot")).toThrow(ConnectionStringError);
});
