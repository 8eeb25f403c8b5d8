import { conformanceCases, type ConformanceCases, type LegacyRow } from "@sessiondb/conformance";
import { SqliteSessionDb } from "@sessiondb/sqlite";
import { test } from "vitest";
import { agno2FileOf } from "./agno-2-rows.ts";
import { openCounted, openOutside, openSpoilt } from "./hooks.ts";
import { temporaryFile } from "./support.ts";

/** What takes longest: in the second tier. */
export const longGroups = ["indexes", "payloads", "random"];

function opener(file = temporaryFile()): (sessionTable?: string) => SqliteSessionDb {
  return (sessionTable = "agno_sessions") => new SqliteSessionDb({ file, sessionTable, maxPayloadBytes: 2 ** 24 });
}

/** The promises of the contract on a file: those of the long groups, or all others. */
export function testConformance({ long }: { long: boolean }): ConformanceCases {
  const cases = conformanceCases(() => opener()(), {
    openShared: opener,
    openNamed: opener,
    openLegacy: (rows: readonly LegacyRow[]) => opener(agno2FileOf(rows))(),
    openCounted,
    openSpoilt,
    openOutside,
  });
  for (const each of cases.filter(({ group }) => longGroups.includes(group) === long)) {
    test(each.name, { timeout: 60_000 }, each.run);
  }
  return cases;
}
