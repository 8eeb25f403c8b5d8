import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { JsonFileSessionDb } from "../src/json-file-session-db.ts";

const folder = mkdtempSync(join(tmpdir(), "sessiondb-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const session = { sessionType: "agent", sessionId: "s" } as const;

test("a folder that does not exist", async () => {
  await using db = new JsonFileSessionDb(join(folder, "absent", "sessions.json"));
  expect(await db.getSession({ sessionId: "s" })).toBeNull();
  await expect(db.upsertSession(session)).rejects.toMatchObject({ code: "DATABASE_UNREACHABLE" });
});

test("a file that is no JSON is left as it is", async () => {
  const path = join(folder, "damaged.json");
  writeFileSync(path, '[{"row": ');
  await using db = new JsonFileSessionDb(path);
  await expect(db.getSession({ sessionId: "s" })).rejects.toMatchObject({ code: "CORRUPT_DATA", location: path });
  await expect(db.upsertSession(session)).rejects.toMatchObject({ code: "CORRUPT_DATA" });
  expect(readFileSync(path, "utf8")).toBe('[{"row": ');
});
