import { chmodSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { SqliteSessionDb } from "@sessiondb/sqlite";
import { agentRun, agentSession } from "@sessiondb/testing/models";
import { refusal } from "@sessiondb/testing/refusal";
import { runWorker } from "@sessiondb/testing/worker";
import Database from "better-sqlite3";
import { describe, expect, test } from "vitest";
import { program, query, temporaryFile, temporaryFolder } from "./support.ts";

// What the native module, its driver or the file system refuses, and what each error says to do.

const session = agentSession("s");
const turn = (runId: string) => ({ session, run: agentRun(runId) });

async function withOneRun(): Promise<string> {
  const file = temporaryFile();
  await using db = new SqliteSessionDb({ file });
  await db.upsertRun(turn("first"));
  return file;
}

// On Windows chmod does not keep a folder from being written.
describe.skipIf(process.platform === "win32")("a file in WAL mode in a folder that is not writable", () => {
  const isRoot = process.getuid?.() === 0;

  /** What reading and writing come to for a user who may write neither the folder nor the file, as JSON. */
  async function tried(file: string): Promise<{ code: string; message: string }[]> {
    chmodSync(file, 0o444);
    chmodSync(dirname(file), 0o555);
    try {
      const outcome = await runWorker(program("read-only-folder"), [file, isRoot ? "65534" : ""]);
      return JSON.parse(outcome) as { code: string; message: string }[];
    } finally {
      chmodSync(dirname(file), 0o755);
      chmodSync(file, 0o644);
    }
  }

  test("is reported for reads and writes, with remedies that work", { timeout: 60_000 }, async () => {
    const file = await withOneRun();
    const outcomes = await tried(file);
    expect(outcomes).toHaveLength(4);
    for (const { code, message } of outcomes) {
      expect(code).toBe("DATABASE_READ_ONLY");
      expect(message).toContain(`${file} is in WAL mode`);
      expect(message).toContain("VACUUM INTO");
    }
    const copy = temporaryFile();
    query(file, `vacuum into '${copy}'`);
    query(file, "pragma journal_mode = delete");
    for (const other of [copy, file]) {
      const [read, written, readonly, refused] = await tried(other);
      expect([read?.message, readonly?.message]).toEqual(["1 run", "1 run"]);
      expect([written?.code, refused?.code]).toEqual(["DATABASE_READ_ONLY", "DATABASE_READ_ONLY"]);
      expect(written?.message).not.toContain("WAL");
    }
  });
});

describe("a client that iterates", () => {
  async function iterating() {
    const client = new Database(await withOneRun());
    const rows = client.prepare("select * from agno_runs").iterate();
    rows.next();
    return { client, rows };
  }

  test("is waited for", async () => {
    const { client, rows } = await iterating();
    await using db = new SqliteSessionDb({ client });
    setTimeout(() => rows.return?.(), 50);
    await db.upsertRun(turn("second"));
    expect((await db.getSession({ sessionId: "s" }))?.runs).toHaveLength(2);
    client.close();
  });

  test("is reported with advice if it iterates for too long", async () => {
    const { client, rows } = await iterating();
    await using db = new SqliteSessionDb({ client, busyTimeout: 20 });
    for (const call of [() => db.getSessions(), () => db.upsertRun(turn("second")), () => db.migrate()]) {
      expect((await refusal(call(), "DATABASE_BUSY")).message).toContain(
        "iterating over a statement. End the iteration",
      );
    }
    rows.return?.();
    await db.upsertRun(turn("second"));
    client.close();
  });
});

describe("the error of a path that is not a database", () => {
  test("says that it is a folder", async () => {
    const folder = temporaryFolder();
    await using db = new SqliteSessionDb({ file: folder });
    expect((await refusal(db.getSessions(), "DATABASE_UNREACHABLE")).message).toContain("it is a folder");
  });

  test("says that it may be encrypted", async () => {
    const file = temporaryFile();
    writeFileSync(file, Buffer.from(Array.from({ length: 8192 }, (_, index) => (index * 7919) % 251)));
    for (const readonly of [true, false]) {
      await using db = new SqliteSessionDb({ file, readonly });
      expect((await refusal(db.getSessions(), "DATABASE_ERROR")).message).toContain("or it is encrypted");
    }
  });
});

describe("names that differ only in case", () => {
  const spellings = ["Agno_Sessions", "AGNO_SESSIONS", "aGNO_sESSIONS"];

  test.each(spellings)("are refused with the stored name: %s", async (sessionTable) => {
    const file = await withOneRun();
    for (const autoMigrate of [true, false]) {
      await using db = new SqliteSessionDb({ file, sessionTable, runsTable: "other_runs", autoMigrate });
      for (const call of [
        () => db.getSessions(),
        () => db.upsertRun(turn("r")),
        () => db.migrate(),
        () => db.verifySchema(),
      ]) {
        const { message } = await refusal(call(), "SCHEMA_MISMATCH");
        expect(message).toContain(`${sessionTable}: wanted a table of this name, found one named agno_sessions.`);
      }
    }
    await using runs = new SqliteSessionDb({ file, runsTable: "AGNO_runs" });
    expect((await refusal(runs.getSessions(), "SCHEMA_MISMATCH")).message).toContain("found one named agno_runs");
    await using plain = new SqliteSessionDb({ file });
    expect((await plain.getSession({ sessionId: "s" }))?.runs).toHaveLength(1);
  });

  test("refer to the stored columns and indexes", async () => {
    const file = await withOneRun();
    query(file, "alter table agno_sessions rename column user_id to USER_ID");
    query(file, "drop index idx_agno_runs_created_at_run_id");
    query(file, "create index IDX_agno_runs_CREATED_at_run_id on agno_runs (created_at, run_id)");
    await using db = new SqliteSessionDb({ file });
    await db.migrate();
    expect(await db.planMigration()).toEqual([]);
    expect(await db.forUser("u").getSessions()).toMatchObject({ sessions: [] });
  });

  test("are distinct beyond ASCII, as in SQLite", async () => {
    const file = temporaryFile();
    for (const sessionTable of ["sitzungen_ä", "sitzungen_Ä"]) {
      await using db = new SqliteSessionDb({ file, sessionTable });
      expect((await db.getSessions()).sessions).toEqual([]);
      await db.upsertRun(turn("r"));
    }
  });
});

test("the error of an index that exists on another table names it", async () => {
  const file = await withOneRun();
  query(file, "alter table agno_runs rename to old_runs");
  await using db = new SqliteSessionDb({ file });
  const error = await refusal(db.getSessions(), "DATABASE_ERROR");
  expect(error.message).toMatch(/index idx_agno_runs_\w+ already exists/);
  expect(query(file, "select name from sqlite_master where name = 'agno_runs'")).toEqual([]);
});

describe("a native module that cannot be loaded", { timeout: 60_000 }, () => {
  const open = async (kind: string) =>
    JSON.parse(await runWorker(program("native-module"), [kind])) as { code: string; message: string };

  test.each(["foreign", "missing", "missing prebuild"])(
    "is reported with the command that builds it: %s",
    async (kind) => {
      const { code, message } = await open(kind);
      expect(code).toBe("DATABASE_ERROR");
      expect(message).toContain("npm rebuild better-sqlite3");
      expect(message).toContain(`Node ${process.versions.node}`);
    },
  );
});
