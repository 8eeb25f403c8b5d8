import { SqliteSessionDb } from "@sessiondb/sqlite";
import { agentRun, agentSession } from "@sessiondb/testing/models";
import { refusal } from "@sessiondb/testing/refusal";
import Database from "better-sqlite3";
import { describe, expect, test } from "vitest";
import { fixture, hashOf, query, temporaryFile } from "./support.ts";

/** Everything a store executes on a client, and whether it changed the schema. */
function traced(file: string): { client: Database.Database; statements: string[]; schemaVersion: () => unknown } {
  const statements: string[] = [];
  const client = new Database(file, { verbose: (statement) => statements.push(String(statement)) });
  return { client, statements, schemaVersion: () => client.pragma("schema_version", { simple: true }) };
}

async function useEverything(db: SqliteSessionDb): Promise<void> {
  const session = agentSession("used", { userId: "u" });
  await db.upsertRun({ session, run: agentRun("used-run") });
  await db.upsertSession(session);
  await db.updateSession({ sessionId: "used" }, { sessionState: { a: 1 } });
  await db.getSession({ sessionId: "used", runsLimit: 2 });
  await db.getSessions({ includeTotal: true, sessionName: "x" });
  await db.getRuns({ sessionId: "used" });
  await db.deleteRuns({ runIds: ["used-run"] });
  await db.deleteSession({ sessionId: "used" });
  await db.migrateLegacyRuns();
}

const isDdl = (statement: string) => /^\s*(create|alter|drop|reindex|analyze|vacuum)/i.test(statement);

describe("an empty file", () => {
  test("is recognised, planned and migrated", async () => {
    const file = temporaryFile();
    await using db = new SqliteSessionDb({ file, autoMigrate: false });
    expect(await db.verifySchema()).toEqual([
      { table: "agno_sessions", column: null, wanted: "a table", found: "nothing" },
      { table: "agno_runs", column: null, wanted: "a table", found: "nothing" },
    ]);
    const error = await refusal(db.getSession({ sessionId: "s" }), "SCHEMA_MISMATCH");
    expect(error.message).toMatch(/agno_sessions: wanted a table, found nothing.*migrate\(\)/);
    const plan = await db.planMigration();
    expect(plan.filter((statement) => statement.startsWith("CREATE TABLE"))).toHaveLength(3);
    expect(query(file, "select * from sqlite_master")).toEqual([]);

    // What is planned is all that is needed, for whoever runs it by hand.
    const byHand = new Database(temporaryFile());
    for (const statement of plan) {
      byHand.exec(statement);
    }
    await using checking = new SqliteSessionDb({ client: byHand, autoMigrate: false });
    expect(await checking.planMigration()).toEqual([]);
    await useEverything(checking);

    await db.migrate();
    expect(await db.planMigration()).toEqual([]);
    expect(await db.verifySchema()).toEqual([]);
    await useEverything(db);
    byHand.close();
  });

  test("gets its tables with the first operation, even a read", async () => {
    const file = temporaryFile();
    await using db = new SqliteSessionDb({ file });
    expect(await db.getSession({ sessionId: "s" })).toBeNull();
    expect(await db.planMigration()).toEqual([]);
  });
});

describe("a valid schema", () => {
  test.each([
    ["with automatic migration", true],
    ["without it", false],
  ])("causes no DDL %s", async (_, autoMigrate) => {
    const file = temporaryFile();
    await using first = new SqliteSessionDb({ file });
    await first.migrate();
    const { client, statements, schemaVersion } = traced(file);
    const before = schemaVersion();
    await using db = new SqliteSessionDb({ client, autoMigrate });
    await useEverything(db);
    expect(statements.length).toBeGreaterThan(20);
    expect(statements.filter(isDdl)).toEqual([]);
    expect(schemaVersion()).toBe(before);
    await db.migrate();
    expect(schemaVersion()).toBe(before);
    client.close();
  });

  test("made by Agno lacks only indexes, which only migrate() adds", async () => {
    const file = fixture("agno-3");
    const { client, statements, schemaVersion } = traced(file);
    const before = schemaVersion();
    await using db = new SqliteSessionDb({ client });
    expect(await db.verifySchema()).toEqual([]);
    await useEverything(db);
    expect(statements.filter(isDdl)).toEqual([]);
    expect(schemaVersion()).toBe(before);
    const plan = await db.planMigration();
    expect(plan.length).toBeGreaterThan(0);
    expect(plan.filter((statement) => !statement.startsWith("CREATE INDEX "))).toEqual([]);
    const versions = query(file, "select * from agno_schema_versions order by 1");
    await db.migrate();
    expect(await db.planMigration()).toEqual([]);
    expect(statements.filter(isDdl)).toEqual(plan);
    expect(query(file, "select * from agno_schema_versions order by 1")).toEqual(versions);
    client.close();
  });

  test("is distinguished from Agno 2's, to which the runs table is added", async () => {
    const file = fixture("agno-2-agent");
    await using reading = new SqliteSessionDb({ file, autoMigrate: false });
    const before = hashOf(file);
    expect(await reading.verifySchema()).toMatchObject([{ table: "agno_runs", column: null }]);
    const plan = await reading.planMigration();
    expect(plan.filter((statement) => statement.startsWith("CREATE TABLE"))).toHaveLength(1);
    expect(hashOf(file)).toBe(before);
    await using db = new SqliteSessionDb({ file });
    await useEverything(db);
    expect(await db.verifySchema()).toEqual([]);
    expect(
      query(
        file,
        "select table_name, version from agno_schema_versions where table_name <> 'agno_sessions.runs' order by 1",
      ),
    ).toEqual([
      { table_name: "agno_runs", version: "3.0.0" },
      { table_name: "agno_sessions", version: "2.5.6" },
    ]);
  });
});

describe("an invalid schema", () => {
  const withoutColumn = async (table: string, column: string): Promise<string> => {
    const file = temporaryFile();
    await using db = new SqliteSessionDb({ file });
    await db.migrate();
    query(file, `alter table ${table} drop column ${column}`);
    return file;
  };

  test.each([
    ["agno_sessions", "metadata", "JSON"],
    ["agno_runs", "parent_run_id", "VARCHAR"],
    ["agno_runs", "updated_at", "BIGINT"],
  ])("without %s.%s is refused by name", async (table, column, wanted) => {
    const file = await withoutColumn(table, column);
    const before = hashOf(file);
    await using db = new SqliteSessionDb({ file });
    for (const operation of [
      () => db.getSession({ sessionId: "s" }),
      () => db.upsertRun({ session: agentSession("s"), run: agentRun("r") }),
    ]) {
      const error = await refusal(operation(), "SCHEMA_MISMATCH");
      expect(error).toMatchObject({ problems: [{ table, column, wanted, found: "nothing" }] });
      expect(error.message).toContain(`${table}.${column}: wanted ${wanted}, found nothing`);
    }
    expect(await db.verifySchema()).toEqual([{ table, column, wanted, found: "nothing" }]);
    expect(hashOf(file)).toBe(before);
    // Once somebody has repaired it, the open store works.
    query(file, `alter table ${table} add column ${column} ${wanted}`);
    await db.upsertRun({ session: agentSession("s"), run: agentRun("r") });
  });

  test("gets no second table next to the invalid one", async () => {
    const file = await withoutColumn("agno_sessions", "metadata");
    query(file, "drop table agno_runs");
    await using db = new SqliteSessionDb({ file });
    const error = await refusal(db.getSession({ sessionId: "s" }), "SCHEMA_MISMATCH");
    expect(error.message).toContain("agno_sessions.metadata");
    expect(query(file, "select name from sqlite_master where name = 'agno_runs'")).toEqual([]);
  });

  const session = agentSession("s");
  test.each<[name: string, call: (db: SqliteSessionDb) => Promise<unknown>]>([
    ["getSession", (db) => db.getSession({ sessionId: "s" })],
    ["a header", (db) => db.getSession({ sessionId: "s", includeRuns: false })],
    ["getSessions", (db) => db.getSessions({ includeRuns: true })],
    ["getRuns", (db) => db.getRuns({ sessionId: "s" })],
    ["getRun", (db) => db.getRun({ runId: "r" })],
    ["upsertRun", (db) => db.upsertRun({ session, run: agentRun("r2") })],
    ["upsertSession", (db) => db.upsertSession({ ...session, runs: [agentRun("r2")] })],
    ["updateSession", (db) => db.updateSession({ sessionId: "s" }, { metadata: { a: 1 } })],
    ["updateRun", (db) => db.updateRun({ runId: "r" }, (run) => run)],
    ["deleteRuns", (db) => db.deleteRuns({ runIds: ["r"] })],
    ["deleteSession", (db) => db.deleteSession({ sessionId: "s" })],
  ])("is recreated by an open store after it was dropped, whichever call notices: %s", async (_name, call) => {
    // With the column of Agno 2, beside which Agno drops the table, and without it.
    for (const column of ["select 1", "alter table agno_sessions add column runs JSON"]) {
      const file = temporaryFile();
      await using earlier = new SqliteSessionDb({ file });
      await earlier.upsertRun({ session, run: agentRun("r") });
      query(file, column);
      await using db = new SqliteSessionDb({ file });
      expect((await db.getSession({ sessionId: "s" }))?.runs).toHaveLength(1);
      query(file, "drop table agno_runs");
      await call(db);
      await db.getRuns({ sessionId: "s" });
      expect(query(file, "select count(*) as n from agno_runs")).toHaveLength(1);
    }
  });

  test("with a different column type is reported, but still used", async () => {
    const file = temporaryFile();
    await using db = new SqliteSessionDb({ file });
    await db.migrate();
    query(file, "alter table agno_sessions drop column metadata");
    query(file, "alter table agno_sessions add column metadata BLOB");
    expect(await db.verifySchema()).toEqual([
      { table: "agno_sessions", column: "metadata", wanted: "JSON", found: "BLOB" },
    ]);
    await useEverything(db);
  });

  test("may have more columns and other spellings of types", async () => {
    const file = temporaryFile();
    await using db = new SqliteSessionDb({ file });
    await db.migrate();
    query(file, "alter table agno_sessions add column tenant TEXT not null default 'x'");
    query(file, "alter table agno_runs drop column updated_at");
    query(file, "alter table agno_runs add column updated_at INTEGER");
    expect(await db.verifySchema()).toEqual([]);
    await useEverything(db);
  });
});
