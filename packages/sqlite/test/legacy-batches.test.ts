import { SqliteSessionDb } from "@sessiondb/sqlite";
import { agentRun, agentSession } from "@sessiondb/testing/models";
import Database from "better-sqlite3";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { openCountedFile } from "./hooks.ts";
import { agno2File, runRows } from "./legacy.ts";
import { lockSeeker, query, temporaryFile } from "./support.ts";

const idsOf = (name: string, count: number) => Array.from({ length: count }, (_, index) => `${name}-${index}`);
const sessions = (count: number, runs: number) =>
  Object.fromEntries(idsOf("s", count).map((sessionId) => [sessionId, idsOf(sessionId, runs)]));
const places = (runIds: readonly string[]) => runIds.map((runId, index) => `${runId}@${index}`);
const rowCount = (file: string) => query<{ count: number }>(file, "select count(*) as count from agno_runs")[0]?.count;
const marker = (file: string) =>
  query(file, "select 1 from agno_schema_versions where table_name = 'agno_sessions.runs'");

describe("migrateLegacyRuns", () => {
  test("writes many rows with each statement", async () => {
    const file = agno2File(sessions(40, 50));
    const { db, counts } = openCountedFile(file);
    await db.migrate();
    const before = counts().roundTrips;
    expect(await db.migrateLegacyRuns()).toEqual({ sessions: 40, runs: 2000, skipped: 0 });
    expect(counts().roundTrips - before).toBeLessThan(2000 / 10);
  });

  test("measures each column once, and looks for no run unless another session has its id", async () => {
    const file = agno2File(Object.fromEntries(idsOf("s", 60).map((sessionId) => [sessionId, idsOf(sessionId, 700)])));
    const statements: string[] = [];
    const client = new Database(file, { verbose: (text) => statements.push(String(text)) });
    await using db = new SqliteSessionDb({ client });
    let batches = 0;
    await db.migrateLegacyRuns({
      onProgress: () => {
        batches += 1;
      },
    });
    client.close();
    expect(batches).toBeGreaterThanOrEqual(40);
    expect(statements.filter((text) => text.includes("length("))).toHaveLength(1);
    expect(statements.filter((text) => /^select.*"run_id" in \(/s.test(text))).toEqual([]);
  });

  test("costs next to nothing once all is copied", async () => {
    const file = agno2File(sessions(40, 50));
    const { db, counts } = openCountedFile(file);
    await db.migrateLegacyRuns();
    const before = counts();
    expect(await db.migrateLegacyRuns()).toEqual({ sessions: 0, runs: 0, skipped: 0 });
    expect(counts().roundTrips - before.roundTrips).toBeLessThan(10);
    expect(counts().read - before.read).toBeLessThan(20_000);
    await using other = new SqliteSessionDb({ file });
    expect(await other.migrateLegacyRuns()).toEqual({ sessions: 0, runs: 0, skipped: 0 });
  });

  test.each([
    ["one session", sessions(1, 4500)],
    ["sessions of many runs", sessions(3, 1500)],
    ["many sessions in one batch", sessions(90, 50)],
  ])("copies no more than 1000 runs in one transaction: %s", async (_, columns) => {
    const file = agno2File(columns);
    await using db = new SqliteSessionDb({ file });
    const copied: number[] = [];
    const result = await db.migrateLegacyRuns({
      onProgress: ({ runs }) => {
        copied.push(runs);
        expect(rowCount(file)).toBe(runs);
      },
    });
    expect(result).toEqual({ sessions: Object.keys(columns).length, runs: 4500, skipped: 0 });
    expect(Math.max(...copied.map((runs, index) => runs - (copied[index - 1] ?? 0)))).toBeLessThanOrEqual(1000);
    for (const [sessionId, runIds] of Object.entries(columns)) {
      expect(runRows(file, sessionId)).toEqual(places(runIds));
    }
  });

  test("copies no more than a megabyte in one transaction, except for one run that is larger", async () => {
    const file = temporaryFile();
    await using db = new SqliteSessionDb({ file });
    await db.migrate();
    query(file, "alter table agno_sessions add column runs JSON");
    const kilobytes = [300, 300, 300, 300, 2000, 10, 10];
    const runs = kilobytes.map((size, index) => ({
      run_id: `r${index}`,
      agent_id: "a",
      content: "x".repeat(size * 1000),
    }));
    query(
      file,
      "insert into agno_sessions (session_id, session_type, runs, created_at) values ('s', 'agent', ?, 1)",
      JSON.stringify(runs),
    );
    await using fresh = new SqliteSessionDb({ file });
    const copied: number[] = [];
    await fresh.migrateLegacyRuns({ onProgress: (progress) => copied.push(progress.runs) });
    expect(copied).toEqual([3, 4, 5, 7]);
    expect(runRows(file, "s")).toEqual(places(runs.map(({ run_id }) => run_id)));
  });

  test("hears a timeout between two batches of one session", async () => {
    const runIds = idsOf("r", 6000);
    const file = agno2File({ s: runIds });
    await using db = new SqliteSessionDb({ file });
    await expect(db.migrateLegacyRuns({ signal: AbortSignal.timeout(5) })).rejects.toMatchObject({
      name: "TimeoutError",
    });
    expect(marker(file)).toEqual([]);
    expect(rowCount(file)).toBeLessThan(6000);
    // What is written meanwhile goes after all runs of the column.
    await db.upsertRun({ session: agentSession("s"), run: agentRun("new") });
    await db.upsertRun({ session: agentSession("s"), run: agentRun("r-5999", { status: "ERROR" }) });
    await db.deleteRuns({ runIds: ["r-3"] });
    const rest = [...runIds.filter((runId) => runId !== "r-3"), "new"];
    const read = async () => (await db.getSession({ sessionId: "s" }))?.runs.map(({ runId }) => runId);
    expect(await read()).toEqual(rest);
    await db.migrateLegacyRuns();
    expect(runRows(file, "s")).toEqual(places(rest));
    expect(await read()).toEqual(rest);
    expect(marker(file)).toHaveLength(1);
  });

  test("lets other writers in between two batches", async () => {
    const file = agno2File(sessions(10, 1000));
    await using db = new SqliteSessionDb({ file });
    await db.migrate();
    const seeker = lockSeeker(file);
    await db.migrateLegacyRuns();
    expect(seeker.stop()).toBeGreaterThanOrEqual(5);
  });

  test("copies any runs with the same ids once, without gaps", { timeout: 60_000 }, async () => {
    const runId = fc.integer({ min: 0, max: 11 }).map((number) => `r${number}`);
    const column = fc.uniqueArray(runId, { minLength: 1, maxLength: 10 });
    const property = fc.asyncProperty(fc.array(column, { minLength: 2, maxLength: 5 }), async (columns) => {
      const bySession = Object.fromEntries(columns.map((runIds, index) => [`s${index}`, runIds]));
      // Three runs fill a transaction.
      const file = agno2File(bySession, "x".repeat(300_000));
      await using db = new SqliteSessionDb({ file });
      const total = columns.flat().length;
      const distinct = new Set(columns.flat()).size;
      const result = await db.migrateLegacyRuns();
      expect(result).toEqual({ sessions: columns.length, runs: distinct, skipped: total - distinct });
      const taken = new Set<string>();
      for (const [sessionId, runIds] of Object.entries(bySession)) {
        expect(runRows(file, sessionId)).toEqual(places(runIds.filter((id) => !taken.has(id))));
        for (const id of runIds) {
          taken.add(id);
        }
      }
    });
    await fc.assert(property, { numRuns: 30 });
  });

  test("copies runs with the same id once, in whatever batch they are", async () => {
    const shared = idsOf("shared", 1500);
    const file = agno2File({ a: [...shared, "a"], b: ["b", ...shared], c: ["c"] });
    await using db = new SqliteSessionDb({ file });
    expect(await db.migrateLegacyRuns()).toEqual({ sessions: 3, runs: 1503, skipped: 1500 });
    expect(runRows(file, "a")).toEqual(places([...shared, "a"]));
    expect(runRows(file, "b")).toEqual(["b@0"]);
    expect(marker(file)).toEqual([]);
    expect((await db.getSession({ sessionId: "b" }))?.runs).toHaveLength(1501);
  });
});
