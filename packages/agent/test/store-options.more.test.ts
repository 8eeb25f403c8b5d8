import { InMemorySessionDb } from "@sessiondb/core";
import { SqliteSessionDb } from "@sessiondb/sqlite";
import { describe } from "vitest";
import { testStoreOptions } from "./support/store-options.ts";

describe("in memory", () => {
  testStoreOptions(async () => new InMemorySessionDb(), ["team"]);
});

describe("in SQLite", () => {
  testStoreOptions(async () => new SqliteSessionDb({ file: ":memory:" }));
});
