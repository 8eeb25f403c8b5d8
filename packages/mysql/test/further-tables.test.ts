import type { SessionDb } from "@sessiondb/core";
import { furtherTables, Statement, step, value, type FurtherTables } from "@sessiondb/drizzle";
import { MySqlSessionDb } from "@sessiondb/mysql";
import { agentRun, agentSession } from "@sessiondb/testing/models";
import { sql, type Table } from "drizzle-orm";
import { mysqlTable, varchar, type AnyMySqlColumn } from "drizzle-orm/mysql-core";
import { expect, test } from "vitest";
import { agno3Tables } from "./agno-tables.ts";
import { notes, notesOf, writeNote } from "./notes.ts";
import { freshDatabase, onEachServer, query, withConnection } from "./support.ts";
import { TaskWorker } from "./task-worker.ts";

/** Rows that name a session without a foreign key. */
const marks = {
  tables: (): readonly Table[] => [
    mysqlTable("my_marks", {
      markId: varchar("mark_id", { length: 128 }).primaryKey(),
      thread: varchar("thread", { length: 128 }).notNull(),
    }),
  ],
  clearedWithSession: ([table]: readonly Table[]) => [(table as unknown as { thread: AnyMySqlColumn }).thread],
};

async function writeMark(tables: FurtherTables, markId: string, thread: string): Promise<void> {
  const [table] = tables.tables;
  const insert = new Statement<never>(
    tables.dialect,
    sql`insert into ${table} (mark_id, thread) values (${value("markId")}, ${value("thread")})`,
  );
  await tables.write(function* (on) {
    yield* step(on.execute(insert, insert.bind({ markId, thread })));
  });
}

const references = `select delete_rule as deleted from information_schema.referential_constraints
  where constraint_schema = database() and table_name = 'my_notes'`;

onEachServer((server) => {
  test("rows of a plug's table with a foreign key are deleted with their session", async () => {
    const url = await freshDatabase(server.url);
    await using db = new MySqlSessionDb({ url });
    const { tables, userId } = furtherTables(db, notes);
    expect(userId).toBeNull();
    expect((await tables.planMigration()).join()).toContain("my_notes");
    await db.upsertRun({ session: agentSession("s"), run: agentRun("r") });
    await db.upsertSession(agentSession("t"));
    await writeNote(tables, "one", "s");
    await writeNote(tables, "two", "t");
    expect(await query(url, references)).toEqual([{ deleted: "CASCADE" }]);
    expect(await tables.verifySchema()).toEqual([]);
    expect(await tables.planMigration()).toEqual([]);
    await db.deleteSession({ sessionId: "s" });
    expect(await notesOf(tables)).toEqual(["two"]);
    await db.deleteSessions({ filter: { sessionType: "agent" } });
    expect(await notesOf(tables)).toEqual([]);
  });

  test("ids of 128 4-byte characters fit, and are compared as the store compares them", async () => {
    await using db = new MySqlSessionDb({ url: await freshDatabase(server.url) });
    const { tables } = furtherTables(db, notes);
    const ids = ["😀".repeat(128), "thread", "Thread", "thread "];
    for (const id of ids) {
      await db.upsertSession(agentSession(id));
      await writeNote(tables, id, id);
    }
    await db.deleteSession({ sessionId: "thread" });
    expect((await notesOf(tables)).toSorted()).toEqual(ids.filter((id) => id !== "thread").toSorted());
  });

  test("next to tables that Agno made, a plug's table compares ids in the same way", async () => {
    const url = await freshDatabase(server.url, "collate utf8mb4_general_ci");
    await withConnection(url, (connection) => connection.query(agno3Tables));
    await using db = new MySqlSessionDb({ url });
    const { tables } = furtherTables(db, notes);
    await db.upsertSession(agentSession("s"));
    await writeNote(tables, "one", "s");
    await db.deleteSession({ sessionId: "s" });
    expect(await notesOf(tables)).toEqual([]);
  });

  test("rows without a foreign key are cleared with their session, whoever deletes it", async () => {
    const url = await freshDatabase(server.url);
    await using db: SessionDb = new MySqlSessionDb({ url });
    const handle = db.forUser("ann");
    const { tables, userId } = furtherTables(handle, marks);
    expect(userId).toBe("ann");
    const ids = ["a", "b", "c", "d"];
    for (const id of ids) {
      await handle.upsertSession(agentSession(id));
      await writeMark(tables, `mark of ${id}`, id);
    }
    const left = async () =>
      (await query<{ thread: string }>(url, "select thread from my_marks")).map((row) => row.thread);
    await db.deleteSession({ sessionId: "a" });
    expect((await left()).toSorted()).toEqual(["b", "c", "d"]);
    await handle.deleteSessions({ sessionIds: ["b"] });
    expect((await left()).toSorted()).toEqual(["c", "d"]);
    await handle.deleteSessions({ filter: {} });
    expect(await left()).toEqual([]);
  });

  test("a plug's writes are undone when the caller rolls back", async () => {
    const url = await freshDatabase(server.url);
    await using db = new MySqlSessionDb({ url });
    await furtherTables(db, notes).tables.migrate();
    await db.upsertSession(agentSession("s"));
    await withConnection(url, async (connection) => {
      await connection.beginTransaction();
      const { tables } = furtherTables(db.withTransaction(connection), notes);
      await writeNote(tables, "one", "s");
      expect(await notesOf(tables)).toEqual(["one"]);
      await connection.rollback();
    });
    expect(await notesOf(furtherTables(db, notes).tables)).toEqual([]);
  });

  test("processes and handles that migrate simultaneously create one set of tables", { timeout: 120_000 }, async () => {
    const workers = await TaskWorker.startAll(4);
    try {
      for (let round = 0; round < 5; round += 1) {
        const url = await freshDatabase(server.url);
        await using db = new MySqlSessionDb({ url });
        await Promise.all([
          // The first use creates all tables in some, in others the store's own come first.
          ...workers.map((worker, index) =>
            worker.run({ task: index % 2 === 0 ? "note" : "first", url, sessionId: `s${index}` }),
          ),
          furtherTables(db, notes).tables.migrate(),
          db.migrate(),
        ]);
        expect((await notesOf(furtherTables(db, notes).tables)).toSorted()).toEqual(["note of s0", "note of s2"]);
        expect(await query(url, references)).toHaveLength(1);
        await db.deleteSessions({ filter: { sessionType: "agent" } });
        expect(await query(url, "select * from my_notes")).toEqual([]);
      }
    } finally {
      await Promise.all(workers.map((worker) => worker[Symbol.asyncDispose]()));
    }
  });
});
