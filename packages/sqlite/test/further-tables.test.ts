import { InMemorySessionDb } from "@sessiondb/core";
import { furtherTables, Statement, step, type FurtherTablesOptions } from "@sessiondb/drizzle";
import { SqliteSessionDb } from "@sessiondb/sqlite";
import { agentRun, agentSession } from "@sessiondb/testing/models";
import { refusal } from "@sessiondb/testing/refusal";
import { runWorker } from "@sessiondb/testing/worker";
import Database from "better-sqlite3";
import { sql } from "drizzle-orm";
import { describe, expect, test } from "vitest";
import { Notes } from "./notes-tables.ts";
import { program, query, temporaryFile } from "./support.ts";

const rowsOf = (file: string, table: string) =>
  query<{ session_id: string }>(file, `select session_id from ${table}`).map((row) => row.session_id);
const tablesOf = (file: string) =>
  query<{ name: string }>(file, "select name from sqlite_master where name like 'plug%' order by name").map(
    ({ name }) => name,
  );

async function withSessions(file: string, ...sessionIds: string[]): Promise<SqliteSessionDb> {
  const db = new SqliteSessionDb({ file });
  await db.upsertSessions(sessionIds.map((sessionId) => agentSession(sessionId, { userId: "u" })));
  return db;
}

describe("tables of a plug", () => {
  test("are created as declared by the first operation on them", async () => {
    const file = temporaryFile();
    await using db = await withSessions(file, "s");
    const notes = new Notes(db);
    expect(tablesOf(file)).toEqual([]);
    expect(await notes.bodies()).toEqual([]);
    expect(tablesOf(file)).toEqual(["plug_drafts", "plug_notes"]);
    await notes.add("s", ["one", "two"]);
    expect(await notes.bodies()).toEqual(["one", "two"]);
    expect(query(file, "select kind, score from plug_notes limit 1")).toEqual([{ kind: "plain's", score: 2 }]);
    expect(query(file, "select name from sqlite_master where name = 'idx_plug_notes_user_id'")).toHaveLength(1);
    // The composite key and the unique constraint hold.
    await refusal(notes.add("s", ["three"]), "DATABASE_ERROR");
    query(file, "delete from plug_notes where place = 0");
    await refusal(notes.add("s", ["two"]), "DATABASE_ERROR");
    expect(query(file, "select * from agno_schema_versions")).toHaveLength(2);
    expect(await db.planMigration()).toEqual([]);
    expect(await db.verifySchema()).toEqual([]);
  });

  test("lose their rows with the session, by the foreign key and without one", async () => {
    const file = temporaryFile();
    await using db = await withSessions(file, "a", "b", "c", "d");
    const notes = new Notes(db);
    for (const sessionId of ["a", "b", "c", "d"]) {
      await notes.add(sessionId, ["one"]);
    }
    expect(await db.deleteSession({ sessionId: "a" })).toBe(true);
    expect(rowsOf(file, "plug_notes")).toEqual(["b", "c", "d"]);
    expect(rowsOf(file, "plug_drafts")).toEqual(["b", "c", "d"]);
    expect(await db.deleteSessions({ sessionIds: ["b"], userId: "u" })).toBe(1);
    expect(await db.forUser("u").deleteSessions({ filter: { endTimestamp: 4e9 } })).toBe(2);
    expect(rowsOf(file, "plug_notes")).toEqual([]);
    expect(rowsOf(file, "plug_drafts")).toEqual([]);
  });

  test("that do not exist yet do not prevent deleting a session", async () => {
    const file = temporaryFile();
    await using db = await withSessions(file, "a", "b");
    const notes = new Notes(db);
    expect(await db.deleteSession({ sessionId: "a" })).toBe(true);
    expect(tablesOf(file)).toEqual([]);
    await notes.add("b", ["one"]);
    expect(await db.deleteSession({ sessionId: "b" })).toBe(true);
    expect(rowsOf(file, "plug_drafts")).toEqual([]);
  });

  test("that every request opens are cleared once", async () => {
    const file = temporaryFile();
    await using db = await withSessions(file, "a");
    await new Notes(db).add("a", ["one"]);
    for (let request = 0; request < 50; request += 1) {
      expect(await new Notes(db.forUser("u")).bodies()).toEqual([]);
    }
    query(file, "create table deletes (name text)");
    query(file, "create trigger count_deletes after delete on plug_drafts begin insert into deletes values ('x'); end");
    expect(await db.deleteSession({ sessionId: "a" })).toBe(true);
    expect(query(file, "select * from deletes")).toHaveLength(1);
  });

  test("know the user of the handle that opened them", async () => {
    const file = temporaryFile();
    await using db = await withSessions(file, "a", "b");
    const mine = new Notes(db.forUser("u"));
    const theirs = new Notes(db.forUser("v"));
    expect([mine.userId, theirs.userId, new Notes(db).userId]).toEqual(["u", "v", null]);
    await mine.add("a", ["mine"]);
    await theirs.add("b", ["theirs"]);
    expect(await mine.bodies()).toEqual(["mine"]);
    expect(await theirs.bodies()).toEqual(["theirs"]);
    expect(await new Notes(db).bodies()).toEqual(["mine", "theirs"]);
  });

  test("are created once by processes that start simultaneously", { timeout: 60_000 }, async () => {
    const file = temporaryFile();
    await Promise.all([
      runWorker(program("first-note"), [file, "a", "b"]),
      runWorker(program("first-note"), [file, "b", "a"]),
    ]);
    await using db = new SqliteSessionDb({ file, autoMigrate: false });
    expect(await new Notes(db).bodies()).toEqual(["one", "two", "one", "two"]);
    expect(await new Notes(db).tables.planMigration()).toEqual([]);
  });

  test("are planned, verified and migrated separately", async () => {
    const file = temporaryFile();
    await using db = await withSessions(file, "s");
    const { tables } = new Notes(db);
    const plan = await tables.planMigration();
    expect(plan).toHaveLength(3);
    expect(plan.join("\n")).not.toContain("agno_runs");
    expect((await tables.verifySchema()).map(({ table, column }) => [table, column])).toEqual([
      ["plug_notes", null],
      ["plug_drafts", null],
    ]);
    await tables.migrate();
    expect(await tables.planMigration()).toEqual([]);
    expect(await tables.verifySchema()).toEqual([]);
    query(file, "drop index idx_plug_notes_user_id");
    expect(await tables.planMigration()).toHaveLength(1);
    await tables.migrate();
    expect(await tables.planMigration()).toEqual([]);
  });

  test("that lack a column are reported, and nothing else is created", async () => {
    const file = temporaryFile();
    await using db = await withSessions(file, "s");
    query(file, "create table plug_notes (session_id text primary key)");
    const error = await refusal(new Notes(db).add("s", ["one"]), "SCHEMA_MISMATCH");
    expect(error.message).toContain("plug_notes");
    expect(error.message).not.toContain("migrate()");
    expect(tablesOf(file)).toEqual(["plug_notes"]);
  });

  test("are not created if the store may not create tables", async () => {
    const file = temporaryFile();
    await (await withSessions(file, "s")).close();
    await using db = new SqliteSessionDb({ file, autoMigrate: false });
    const notes = new Notes(db);
    const error = await refusal(notes.add("s", ["one"]), "SCHEMA_MISMATCH");
    expect(error.message).toContain("migrate()");
    expect(tablesOf(file)).toEqual([]);
    await notes.tables.migrate();
    await notes.add("s", ["one"]);
    expect(await notes.bodies()).toEqual(["one"]);
  });

  test("keep nothing of a transaction that failed", async () => {
    const file = temporaryFile();
    await using db = await withSessions(file, "s");
    const notes = new Notes(db);
    await refusal(notes.add("s", ["one", "two", "one"]), "DATABASE_ERROR");
    await refusal(notes.add("no session", ["one"]), "DATABASE_ERROR");
    expect(await notes.bodies()).toEqual([]);
    expect(rowsOf(file, "plug_drafts")).toEqual([]);
  });

  test("close with their store, and stop waiting when aborted", async () => {
    const file = temporaryFile();
    const db = await withSessions(file, "s");
    const notes = new Notes(db);
    await notes.add("s", ["one"]);
    const other = new Database(file);
    other.exec("begin immediate");
    const reason = new Error("enough");
    const controller = new AbortController();
    const write = notes.add("s", ["two"], { signal: controller.signal });
    setTimeout(() => controller.abort(reason), 20);
    await expect(write).rejects.toBe(reason);
    other.exec("rollback");
    other.close();
    expect(await notes.bodies()).toEqual(["one"]);
    await db.close();
    await refusal(notes.bodies(), "CLOSED");
  });

  test("stop waiting for the migration lock when aborted", async () => {
    const file = temporaryFile();
    await using db = await withSessions(file, "s");
    const other = new Database(file);
    other.exec("begin immediate");
    const { tables } = new Notes(db);
    const nothing = function* nothing() {};
    for (const call of [
      (signal: AbortSignal) => tables.migrate({ signal }),
      (signal: AbortSignal) => tables.read(nothing, { signal }),
      (signal: AbortSignal) => tables.write(nothing, { signal }),
    ]) {
      await expect(call(AbortSignal.timeout(30))).rejects.toMatchObject({ name: "TimeoutError" });
    }
    other.exec("rollback");
    other.close();
  });

  test("pass on errors of the work, and undo its writes", async () => {
    await using db = await withSessions(temporaryFile(), "s");
    const notes = new Notes(db);
    const { tables } = notes;
    const own = new Error("not this one");
    const insert = new Statement<never>(tables.dialect, sql`insert into plug_drafts values ('x')`);
    const broken = new Statement<never>(tables.dialect, sql`insert into nowhere values ('x')`);
    for (const run of [tables.read.bind(tables), tables.write.bind(tables)]) {
      await expect(
        run(() => {
          throw own;
        }),
      ).rejects.toBe(own);
    }
    const failsAfterwards = tables.write(function* (on) {
      yield* step(on.execute(insert, insert.bind({})));
      throw own;
    });
    await expect(failsAfterwards).rejects.toBe(own);
    const wraps = tables.write(function* (on) {
      try {
        yield* step(on.execute(broken, broken.bind({})));
      } catch {
        throw own;
      }
    });
    await expect(wraps).rejects.toBe(own);
    await refusal(
      tables.write((on) => step(on.execute(broken, broken.bind({})))),
      "DATABASE_ERROR",
    );
    expect(await tables.write((on) => step(on.execute(insert, insert.bind({}))))).toMatchObject({ affected: 1 });
  });

  test("refuse unknown options", async () => {
    await using db = await withSessions(temporaryFile(), "s");
    const { tables } = new Notes(db);
    const nothing = function* nothing() {};
    const wrong = { repeatabel: true } as object;
    for (const call of [
      () => tables.read(nothing, wrong),
      () => tables.write(nothing, wrong),
      () => tables.migrate(wrong),
      () => tables.planMigration(wrong),
      () => tables.verifySchema(wrong),
    ]) {
      expect(await refusal(call(), "INVALID_ARGUMENT")).toMatchObject({ argument: "options.repeatabel" });
    }
    expect(await refusal(tables.read(nothing, { repeatable: true } as object), "INVALID_ARGUMENT")).toMatchObject({
      argument: "options.repeatable",
    });
    const yes = { repeatable: "yes" as unknown as boolean };
    expect(await refusal(tables.write(nothing, yes), "INVALID_ARGUMENT")).toMatchObject({
      argument: "options.repeatable",
    });
    expect(() => furtherTables(db, { tables: () => [], clearedWith: () => [] } as FurtherTablesOptions)).toThrow(
      expect.objectContaining({ code: "INVALID_ARGUMENT", argument: "options.clearedWith" }),
    );
  });

  test("that were dropped do not prevent deleting a session", async () => {
    const file = temporaryFile();
    await using db = await withSessions(file, "a", "b", "c", "d");
    const notes = new Notes(db);
    await notes.add("a", ["one"]);
    await notes.add("d", ["one"]);
    expect(await db.deleteSession({ sessionId: "a" })).toBe(true);
    query(file, "drop table plug_drafts");
    expect(await db.deleteSession({ sessionId: "b" })).toBe(true);
    expect(await db.deleteSessions({ filter: { sessionName: "no such name" } })).toBe(0);
    query(file, "create table plug_drafts (session_id text primary key not null)");
    query(file, "insert into plug_drafts values ('c')");
    expect(await db.deleteSessions({ filter: { sessionType: "agent" } })).toBe(2);
    expect(rowsOf(file, "plug_drafts")).toEqual([]);
  });

  test("that prevent deleting a session for another reason are reported", async () => {
    const file = temporaryFile();
    await using db = await withSessions(file, "a");
    await new Notes(db).add("a", ["one"]);
    query(file, "create trigger no before delete on plug_drafts begin select raise(abort, 'no'); end");
    await refusal(db.deleteSession({ sessionId: "a" }), "DATABASE_ERROR");
    query(file, "drop trigger no");
    expect(await db.deleteSession({ sessionId: "a" })).toBe(true);
  });

  test("are refused for a store without tables", () => {
    const db = new InMemorySessionDb();
    for (const each of [db, db.forUser("u")]) {
      expect(() => new Notes(each)).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT", argument: "db" }));
    }
  });

  test("take part in the caller's transaction, and are cleared in it", async () => {
    const client = new Database(temporaryFile());
    await using db = new SqliteSessionDb({ client });
    await db.upsertSession(agentSession("s", { runs: [agentRun("r")] }));
    const notes = new Notes(db);
    await notes.add("s", ["one"]);
    client.exec("begin immediate");
    await using within = db.withTransaction(client);
    await new Notes(within).add("s2", []);
    expect(await new Notes(within).bodies()).toEqual(["one"]);
    expect(await within.deleteSession({ sessionId: "s" })).toBe(true);
    expect(client.prepare("select session_id from plug_drafts").pluck().all()).toEqual(["s2"]);
    client.exec("rollback");
    expect(client.prepare("select session_id from plug_drafts").pluck().all()).toEqual(["s"]);
    expect(await notes.bodies()).toEqual(["one"]);
    client.close();
  });
});
