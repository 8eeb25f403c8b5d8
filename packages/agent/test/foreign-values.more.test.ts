import { SqliteSessionDb } from "@sessiondb/sqlite";
import { describe } from "vitest";
import { testValues } from "./support/foreign-values.ts";

describe("in SQLite", () => {
  testValues(async () => new SqliteSessionDb({ file: ":memory:" }));
});
