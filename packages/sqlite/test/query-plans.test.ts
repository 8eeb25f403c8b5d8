import type { GetRunsOptions } from "@sessiondb/core";
import type { SqliteSessionDb } from "@sessiondb/sqlite";
import type Database from "better-sqlite3";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { filters, largeDatabase, plansOf, type Plan } from "./plans.ts";
import { agentRun } from "./support.ts";

// Without the statistics of ANALYZE, which nobody runs: the planner then guesses, and one index too many misleads it.

/** The lists that sort what a condition has selected, and by which order; any other is read in the order of an index. */
const sorted: Readonly<Record<string, readonly string[]>> = {
  // The sessions that one user took part in.
  participant: ["createdAt", "updatedAt"],
  // One of three columns, each with an index of its own.
  component: ["createdAt", "updatedAt"],
  // An index for it would be written on every turn.
  "agent component": ["updatedAt"],
  "team component": ["updatedAt"],
  "workflow component": ["updatedAt"],
  "component and start": ["updatedAt"],
  "start and end": ["updatedAt"],
  "user and start": ["updatedAt"],
};

function expectIndexed({ steps }: Plan): void {
  expect(scans({ steps }).filter((step) => !/ USING (COVERING )?INDEX /.test(step))).toEqual([]);
}

/** The steps that look at a whole table or index; a list that stops at its limit may begin so. */
const scans = ({ steps }: Pick<Plan, "steps">) => steps.filter((step) => step.startsWith("SCAN agno_"));
const isSorted = ({ steps }: Plan) => steps.includes("USE TEMP B-TREE FOR ORDER BY");

describe.each(["needed", "agno"] as const)("with the indexes %s", (indexes) => {
  let client: Database.Database;
  beforeAll(async () => {
    client = await largeDatabase({ indexes });
  }, 60_000);
  afterAll(() => client.close());

  const orders = ["createdAt", "updatedAt"].flatMap((sortBy) =>
    ["desc", "asc"].map((sortOrder) => [sortBy, sortOrder]),
  );
  const lists = Object.keys(filters).flatMap((name) => orders.map((order) => [name, ...order]));

  test.each(lists as [string, "createdAt" | "updatedAt", "asc" | "desc"][])(
    "sessions by %s, %s %s",
    async (name, sortBy, sortOrder) => {
      const options = { ...filters[name], sortBy, sortOrder, limit: 5 };
      const [first, following, ...more] = await plansOf(client, async (db) => {
        const { nextCursor } = await db.getSessions(options);
        await db.getSessions({ ...options, cursor: nextCursor ?? "" });
      });
      if (first === undefined || following === undefined || more.length > 0) {
        throw new Error("Expected one statement for each page");
      }
      expectIndexed(first);
      expectIndexed(following);
      const sorts = sorted[name]?.includes(sortBy) ?? false;
      expect(isSorted(first)).toBe(sorts);
      // A page that follows begins at its cursor, and not at the first page.
      expect(scans(following)).toEqual([]);
      const bound = sortBy === "createdAt" ? "(created_at,session_id)" : "<expr>";
      expect(following.steps[0]).toContain(sorts ? "" : `${bound}${sortOrder === "asc" ? ">" : "<"}`);
      expect(isSorted(following) && !sorts).toBe(false);
      const readsRuns = `${first.text} ${following.text}`.includes("agno_runs");
      expect(readsRuns).toBe("participantId" in options);
    },
  );

  test.each<[string, GetRunsOptions, string]>([
    ["a session", { sessionId: "s1" }, "session_id_run_index (session_id=?"],
    ["a session, backwards", { sessionId: "s1", order: "desc" }, "session_id_run_index (session_id=?"],
    [
      "a session, some statuses",
      { sessionId: "s1", status: ["COMPLETED", "ERROR"] },
      "session_id_run_index (session_id=?",
    ],
    ["a session, no members", { sessionId: "s1", parentRunId: null }, "session_id_run_index (session_id=?"],
    ["a session, one participant", { sessionId: "s1", participantId: "u1" }, "session_id_run_index (session_id=?"],
    ["a session of a user", { sessionId: "s1", userId: "u1" }, "session_id_run_index (session_id=?"],
    ["a session, since", { sessionId: "s1", startTimestamp: 1 }, "session_id_run_index (session_id=?"],
    ["all sessions", {}, "created_at_run_id"],
    ["all sessions, backwards", { order: "desc" }, "created_at_run_id"],
    ["all sessions, since", { startTimestamp: 1_700_000_500 }, "created_at_run_id (created_at>?"],
    ["all sessions, until", { endTimestamp: 1_700_000_500, order: "desc" }, "created_at_run_id (created_at<?"],
    ["a user's sessions", { userId: "u1" }, "(session_id=?"],
    ["a participant", { participantId: "u1" }, "(user_id=?"],
  ])("runs of %s", async (_, options, index) => {
    const plans = await plansOf(client, async (db) => {
      const { nextCursor } = await db.getRuns({ ...options, limit: 5 });
      await db.getRuns({ ...options, limit: 5, cursor: nextCursor ?? "" });
    });
    // In a session, the second of three looks up where the cursor's run stands now; times do not move.
    const [first, ...rest] = plans;
    const following = rest.at(-1);
    expect(plans).toHaveLength("sessionId" in options ? 3 : 2);
    plans.forEach(expectIndexed);
    expect(first?.steps[0]).toContain(index);
    expect(rest.some(({ steps }) => steps[0]?.includes("(run_id=?)"))).toBe("sessionId" in options);
    expect(following && scans(following)).toEqual([]);
    // What one user wrote or owns is sorted; every other list is in the order of its index.
    const sorts = options.sessionId === undefined && ("userId" in options || "participantId" in options);
    expect(plans.some(isSorted)).toBe(sorts);
    const bound = options.sessionId === undefined ? "(created_at,run_id)" : "run_index";
    expect(following?.steps[0]).toContain(sorts ? "" : `${bound}${options.order === "desc" ? "<" : ">"}`);
  });

  const one = (db: SqliteSessionDb, more: object = {}) => db.getSession({ sessionId: "s1", ...more });

  test.each<[string, (db: SqliteSessionDb) => Promise<unknown>, string[]]>([
    ["a session without runs", (db) => one(db, { includeRuns: false }), ["(session_id=?)"]],
    ["a session", (db) => one(db), ["(session_id=?)", "session_id_run_index (session_id=?)"]],
    [
      "a session's newest runs",
      (db) => one(db, { runsLimit: 5, userId: "u1" }),
      ["(session_id=?)", "session_id_run_index (session_id=? AND run_index>?)"],
    ],
    ["a run", (db) => db.getRun({ runId: "rs1" }), ["(run_id=?)"]],
    [
      "a turn",
      (db) =>
        db.upsertRun({
          session: { sessionType: "team", sessionId: "s1", userId: "u1" },
          run: agentRun("new", { agentId: "a" }),
        }),
      ["(session_id=?)", "SCALAR SUBQUERY 1"],
    ],
    [
      "a change",
      (db) => db.updateSession({ sessionId: "s1" }, { sessionState: {} }),
      ["(session_id=?)", "(session_id=?)"],
    ],
  ])("%s is found by an index, and nothing is sorted", async (_, work, wanted) => {
    const plans = await plansOf(client, work);
    expect(plans.map(({ steps }) => steps[0])).toEqual(wanted.map((part) => expect.stringContaining(part)));
    for (const plan of plans) {
      expectIndexed(plan);
      expect(isSorted(plan)).toBe(false);
      expect(scans(plan)).toEqual([]);
    }
  });

  test("the newest runs come out of their index in order", async () => {
    const plans = await plansOf(client, (db) => db.getSession({ sessionId: "s1", runsLimit: 5 }));
    expect(plans.at(-1)?.steps).toEqual([
      "SEARCH agno_runs USING INDEX idx_agno_runs_session_id_run_index (session_id=? AND run_index>?)",
    ]);
  });

  test("a turn asks the index alone for the next place", async () => {
    const session = { sessionType: "team", sessionId: "s1", userId: "u1" } as const;
    const plans = await plansOf(client, (db) => db.upsertRun({ session, run: agentRun("newer", { agentId: "a" }) }));
    expect(plans.at(-1)?.steps).toContain(
      "SEARCH agno_runs USING COVERING INDEX idx_agno_runs_session_id_run_index (session_id=?)",
    );
  });

  test("deletes find what they delete by an index", async () => {
    client.exec("begin");
    const plans = await plansOf(client, async (db) => {
      await db.deleteRuns({ runIds: ["rs4"] });
      await db.deleteSession({ sessionId: "s4" });
      await db.deleteSessions({ filter: {}, userId: "u2" });
      await db.deleteSessions({ filter: { participantId: "u3" } });
      await db.deleteSessions({ filter: { endTimestamp: 1_700_000_001 } });
    });
    client.exec("rollback");
    expect(plans.length).toBeGreaterThan(8);
    plans.forEach(expectIndexed);
    expect(plans.flatMap(scans)).toEqual([]);
  });
});
