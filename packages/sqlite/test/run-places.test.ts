import { SqliteSessionDb } from "@sessiondb/sqlite";
import { agentRun, agentSession } from "@sessiondb/testing/models";
import { placeTests } from "@sessiondb/testing/run-places";
import Database from "better-sqlite3";
import { describe, expect, test } from "vitest";
import { runRows } from "./legacy.ts";
import { plansOf } from "./plans.ts";
import { query, temporaryFile } from "./support.ts";

const session = agentSession("s");

/** A file with runs of these ids in one session. */
async function fileWith(runIds: readonly string[]): Promise<string> {
  const file = temporaryFile();
  await using db = new SqliteSessionDb({ file });
  await db.upsertSession({ ...session, runs: runIds.map((runId) => agentRun(runId, { createdAt: 5 })) });
  return file;
}

describe("the places of runs", () => {
  placeTests(async () => {
    const client = new Database(":memory:");
    return {
      db: new SqliteSessionDb({ client }),
      query: async (sql) => {
        const statement = client.prepare<[], Record<string, unknown>>(sql.replace(/\bruns\b/, "agno_runs"));
        return statement.reader ? statement.all() : (statement.run(), []);
      },
    };
  });
});

describe("deleting runs near the end of a session", () => {
  const plansOfDelete = async (remove: (db: SqliteSessionDb) => Promise<unknown>) => {
    const client = new Database(":memory:");
    await using db = new SqliteSessionDb({ client });
    await db.upsertSession({ ...session, runs: Array.from({ length: 50 }, (_, run) => agentRun(`r${run}`)) });
    const changes = () => client.prepare<[], { count: number }>("select total_changes() as count").get()?.count ?? 0;
    const before = changes();
    const plans = await plansOf(client, remove);
    return { steps: plans.flatMap(({ steps }) => steps), changed: changes() - before };
  };

  test.each<[string, number, (db: SqliteSessionDb) => Promise<unknown>]>([
    ["the last by deleteRuns", 1, (db) => db.deleteRuns({ runIds: ["r49"] })],
    ["one before the last three by deleteRuns", 4, (db) => db.deleteRuns({ runIds: ["r46"] })],
    ["two before the last three by deleteRuns", 5, (db) => db.deleteRuns({ runIds: ["r45", "r46"] })],
    // The session is touched, too.
    ["the last by updateRun", 2, (db) => db.updateRun({ runId: "r49" }, () => null)],
  ])("sorts no session and changes only the runs after them: %s", async (_, rows, remove) => {
    const { steps, changed } = await plansOfDelete(remove);
    expect(steps.filter((step) => /SCAN|TEMP B-TREE|MATERIALIZE|CO-ROUTINE/.test(step))).toEqual([]);
    expect(changed).toBe(rows);
  });
});

describe("run_index", () => {
  test("counts from 0, and stays the same when a run is rewritten", async () => {
    const file = await fileWith(["a", "b", "c"]);
    await using db = new SqliteSessionDb({ file });
    await db.upsertRun({ session, run: agentRun("a", { status: "ERROR", createdAt: 9 }) });
    await db.upsertRun({ session, run: agentRun("d") });
    await db.upsertSession({ ...session, runs: [agentRun("e"), agentRun("b")] });
    expect(runRows(file, "s")).toEqual(["a@0", "b@1", "c@2", "d@3", "e@4"]);
  });

  // Agno places its next run by the number of runs it has loaded: after a gap, that is in the middle of the others.
  test.each([
    [["a"], ["b@0", "c@1", "d@2"]],
    [
      ["b", "c"],
      ["a@0", "d@1"],
    ],
    [["d"], ["a@0", "b@1", "c@2"]],
    [["a", "b", "c", "d"], []],
  ])("has no gap after %j is deleted", async (runIds, rest) => {
    const file = await fileWith(["a", "b", "c", "d"]);
    await using db = new SqliteSessionDb({ file });
    expect(await db.deleteRuns({ runIds })).toBe(runIds.length);
    expect(runRows(file, "s")).toEqual(rest);
    await db.upsertRun({ session, run: agentRun("next") });
    expect(runRows(file, "s")).toEqual([...rest, `next@${rest.length}`]);
  });

  test("of other sessions stays unchanged", async () => {
    const file = await fileWith(["a", "b"]);
    await using db = new SqliteSessionDb({ file });
    await db.upsertSession({ ...agentSession("t"), runs: [agentRun("x"), agentRun("y")] });
    query(file, "update agno_runs set run_index = run_index + 7 where session_id = 't'");
    await db.deleteRuns({ runIds: ["a"] });
    expect(runRows(file, "t")).toEqual(["x@7", "y@8"]);
  });

  test("may have duplicates, as Agno leaves them, and every reader still sees one order", async () => {
    const file = await fileWith(["a", "b", "c", "d", "e"]);
    query(file, "update agno_runs set run_index = 1 where run_id in ('b', 'c', 'd')");
    query(file, "update agno_runs set created_at = 1 where run_id = 'd'");
    await using db = new SqliteSessionDb({ file });
    const order = ["a", "d", "b", "c", "e"];
    await expectOrder(db, order);
    for (const direction of ["asc", "desc"] as const) {
      const paged: string[] = [];
      let cursor: string | null = null;
      do {
        const more = cursor === null ? {} : { cursor };
        const page = await db.getRuns({ sessionId: "s", limit: 1, sortOrder: direction, ...more });
        paged.push(...idsOf(page.runs));
        cursor = page.nextCursor;
      } while (cursor !== null && paged.length < 10);
      expect(paged).toEqual(direction === "asc" ? order : order.toReversed());
    }
  });

  test("sorts first if missing, and is filled in when runs are deleted", async () => {
    const file = await fileWith(["a", "b", "c"]);
    query(file, "update agno_runs set run_index = null where run_id = 'c'");
    await using db = new SqliteSessionDb({ file });
    await expectOrder(db, ["c", "a", "b"]);
    await db.upsertRun({ session, run: agentRun("d") });
    await expectOrder(db, ["c", "a", "b", "d"]);
    await db.deleteRuns({ runIds: ["a"] });
    expect(runRows(file, "s")).toEqual(["c@0", "b@1", "d@2"]);
  });
});

const idsOf = (runs: readonly { runId: string }[] = []): string[] => runs.map(({ runId }) => runId);

async function expectOrder(db: SqliteSessionDb, order: readonly string[]): Promise<void> {
  expect(idsOf((await db.getSession({ sessionId: "s" }))?.runs)).toEqual(order);
  expect(idsOf((await db.getRuns({ sessionId: "s" })).runs)).toEqual(order);
  for (const runsLimit of [1, 2, 3, 4, 5, 9]) {
    expect(idsOf((await db.getSession({ sessionId: "s", runsLimit }))?.runs)).toEqual(order.slice(-runsLimit));
  }
}
