import { conformanceCases, type LegacyRow } from "@sessiondb/conformance";
import { SqliteSessionDb } from "@sessiondb/sqlite";
import { test } from "vitest";
import { agno2FileOf } from "./agno-2-rows.ts";
import { temporaryFile } from "./support.ts";

function opener(file = temporaryFile()): (sessionTable?: string) => SqliteSessionDb {
  return (sessionTable = "agno_sessions") => new SqliteSessionDb({ file, sessionTable, maxPayloadBytes: 2 ** 24 });
}

const openLegacy = (rows: readonly LegacyRow[]) => opener(agno2FileOf(rows))();
for (const each of conformanceCases(() => opener()(), { openShared: opener, openNamed: opener, openLegacy })) {
  test(each.name, { timeout: 30_000 }, each.run);
}
