import { conformanceCases, type LegacyRow } from "@sessiondb/conformance";
import { SqliteSessionDb } from "@sessiondb/sqlite";
import { expect, test } from "vitest";
import { agno2FileOf } from "./agno-2-rows.ts";
import { openCounted, openOutside, openSpoilt } from "./hooks.ts";
import { temporaryFile } from "./support.ts";

function opener(file = temporaryFile()): (sessionTable?: string) => SqliteSessionDb {
  return (sessionTable = "agno_sessions") => new SqliteSessionDb({ file, sessionTable, maxPayloadBytes: 2 ** 24 });
}

const cases = conformanceCases(() => opener()(), {
  openShared: opener,
  openNamed: opener,
  openLegacy: (rows: readonly LegacyRow[]) => opener(agno2FileOf(rows))(),
  openCounted,
  openSpoilt,
  openOutside,
});

for (const each of cases) {
  test(each.name, { timeout: 30_000 }, each.run);
}

test("only what a file does not have, and names that SQLite does not take, are left out", () => {
  const names = ["1000 characters", "63 characters", "64 characters", "NUL", "a lone surrogate", "upper case"];
  const ofNames = names.map(
    (name) => `table names: ${name} in a table name works or is refused, and harms no other table`,
  );
  expect(cases.leftOut.map(({ name }) => name).toSorted()).toEqual(["connections", ...ofNames]);
});
