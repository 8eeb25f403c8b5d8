import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { conformanceCases } from "@sessiondb/conformance";
import { afterAll, test } from "vitest";
import { JsonFileSessionDb } from "../src/json-file-session-db.ts";

const folder = mkdtempSync(join(tmpdir(), "sessiondb-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let files = 0;
function openShared(): () => JsonFileSessionDb {
  files += 1;
  const path = join(folder, `${files}.json`);
  return () => new JsonFileSessionDb(path, { maxPayloadBytes: 1024 * 1024 });
}

for (const { name, run } of conformanceCases(() => openShared()(), { openShared })) {
  // A disk may be slow, and every write waits for it.
  test(name, run, 60_000);
}
