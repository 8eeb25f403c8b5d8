import { SqliteSessionDb } from "@sessiondb/sqlite";
import { agentRun, agentSession } from "@sessiondb/testing/models";
import { refusal } from "@sessiondb/testing/refusal";
import Database from "better-sqlite3";
import { afterAll, describe, expect, test } from "vitest";
import { hashOf, query, temporaryFile } from "./support.ts";

// Settings of a caller's connection, or of a file, that the store did not choose: with each it does what it promises, or
// says which one it refuses.

const session = agentSession("s");
const turn = { session, run: agentRun("r") };

const clients: Database.Database[] = [];
afterAll(() => {
  for (const client of clients.splice(0)) {
    client.close();
  }
});

function opened(set: (client: Database.Database) => void, file = temporaryFile()): Database.Database {
  const client = new Database(file);
  clients.push(client);
  set(client);
  return client;
}

const pragma = (text: string) => (client: Database.Database) => void client.pragma(text);

describe("a client is refused", () => {
  test.each([
    ["without a journal, which undoes writes", "journal_mode = off"],
    ["that counts changes in rows", "count_changes = 1"],
    ["in UTF-16, little-endian, which orders ids differently", "encoding = 'UTF-16le'"],
    ["in UTF-16, big-endian", "encoding = 'UTF-16be'"],
  ])("%s", async (_, text) => {
    // Without it SQLite does not switch the journal off.
    const client = opened((each) => void each.unsafeMode(true).pragma(text));
    await using db = new SqliteSessionDb({ client });
    for (const call of [() => db.getSessions(), () => db.upsertRun(turn), () => db.migrate()]) {
      const error = await refusal(call(), "INVALID_ARGUMENT");
      expect(error).toMatchObject({ argument: "client", message: expect.stringContaining("a database ") as string });
    }
    expect(query(client.name, "select name from sqlite_master")).toEqual([]);
  });

  test("for writes while query_only is on, and the error names it", async () => {
    const file = temporaryFile();
    await using writing = new SqliteSessionDb({ file });
    await writing.upsertRun(turn);
    await using db = new SqliteSessionDb({ client: opened(pragma("query_only = on"), file) });
    expect((await db.getSession({ sessionId: "s" }))?.runs).toHaveLength(1);
    expect((await refusal(db.upsertRun(turn), "DATABASE_READ_ONLY")).message).toContain("query_only");
  });

  test.each(["agno_sessions", "agno_runs", "AGNO_sessions"])("while a temporary table hides %s", async (table) => {
    const file = temporaryFile();
    await using other = new SqliteSessionDb({ file });
    await other.upsertRun(turn);
    for (const kind of [
      `table ${table} as select * from main.${table}`,
      `view ${table} as select * from main.${table}`,
    ]) {
      const client = opened((each) => void each.exec(`create temp ${kind}`), file);
      await using db = new SqliteSessionDb({ client });
      for (const call of [() => db.getSessions(), () => db.upsertRun(turn), () => db.migrate()]) {
        expect((await refusal(call(), "SCHEMA_MISMATCH")).message).toContain("found a temporary table");
      }
    }
  });
});

describe("a file with unusual settings", () => {
  test.each(["page_size = 65536", "auto_vacuum = full"])("such as %s works", async (text) => {
    const file = temporaryFile();
    const client = new Database(file);
    client.pragma(text);
    client.exec("create table theirs (a)");
    client.close();
    await using db = new SqliteSessionDb({ file });
    const name = "Zürich 😀 İstanbul";
    await db.upsertRun({ ...turn, change: { sessionName: name } });
    expect((await db.getSessions({ sessionName: "zürich 😀" })).sessions[0]?.sessionName).toBe(name);
    expect(await db.deleteSessions({ filter: { sessionName: "istanbul" } })).toBe(1);
  });

  test.each(["UTF-16le", "UTF-16be"])("such as %s is refused, and left unchanged", async (encoding) => {
    const file = temporaryFile();
    const client = new Database(file);
    client.pragma(`encoding = '${encoding}'`);
    client.exec("create table theirs (a)");
    client.close();
    const before = hashOf(file);
    for (const readonly of [true, false]) {
      await using db = new SqliteSessionDb({ file, readonly });
      expect(await refusal(db.getSessions(), "INVALID_ARGUMENT")).toMatchObject({ argument: "file" });
    }
    expect(hashOf(file)).toBe(before);
  });
});
