import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SqliteSessionDb } from "@sessiondb/sqlite";
import { agentRun, agentSession } from "@sessiondb/testing/models";
import { refusal } from "@sessiondb/testing/refusal";
import Database from "better-sqlite3";
import { afterEach, describe, expect, test } from "vitest";
import { hashOf, query, temporaryFile, temporaryFolder } from "./support.ts";

const disks: string[] = [];
afterEach(() => {
  for (const folder of disks.splice(0)) {
    execFileSync("umount", ["--lazy", folder]);
  }
});

/** A small disk in memory, or null where mounting one is not allowed, or not possible as on Windows. */
function mountDisk(options: string): string | null {
  if (process.platform !== "linux") {
    return null;
  }
  const folder = temporaryFolder();
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", options, "tmpfs", folder], { stdio: "ignore" });
  } catch {
    return null;
  }
  disks.push(folder);
  return folder;
}

const session = agentSession("s");
const turn = (runId: string, content = "Answer") => ({ session, run: agentRun(runId, { content }) });

async function withOneRun(): Promise<string> {
  const file = temporaryFile();
  await using db = new SqliteSessionDb({ file });
  await db.upsertRun(turn("first"));
  return file;
}

describe("a read-only database", () => {
  test("can be read, and refuses every write, with the readonly option", async () => {
    const file = await withOneRun();
    const before = hashOf(file);
    await using db = new SqliteSessionDb({ file, readonly: true });
    expect((await db.getSession({ sessionId: "s" }))?.runs).toHaveLength(1);
    for (const write of [
      () => db.upsertRun(turn("second")),
      () => db.upsertSession(session),
      () => db.updateSession({ sessionId: "s" }, { sessionName: "x" }),
      () => db.deleteSession({ sessionId: "s" }),
      () => db.deleteRuns({ runIds: ["first"] }),
    ]) {
      const error = await refusal(write(), "DATABASE_READ_ONLY");
      expect(error.message).toContain(file);
    }
    expect((await db.getSession({ sessionId: "s" }))?.runs).toHaveLength(1);
    expect(hashOf(file)).toBe(before);
  });

  test("refuses writes through a client that was opened for reading", async () => {
    const client = new Database(await withOneRun(), { readonly: true });
    await using db = new SqliteSessionDb({ client });
    expect((await db.getRuns({ sessionId: "s" })).runs).toHaveLength(1);
    await refusal(db.upsertRun(turn("second")), "DATABASE_READ_ONLY");
    client.close();
  });

  test("can be read if its disk is read-only", async ({ skip }) => {
    const disk = mountDisk("size=3m");
    skip(disk === null, "Needs the right to mount a disk");
    const file = join(disk ?? "", "sessions.db");
    const client = new Database(file);
    await using writing = new SqliteSessionDb({ client });
    await writing.upsertRun(turn("first"));
    client.close();
    execFileSync("mount", ["-o", "remount,ro", disk ?? ""]);
    await using db = new SqliteSessionDb({ file });
    expect((await db.getSession({ sessionId: "s" }))?.runs).toHaveLength(1);
    await refusal(db.upsertRun(turn("second")), "DATABASE_READ_ONLY");
    await using elsewhere = new SqliteSessionDb({ file: join(disk ?? "", "new.db") });
    expect((await refusal(elsewhere.upsertRun(turn("r")), "DATABASE_UNREACHABLE")).message).toContain("is writable");
  });

  test("without tables is refused rather than treated as empty", async () => {
    const file = temporaryFile();
    query(file, "create table theirs (a)");
    await using db = new SqliteSessionDb({ file, readonly: true });
    await refusal(db.getSession({ sessionId: "s" }), "SCHEMA_MISMATCH");
    const client = new Database(file, { readonly: true });
    await using handed = new SqliteSessionDb({ client });
    await refusal(handed.getSession({ sessionId: "s" }), "DATABASE_READ_ONLY");
    client.close();
  });

  test("that is missing is not created", async () => {
    const file = temporaryFile();
    await using db = new SqliteSessionDb({ file, readonly: true });
    await refusal(db.getSession({ sessionId: "s" }), "DATABASE_UNREACHABLE");
    expect(existsSync(file)).toBe(false);
  });
});

describe("a path that is not a database", () => {
  test("is refused if its folder does not exist", async () => {
    const file = join(temporaryFolder(), "missing", "sessions.db");
    await using db = new SqliteSessionDb({ file });
    const error = await refusal(db.getSession({ sessionId: "s" }), "DATABASE_UNREACHABLE");
    expect(error.message).toContain(file);
    // The store is not spoilt by it: once the folder is there, it works.
    mkdirSync(join(file, ".."));
    await db.upsertRun(turn("first"));
  });

  test("is refused if it is a folder", async () => {
    const folder = temporaryFolder();
    await using db = new SqliteSessionDb({ file: folder });
    expect((await refusal(db.upsertRun(turn("r")), "DATABASE_UNREACHABLE")).message).toContain(folder);
  });

  test("is refused if the file holds something else, which is left unchanged", async () => {
    const file = temporaryFile();
    const text = "Dear diary, ".repeat(1000);
    writeFileSync(file, text);
    await using db = new SqliteSessionDb({ file });
    expect((await refusal(db.upsertRun(turn("r")), "DATABASE_ERROR")).message).toContain("not an SQLite database");
    expect(readFileSync(file, "utf8")).toBe(text);
  });

  test("is refused if the file is damaged", async () => {
    const file = await withOneRun();
    const bytes = readFileSync(file);
    bytes.fill(0xa5, 4096, 20_480);
    writeFileSync(file, bytes);
    await using db = new SqliteSessionDb({ file });
    expect((await refusal(db.getSession({ sessionId: "s" }), "DATABASE_ERROR")).message).toContain("damaged");
  });
});

describe("a full database", () => {
  const big = "x".repeat(200_000);

  /** Writes until nothing fits any more. */
  async function fillUp(db: SqliteSessionDb): Promise<{ stored: string[]; error: unknown }> {
    const stored: string[] = [];
    for (let index = 0; index < 200; index += 1) {
      try {
        await db.upsertRun(turn(`big-${index}`, big));
      } catch (error) {
        return { stored, error };
      }
      stored.push(`big-${index}`);
    }
    return { stored, error: null };
  }

  async function expectUsable(db: SqliteSessionDb, stored: readonly string[]): Promise<void> {
    const ids = async () => (await db.getSession({ sessionId: "s" }))?.runs.map(({ runId }) => runId);
    expect(await ids()).toEqual(stored);
    await refusal(
      db.upsertSession({ ...session, runs: [agentRun("small"), agentRun("big", { content: big })] }),
      "DATABASE_FULL",
    );
    expect(await ids()).toEqual(stored);
    expect(await db.deleteRuns({ runIds: stored.slice(0, 2) })).toBe(2);
    await db.upsertRun(turn("after"));
    expect(await ids()).toEqual([...stored.slice(2), "after"]);
  }

  test("keeps its data and stays usable at its own limit", async () => {
    const file = await withOneRun();
    const client = new Database(file);
    client.pragma("max_page_count = 400");
    await using db = new SqliteSessionDb({ client });
    const { stored, error } = await fillUp(db);
    expect(error).toMatchObject({ code: "DATABASE_FULL", message: expect.stringContaining(file) as string });
    await expectUsable(db, ["first", ...stored]);
    expect(client.pragma("integrity_check", { simple: true })).toBe("ok");
    client.close();
  });

  test("keeps its data and stays usable on a full disk", async ({ skip }) => {
    const disk = mountDisk("size=3m");
    skip(disk === null, "Needs the right to mount a disk");
    const file = join(disk ?? "", "sessions.db");
    const filler = join(disk ?? "", "filler");
    writeFileSync(filler, Buffer.alloc(1_500_000));
    await using db = new SqliteSessionDb({ file });
    await db.upsertRun(turn("first"));
    const { stored, error } = await fillUp(db);
    expect(error).toMatchObject({ code: "DATABASE_FULL" });
    const runIds = async () => (await db.getSession({ sessionId: "s" }))?.runs.map(({ runId }) => runId);
    expect(await runIds()).toEqual(["first", ...stored]);
    rmSync(filler);
    await db.upsertRun(turn("after"));
    expect(await runIds()).toEqual(["first", ...stored, "after"]);
    expect(query(file, "pragma integrity_check")).toEqual([{ integrity_check: "ok" }]);
  });
});
