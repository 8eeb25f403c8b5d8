import { setTimeout } from "node:timers/promises";
import type { LegacyRunsProgress } from "@sessiondb/core";
import { SqliteSessionDb } from "@sessiondb/sqlite";
import { agentRun, agentSession } from "@sessiondb/testing/models";
import { refusal } from "@sessiondb/testing/refusal";
import { describe, expect, test } from "vitest";
import { agno2File, columnRunIds, runRows, runsColumn } from "./legacy.ts";
import { fixture, query } from "./support.ts";

const marker = (file: string) =>
  query<{ version: string }>(file, "select version from agno_schema_versions where table_name = 'agno_sessions.runs'");

const several = () => agno2File({ s1: ["a", "b"], s2: [], s3: ["c"], s4: ["d", "e", "f"], s5: ["g"] });

const idsOf = (runs: readonly { runId: string }[] = []) => runs.map(({ runId }) => runId);

async function everything(file: string) {
  await using db = new SqliteSessionDb({ file, autoMigrate: false });
  const { sessions } = await db.getSessions({ includeRuns: true, limit: 100, sortOrder: "asc" });
  return sessions.map((session) => session.toJSON());
}

describe("migrateLegacyRuns", () => {
  test("copies in batches, reports its progress, and leaves the column unchanged", async () => {
    const file = several();
    const before = await everything(file);
    const column = runsColumn(file);
    await using db = new SqliteSessionDb({ file });
    const progress: LegacyRunsProgress[] = [];
    const result = await db.migrateLegacyRuns({ batchSize: 2, onProgress: (step) => progress.push(step) });
    expect(result).toEqual({ sessions: 4, runs: 7, skipped: 0 });
    expect(progress).toEqual([
      { sessions: 2, runs: 3, skipped: 0 },
      { sessions: 4, runs: 7, skipped: 0 },
      ...progress.slice(2).map(() => result),
    ]);
    expect(runsColumn(file)).toEqual(column);
    expect(runRows(file, "s4")).toEqual(["d@0", "e@1", "f@2"]);
    expect(marker(file)).toHaveLength(1);
    expect(await everything(file)).toEqual(before);
    // From here on the column is a backup that nobody reads.
    query(file, "update agno_sessions set runs = 'not read any more'");
    expect(await everything(file)).toEqual(before);
    expect((await db.getSession({ sessionId: "s4" }))?.runs).toHaveLength(3);
  });

  const note = "update agno_schema_versions set updated_at = '2030-01-01T00:00:00' where table_name = 'agno_runs'";

  test.each([
    ["this library", () => []],
    ["another program", (ddl: string) => [ddl, note]],
  ])("is not treated as done after the runs table was dropped and recreated by %s", async (_, remake) => {
    const file = several();
    const before = await everything(file);
    await using db = new SqliteSessionDb({ file });
    await db.migrateLegacyRuns();
    const [table] = query<{ sql: string }>(file, "select sql from sqlite_master where name = 'agno_runs'");
    query(file, "drop table agno_runs");
    expect(await everything(file)).toEqual(before);
    for (const statement of remake(table?.sql ?? "")) {
      query(file, statement);
    }
    expect(await everything(file)).toEqual(before);
    await using again = new SqliteSessionDb({ file });
    await again.upsertRun({ session: agentSession("s1"), run: agentRun("new") });
    expect((await again.getSession({ sessionId: "s1" }))?.runs.map(({ runId }) => runId)).toEqual(["a", "b", "new"]);
    expect(runRows(file, "s1")).toEqual(["new@2"]);
    expect(await again.migrateLegacyRuns()).toMatchObject({ runs: 7 });
    query(file, "update agno_sessions set runs = 'not read any more'");
    await using third = new SqliteSessionDb({ file });
    expect((await third.getSession({ sessionId: "s1" }))?.runs).toHaveLength(3);
  });

  /** What an open store is asked, and what it must come to while the runs are in the column alone. */
  const asked: Readonly<
    Record<string, readonly [ask: (db: SqliteSessionDb, file: string) => Promise<unknown>, expected: unknown]>
  > = {
    getSession: [async (db) => idsOf((await db.getSession({ sessionId: "s1" }))?.runs), ["a", "b"]],
    "getSession of the newest": [
      async (db) => idsOf((await db.getSession({ sessionId: "s1", runsLimit: 1 }))?.runs),
      ["b"],
    ],
    getSessions: [
      async (db) =>
        idsOf((await db.getSessions({ includeRuns: true })).sessions.flatMap(({ runs }) => runs)).toSorted(),
      ["a", "b", "c", "d", "e", "f", "g"],
    ],
    getRuns: [async (db) => idsOf((await db.getRuns({ sessionId: "s1" })).runs), ["a", "b"]],
    getRun: [async (db) => (await db.getRun({ runId: "a" }))?.runId, "a"],
    updateRun: [async (db) => (await db.updateRun({ runId: "a" }, (run) => run))?.runId, "a"],
    deleteRuns: [(db) => db.deleteRuns({ runIds: ["a"] }), 1],
    "a turn that must be the newest": [
      async (db) => {
        const turn = { session: agentSession("s1"), run: agentRun("new"), onlyIfNewest: "b" };
        await db.upsertRun(turn);
        return idsOf((await db.getSession({ sessionId: "s1" }))?.runs);
      },
      ["a", "b", "new"],
    ],
    "a turn": [
      async (db, file) => {
        await db.upsertRun({ session: agentSession("s1"), run: agentRun("new") });
        await using fresh = new SqliteSessionDb({ file });
        return idsOf((await fresh.getSession({ sessionId: "s1" }))?.runs);
      },
      ["a", "b", "new"],
    ],
  };

  test.each(
    Object.entries(asked).flatMap(([name, [ask, expected]]) =>
      [false, true].map((isRemade) => ({ name, ask, expected, isRemade })),
    ),
  )(
    "the runs table is dropped under an open store (recreated: $isRemade), which is asked for $name",
    async (asking) => {
      const file = several();
      await using db = new SqliteSessionDb({ file });
      await db.migrateLegacyRuns();
      expect((await db.getSession({ sessionId: "s1" }))?.runs).toHaveLength(2);
      query(file, "drop table agno_runs");
      if (asking.isRemade) {
        await using other = new SqliteSessionDb({ file });
        await other.migrate();
        // For so long a store relies on what it has seen of the tables.
        await setTimeout(110);
      }
      expect(await asking.ask(db, file)).toEqual(asking.expected);
    },
  );

  test("does nothing when repeated", async () => {
    const file = several();
    await using db = new SqliteSessionDb({ file });
    await db.migrateLegacyRuns();
    await db.upsertRun({ session: agentSession("s1"), run: agentRun("new") });
    const rows = query(file, "select * from agno_runs order by run_id");
    expect(await db.migrateLegacyRuns()).toMatchObject({ runs: 0, skipped: 0 });
    expect(query(file, "select * from agno_runs order by run_id")).toEqual(rows);
    expect(marker(file)).toHaveLength(1);
  });

  test("stops between batches when aborted, and continues later", async () => {
    const file = several();
    await using db = new SqliteSessionDb({ file });
    const controller = new AbortController();
    const reason = new Error("enough for today");
    const stopped = db.migrateLegacyRuns({
      batchSize: 1,
      signal: controller.signal,
      onProgress: ({ sessions }) => {
        if (sessions === 2) {
          controller.abort(reason);
        }
      },
    });
    await expect(stopped).rejects.toBe(reason);
    expect(marker(file)).toHaveLength(0);
    expect(query(file, "select run_id from agno_runs")).toHaveLength(3);
    expect((await db.getSession({ sessionId: "s4" }))?.runs).toHaveLength(3);
    await db.upsertRun({ session: agentSession("s1"), run: agentRun("meanwhile") });
    expect(await db.migrateLegacyRuns({ batchSize: 1 })).toMatchObject({ sessions: 4, runs: 4 });
    expect(runRows(file, "s1")).toEqual(["a@0", "b@1", "meanwhile@2"]);
    expect(marker(file)).toHaveLength(1);
  });

  test("does not start if already aborted", async () => {
    const file = several();
    await using db = new SqliteSessionDb({ file });
    await expect(db.migrateLegacyRuns({ signal: AbortSignal.abort(new Error("no")) })).rejects.toThrow("no");
    expect(query(file, "select name from sqlite_master where name = 'agno_runs'")).toEqual([]);
  });

  test("moves runs that were written before it to their merged positions", async () => {
    const file = fixture("agno-3-on-2");
    const [before] = await everything(file);
    await using db = new SqliteSessionDb({ file });
    expect(await db.migrateLegacyRuns()).toEqual({ sessions: 1, runs: 2, skipped: 0 });
    expect((await everything(file))[0]).toEqual(before);
    expect(runRows(file, "sess-agent-1").slice(0, 2)).toEqual(columnRunIds.map((runId, index) => `${runId}@${index}`));
  });

  test("assigns dense positions where Agno 3 left duplicates", async () => {
    const file = agno2File({ s: ["a", "b"] });
    await using db = new SqliteSessionDb({ file });
    await db.migrate();
    query(
      file,
      `insert into agno_runs (run_id, session_id, run_type, agent_id, run_index, run_data, created_at) values
         ('x', 's', 'agent', 'agent-1', 0, '{"run_id": "x", "agent_id": "agent-1"}', 5)`,
    );
    await db.migrateLegacyRuns();
    expect(runRows(file, "s")).toEqual(["a@0", "b@1", "x@2"]);
  });

  test("keeps reading the column for runs whose id is used in another session", async () => {
    const file = agno2File({ s1: ["a", "same"], s2: ["same", "b"] });
    await using db = new SqliteSessionDb({ file });
    expect(await db.migrateLegacyRuns()).toEqual({ sessions: 2, runs: 3, skipped: 1 });
    expect(marker(file)).toHaveLength(0);
    const ids = async (sessionId: string) => (await db.getSession({ sessionId }))?.runs.map(({ runId }) => runId);
    expect(await ids("s1")).toEqual(["a", "same"]);
    expect(await ids("s2")).toEqual(["same", "b"]);
    await db.upsertRun({ session: agentSession("s2"), run: agentRun("c") });
    expect(await ids("s2")).toEqual(["same", "b", "c"]);
    expect(await db.migrateLegacyRuns()).toEqual({ sessions: 2, runs: 0, skipped: 1 });
    expect(await ids("s2")).toEqual(["same", "b", "c"]);
  });

  test("stops at a column that it cannot read, without losing those after it", async () => {
    const file = agno2File({ s1: ["a"], s2: ["b"], s3: ["c"] });
    query(file, "update agno_sessions set runs = '[{' where session_id = 's2'");
    await using db = new SqliteSessionDb({ file });
    const error = await refusal(db.migrateLegacyRuns({ batchSize: 1 }), "CORRUPT_DATA");
    expect(error).toMatchObject({ location: "agno_sessions.runs", id: "s2" });
    expect(marker(file)).toHaveLength(0);
    expect((await db.getSession({ sessionId: "s3" }))?.runs).toHaveLength(1);
  });

  test("has nothing to do in a file without the column", async () => {
    const file = fixture("agno-3");
    await using db = new SqliteSessionDb({ file });
    expect(await db.migrateLegacyRuns()).toEqual({ sessions: 0, runs: 0, skipped: 0 });
    expect(marker(file)).toHaveLength(0);
  });

  test("is noticed by a store that was already open", async () => {
    const file = several();
    await using reader = new SqliteSessionDb({ file });
    expect((await reader.getSession({ sessionId: "s1" }))?.runs).toHaveLength(2);
    await using writer = new SqliteSessionDb({ file });
    await writer.migrateLegacyRuns();
    await writer.deleteRuns({ runIds: ["a"] });
    expect((await reader.getSession({ sessionId: "s1" }))?.runs.map(({ runId }) => runId)).toEqual(["b"]);
  });

  test("may run in two stores simultaneously", async () => {
    const file = several();
    await using one = new SqliteSessionDb({ file });
    await using other = new SqliteSessionDb({ file });
    const results = await Promise.all([one, other].map((db) => db.migrateLegacyRuns({ batchSize: 1 })));
    expect(results.reduce((runs, result) => runs + result.runs, 0)).toBe(7);
    expect(marker(file)).toHaveLength(1);
    expect(runRows(file, "s4")).toEqual(["d@0", "e@1", "f@2"]);
  });

  test("loses nothing when runs are written from another store meanwhile", async () => {
    const sessions = Object.fromEntries(Array.from({ length: 60 }, (_, index) => [`s${index}`, [`${index}-a`]]));
    const file = agno2File(sessions);
    await using migrating = new SqliteSessionDb({ file });
    await using writing = new SqliteSessionDb({ file });
    await migrating.migrate();
    await Promise.all([
      migrating.migrateLegacyRuns({ batchSize: 1 }),
      ...Object.keys(sessions).map((sessionId, index) =>
        writing.upsertRun({ session: agentSession(sessionId), run: agentRun(`${index}-b`) }),
      ),
    ]);
    for (const [index, sessionId] of Object.keys(sessions).entries()) {
      expect(runRows(file, sessionId)).toEqual([`${index}-a@0`, `${index}-b@1`]);
    }
  });
});
