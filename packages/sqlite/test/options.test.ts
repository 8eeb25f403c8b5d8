import { SqliteSessionDb, type SqliteSessionDbOptions } from "@sessiondb/sqlite";
import Database from "better-sqlite3";
import { describe, expect, test } from "vitest";
import { temporaryFile } from "./support.ts";

const words = [1, 0, -1, 1.5, NaN, true, {}, [], "", " ", "other"];
const numbers = [-1, 1.5, NaN, Infinity, 2 ** 53, "1", "1MB", "", true, {}, []];
const names = [1, true, {}, [], "", "a\0b", "\ud800", "x".repeat(49)];
const flags = [0, 1, "true", "false", "", NaN, {}, []];

// Each option, with values that mean nothing.
const refused: { readonly [Name in keyof Required<SqliteSessionDbOptions>]: readonly unknown[] } = {
  file: [1, true, {}, [], "", " ", "\t\n", " a.db", "a.db ", "\u00a0", "a\0.db", "\ud800.db", new URL("file:///a.db")],
  client: [1, true, {}, [], "", "a.db", Database],
  sessionTable: names,
  runsTable: names,
  memoryTable: [...names, "agno_sessions", "AGNO_RUNS"],
  autoMigrate: flags,
  readonly: flags,
  synchronous: [...words, "off", "FULL"],
  busyTimeout: [...numbers, 2 ** 31],
  maxPayloadBytes: [...numbers, 0],
  indexes: [...words, "all", "AGNO"],
};

const cells = Object.entries(refused).flatMap(([name, values]) =>
  [null, Symbol("s"), () => {}, ...values].map((value): [string, unknown] => [name, value]),
);

describe("the constructor", () => {
  test.each(cells)("refuses %s: %j, and names it", (name, value) => {
    const beside = name === "client" || name === "file" ? {} : { file: temporaryFile() };
    expect(() => new SqliteSessionDb({ ...beside, [name]: value })).toThrow(
      expect.objectContaining({ code: "INVALID_ARGUMENT", argument: name }),
    );
  });

  test.each(Object.keys(refused))("treats an undefined %s as omitted", (name) => {
    const file = temporaryFile();
    const options = name === "file" ? { client: new Database(":memory:") } : { file };
    expect(() => new SqliteSessionDb({ ...options, [name]: undefined })).not.toThrow();
  });

  test.each(["File", "shema", "tableName", "poolSize", "url", "__proto__ ", "verbose"])("refuses %s", (name) => {
    expect(() => new SqliteSessionDb({ file: "a.db", [name]: 1 })).toThrow(
      expect.objectContaining({ code: "INVALID_ARGUMENT", argument: `options.${name}` }),
    );
  });

  test.each([undefined, null, "a.db", 1, [], {}])("refuses %j instead of options", (options) => {
    expect(() => new SqliteSessionDb(options as SqliteSessionDbOptions)).toThrow(
      expect.objectContaining({ code: "INVALID_ARGUMENT", argument: "options" }),
    );
  });

  test("refuses options that have no effect with another one", () => {
    const client = new Database(":memory:");
    for (const [options, argument] of [
      [{ client, file: "a.db" }, "options"],
      [{ client, readonly: true }, "readonly"],
      [{ client, synchronous: "normal" }, "synchronous"],
      [{ file: ":memory:", readonly: true }, "readonly"],
    ] as const) {
      expect(() => new SqliteSessionDb(options)).toThrow(
        expect.objectContaining({ code: "INVALID_ARGUMENT", argument }),
      );
    }
    client.close();
  });
});
