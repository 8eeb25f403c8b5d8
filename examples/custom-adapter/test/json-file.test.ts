import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { JsonFileSessionDb } from "../src/json-file-session-db.ts";

const folder = mkdtempSync(join(tmpdir(), "sessiondb-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const session = { sessionType: "agent", sessionId: "s" } as const;

test("reports a folder that does not exist", async () => {
  await using db = new JsonFileSessionDb(join(folder, "absent", "sessions.json"));
  expect(await db.getSession({ sessionId: "s" })).toBeNull();
  await expect(db.upsertSession(session)).rejects.toMatchObject({ code: "DATABASE_UNREACHABLE" });
});

test("leaves a file that is not JSON unchanged", async () => {
  const path = join(folder, "damaged.json");
  writeFileSync(path, '[{"row": ');
  await using db = new JsonFileSessionDb(path);
  await expect(db.getSession({ sessionId: "s" })).rejects.toMatchObject({ code: "CORRUPT_DATA", location: path });
  await expect(db.upsertSession(session)).rejects.toMatchObject({ code: "CORRUPT_DATA" });
  expect(readFileSync(path, "utf8")).toBe('[{"row": ');
});

test("a signal ends the wait for another writer, and nothing is written", async () => {
  const path = join(folder, "locked.json");
  await using db = new JsonFileSessionDb(path);
  await db.upsertSession(session);
  const before = readFileSync(path, "utf8");
  writeFileSync(`${path}.lock`, "");
  const reason = new Error("enough");
  const controller = new AbortController();
  const waiting = db.upsertSession({ ...session, metadata: { a: 1 } }, { signal: controller.signal });
  setTimeout(() => controller.abort(reason), 20);
  await expect(waiting).rejects.toBe(reason);
  rmSync(`${path}.lock`);
  expect(readFileSync(path, "utf8")).toBe(before);
});

test("a write that changes nothing does not touch the file", async () => {
  const path = join(folder, "same.json");
  await using db = new JsonFileSessionDb(path);
  await db.upsertSession(session);
  const { ino } = statSync(path);
  const run = { runType: "agent", runId: "r", agentId: null } as const;
  expect(await db.upsertRun({ session, run, onlyIfExists: "run" })).toEqual({ stored: false, unmet: "onlyIfExists" });
  expect(await db.deleteSession({ sessionId: "absent" })).toBe(false);
  expect(statSync(path).ino).toBe(ino);
  await db.upsertRun({ session, run });
  expect(statSync(path).ino).not.toBe(ino);
});
