import { SqliteSessionDb, type SqliteSessionDbOptions } from "@sessiondb/sqlite";
import { agentRun, agentSession } from "@sessiondb/testing/models";
import Database from "better-sqlite3";
import { describe, expect, test } from "vitest";
import { fixture, query, temporaryFile } from "./support.ts";

async function created(options: Omit<SqliteSessionDbOptions, "file" | "client"> = {}): Promise<string> {
  const file = temporaryFile();
  await using db = new SqliteSessionDb({ file, ...options });
  await db.upsertRun({ session: agentSession("s"), run: agentRun("r") });
  return file;
}

const tableInfo = (file: string, table: string) => query(file, `select * from pragma_table_info(?)`, table);
const foreignKeys = (file: string, table: string) => query(file, `select * from pragma_foreign_key_list(?)`, table);

function indexes(file: string): Record<string, { columns: unknown[]; unique: number }> {
  const rows = query<{ name: string; unique: number }>(
    file,
    `select i.name as name, i."unique" as "unique" from sqlite_master as m join pragma_index_list(m.name) as i
     where m.type = 'table' and i.origin = 'c'`,
  );
  return Object.fromEntries(
    rows.map(({ name, unique }) => [
      name,
      {
        columns: query<{ name: string }>(file, "select name from pragma_index_info(?)", name).map(
          (column) => column.name,
        ),
        unique,
      },
    ]),
  );
}

describe("the tables created", () => {
  test("have the same columns as those that Agno 3 creates", async () => {
    const file = await created();
    const agno = fixture("agno-3");
    for (const table of ["agno_sessions", "agno_runs", "agno_schema_versions"]) {
      expect(tableInfo(file, table)).toEqual(tableInfo(agno, table));
      expect(tableInfo(file, table)).not.toEqual([]);
      expect(foreignKeys(file, table)).toEqual(foreignKeys(agno, table));
    }
    expect(foreignKeys(file, "agno_runs")).toMatchObject([{ table: "agno_sessions", on_delete: "CASCADE" }]);
  });

  test("have all of Agno's indexes on request, and otherwise those that queries need", async () => {
    const agno = indexes(fixture("agno-3"));
    const all = indexes(await created({ indexes: "agno" }));
    expect(all).toMatchObject(agno);
    expect(Object.keys(agno).length).toBeGreaterThan(10);
    const needed = indexes(await created());
    expect(Object.keys(needed).length).toBeLessThan(Object.keys(all).length);
    expect(needed).toHaveProperty("idx_agno_runs_session_id_run_index.columns", ["session_id", "run_index"]);
    // Agno numbers concurrent runs alike: a unique index would make it lose them.
    expect(Object.values(all).filter(({ unique }) => unique === 1)).toEqual([]);
  });

  test("are recorded in the table of versions as Agno records them", async () => {
    const rows = query<Record<string, string>>(await created(), "select * from agno_schema_versions order by 1");
    const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}$/);
    expect(rows).toEqual([
      { table_name: "agno_runs", version: "3.0.0", created_at: time, updated_at: time },
      { table_name: "agno_sessions", version: "3.0.0", created_at: time, updated_at: time },
    ]);
    const noted = new Date(rows[0]?.["created_at"] ?? "").getTime();
    expect(Math.abs(Date.now() - noted)).toBeLessThan(60_000);
  });

  test("delete runs with their session for other programs, too", async () => {
    const file = await created();
    const client = new Database(file);
    client.pragma("foreign_keys = on");
    client.exec("delete from agno_sessions");
    expect(client.prepare("select count(*) from agno_runs").pluck().get()).toBe(0);
    client.close();
  });
});

describe("the names of tables", () => {
  test.each([
    [{ sessionTable: "chats" }, "chats", "chats_runs"],
    [{ sessionTable: "chats", runsTable: "turns" }, "chats", "turns"],
    [{ runsTable: "turns" }, "agno_sessions", "turns"],
    [
      { sessionTable: 'a "quoted" name', runsTable: "it's; drop table x --" },
      'a "quoted" name',
      "it's; drop table x --",
    ],
    [{ sessionTable: "Gespräche 😀 [x] `y`" }, "Gespräche 😀 [x] `y`", "Gespräche 😀 [x] `y`_runs"],
    [{ sessionTable: "select" }, "select", "select_runs"],
  ])("%j", async (names, sessions, runs) => {
    const file = await created({ ...names, indexes: "agno" });
    await using db = new SqliteSessionDb({ file, ...names, indexes: "agno", autoMigrate: false });
    expect(await db.verifySchema()).toEqual([]);
    expect(await db.planMigration()).toEqual([]);
    const session = agentSession("s", { userId: "u" });
    await db.upsertSession({ ...session, sessionId: "t", runs: [agentRun("r1"), agentRun("r2")] });
    await db.updateSession({ sessionId: "t" }, { sessionName: "Name" });
    for (const sortBy of ["createdAt", "updatedAt"] as const) {
      const { sessions: listed } = await db.getSessions({
        sortBy,
        userId: "u",
        sessionName: "nam",
        participantId: "u",
      });
      expect(listed.map(({ sessionId }) => sessionId)).toEqual(["t"]);
    }
    expect((await db.getSession({ sessionId: "t", runsLimit: 1 }))?.runs).toHaveLength(1);
    expect(await db.deleteRuns({ runIds: ["r1"] })).toBe(1);
    expect((await db.getRuns({ userId: "u" })).runs).toHaveLength(1);
    expect(await db.deleteSession({ sessionId: "t" })).toBe(true);
    const tables = query<{ name: string }>(file, "select name from sqlite_master where type = 'table' order by name");
    expect(tables.map(({ name }) => name)).toEqual([sessions, runs, "agno_schema_versions"].toSorted());
    expect(foreignKeys(file, runs)).toMatchObject([{ table: sessions, from: "session_id", to: "session_id" }]);
    const noted = query<{ table_name: string }>(file, "select table_name from agno_schema_versions");
    expect(noted.map(({ table_name }) => table_name).toSorted()).toEqual([sessions, runs].toSorted());
  });

  test("separate two stores in one file", async () => {
    const file = await created({ sessionTable: "one" });
    await using two = new SqliteSessionDb({ file, sessionTable: "two" });
    expect((await two.getSessions()).sessions).toEqual([]);
    await two.upsertRun({ session: agentSession("s"), run: agentRun("r") });
    await using one = new SqliteSessionDb({ file, sessionTable: "one" });
    expect(await two.deleteSession({ sessionId: "s" })).toBe(true);
    expect((await one.getSession({ sessionId: "s" }))?.runs).toHaveLength(1);
  });
});
