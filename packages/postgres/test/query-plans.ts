import type { GetRunsOptions, UserScope } from "@sessiondb/core";
import type pg from "pg";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { PostgresSessionDb } from "@sessiondb/postgres";
import { searchFilters, type SearchOfPlans } from "@sessiondb/testing/list-filters";
import { agentRun } from "@sessiondb/testing/models";
import { explain, fillTables, filters, plansOf, poolOf, roundTrips, type Plan, type Planning } from "./plans.ts";
import { Sandbox } from "./support.ts";

/** The lists that sort what a condition has selected; any other is read in the order of an index. */
const sorted = new Set(["participant", "component", "user and component", "rare status", "user and rare status"]);
/** What an index for it would cost on every turn is more than sorting one component's sessions. */
const sortedByUpdate = new Set([...sorted, "agent component", "team component", "workflow component"]);

/** The plans of the contract's operations on large tables. */
export function testPlans(planning: Planning): void {
  describe.skipIf(inject("postgres") === null)(`${planning} plans on 100,000 sessions`, () => {
    const sandbox = new Sandbox("postgres");
    const schema = sandbox.schema();
    let client: pg.Client;
    beforeAll(async () => {
      client = await sandbox.connect();
      await fillTables(client, { schema });
    }, 120_000);
    afterAll(() => client.end());

    const wanted = { schema, planning };
    /** The steps of a plan as it was executed. */
    const analyzed = (plan: Plan) =>
      explain(client, plan, { planning, options: "analyze, costs off, timing off, summary off" });

    const lists = Object.keys(filters).flatMap((name) =>
      (["createdAt", "updatedAt"] as const).flatMap((sortBy) =>
        (["desc", "asc"] as const).map((sortOrder) => [name, sortBy, sortOrder] as const),
      ),
    );

    test.each(lists)("sessions by %s, %s %s", async (name, sortBy, sortOrder) => {
      const options = { ...filters[name], sortBy, sortOrder, limit: 5 };
      const plans = await plansOf(client, wanted, async (db) => {
        const { nextCursor } = await db.getSessions(options);
        const { previousCursor } = await db.getSessions({ ...options, cursor: nextCursor ?? "" });
        await db.getSessions({ ...options, cursor: previousCursor ?? "" });
      });
      expect(plans).toHaveLength(3);
      for (const [page, { text, steps }] of plans.entries()) {
        expect(steps).not.toContain("Seq Scan");
        expect(text.includes("agno_runs")).toBe("participantId" in options || "runStatus" in options);
        // Before the second page there are few sessions, which Postgres may well sort.
        const maySort = page === 2 || (sortBy === "createdAt" ? sorted : sortedByUpdate).has(name);
        expect(maySort || !/^ *(-> +)?Sort/m.test(steps)).toBe(true);
      }
    });

    test.each<[string, GetRunsOptions & UserScope]>([
      ["a session", { sessionId: "s1" }],
      ["a session, backwards", { sessionId: "s1", sortOrder: "desc" }],
      ["a session, some statuses", { sessionId: "s1", status: ["COMPLETED", "ERROR"] }],
      ["a session, no members", { sessionId: "s1", parentRunId: null }],
      ["a session of a user", { sessionId: "s1", userId: "u1" }],
      ["all sessions", {}],
      ["all sessions, backwards", { sortOrder: "desc" }],
      ["all sessions, since", { startTimestamp: 1_700_000_500 }],
      ["a user's sessions", { userId: "u1" }],
      ["a participant", { participantId: "u1" }],
      ["a component", { componentId: "c1" }],
      ["a component, backwards", { componentId: "c1", sortOrder: "desc" }],
      ["a component, some statuses", { componentId: "c1", status: ["COMPLETED", "ERROR"] }],
      ["a component in a session", { sessionId: "s1", componentId: "c1" }],
      ["a rare status", { status: "PAUSED" }],
      ["a rare status, backwards", { status: "PAUSED", sortOrder: "desc" }],
    ])("runs of %s", async (_, options) => {
      const plans = await plansOf(client, wanted, async (db) => {
        const { nextCursor } = await db.getRuns({ ...options, limit: 5 });
        const { previousCursor } = await db.getRuns({ ...options, limit: 5, cursor: nextCursor ?? "" });
        await db.getRuns({ ...options, limit: 5, cursor: previousCursor ?? "" });
      });
      // In a session, the place of the cursor's run is looked up.
      expect(plans).toHaveLength(options.sessionId === undefined ? 3 : 5);
      for (const { steps } of plans) {
        expect(steps).not.toContain("Seq Scan");
      }
    });

    test.each<[string, GetRunsOptions & UserScope]>([
      ["a component", { componentId: "c1" }],
      ["a rare status", { status: "PAUSED" }],
    ])("runs of %s come in the order of their index", async (_, options) => {
      for (const sortOrder of ["asc", "desc"] as const) {
        const [plan] = await plansOf(client, wanted, (db) => db.getRuns({ ...options, sortOrder, limit: 5 }));
        const steps = await analyzed(plan as Plan);
        const read = steps.flatMap((step) => /Index Scan.*rows=(\d+)/.exec(step)?.[1] ?? []).map(Number);
        expect(read.length).toBeGreaterThan(0);
        expect(read.every((count) => count <= 6)).toBe(true);
      }
    });

    test.each<[string, SearchOfPlans]>(searchFilters)("a search of %s reads what it says", async (_, options) => {
      let searched = 0;
      const plans = await plansOf(client, wanted, async (db) => {
        const found = await db.searchSessions({ text: "nothing like it", maxRuns: 30, ...options });
        searched = found.runsSearched;
      });
      expect(searched).toBe(30);
      expect(plans.length).toBeLessThan(35);
      for (const plan of plans) {
        const steps = (await analyzed(plan)).join("\n");
        expect(steps).not.toContain("Seq Scan");
        const read = Array.from(steps.matchAll(/Scan.*rows=(\d+)/g), ([, rows]) => Number(rows));
        // A user has about 100 sessions, which the planner may sort.
        expect(Math.max(...read)).toBeLessThan(120);
      }
    });

    const one = (db: PostgresSessionDb, more: object = {}) => db.getSession({ sessionId: "s1", ...more });
    const session = { sessionType: "team", sessionId: "s1", userId: "u1" } as const;

    test.each<[string, (db: PostgresSessionDb) => Promise<unknown>, number]>([
      ["a session without runs", (db) => one(db, { includeRuns: false }), 1],
      ["a session", (db) => one(db), 1],
      ["a session's newest runs", (db) => one(db, { runsLimit: 10 }), 1],
      ["a run", (db) => db.getRun({ runId: "rs1" }), 1],
      ["a turn", (db) => db.upsertRun({ session, run: agentRun("new") }), 1],
      ["a turn that replaces its run", (db) => db.upsertRun({ session, run: agentRun("new") }), 1],
      ["a change", (db) => db.updateSession({ sessionId: "s1" }, { sessionState: {} }), 4],
      [
        "a turn with a change",
        (db) => db.upsertRun({ session, run: agentRun("new"), change: { sessionState: {} } }),
        5,
      ],
      [
        "the first turn",
        (db) =>
          db.upsertRun({ session: { ...session, sessionId: `${planning} new` }, run: agentRun(`${planning} first`) }),
        5,
      ],
      [
        "a turn of a session that must exist",
        (db) => db.upsertRun({ session, run: agentRun("new"), onlyIfExists: "session" }),
        1,
      ],
      ["a list of sessions", (db) => db.getSessions({ userId: "u1" }), 1],
      ["a list of sessions with all runs", (db) => db.getSessions({ userId: "u1", includeRuns: true }), 2],
      ["a list with the newest runs", (db) => db.getSessions({ userId: "u1", includeRuns: true, runsLimit: 3 }), 2],
      ["a list of sessions with run counts", (db) => db.getSessions({ userId: "u2", includeRunCount: true }), 1],
      ["a run that is changed", (db) => db.updateRun({ runId: "rs1", sessionId: "s1" }, (run) => run), 6],
      [
        "a replaced end",
        (db) =>
          db.upsertRun({
            session,
            run: agentRun("new"),
            deleteRunsAfter: planning === "custom" ? "long1995" : "long1990",
          }),
        9,
      ],
    ])("%s: by an index, in a fixed number of round trips", async (_, work, count) => {
      const statements = await roundTrips(client, (watched) =>
        work(new PostgresSessionDb({ pool: poolOf(watched), schema })),
      );
      expect(statements.map(({ text }) => text)).toHaveLength(count);
      for (const { steps } of await plansOf(client, wanted, work)) {
        expect(steps).not.toContain("Seq Scan");
      }
    });

    test("reading a session without its runs touches no run", async () => {
      const [plan] = await plansOf(client, wanted, (db) => one(db, { includeRuns: false }));
      expect(plan?.steps).not.toContain("agno_runs");
    });

    test("a list with the newest runs reads no more of a long session than of a short one", async () => {
      const [, plan] = await plansOf(client, wanted, (db) =>
        db.getSessions({ userId: "u1", includeRuns: true, runsLimit: 10 }),
      );
      const steps = await analyzed(plan as Plan);
      const read = steps.flatMap((step) => /run_index on .*rows=(\d+)/.exec(step)?.[1] ?? []).map(Number);
      expect(read.length).toBeGreaterThan(0);
      expect(read.every((count) => count <= 12)).toBe(true);
    });

    test("the newest runs are read from the end of their index", async () => {
      const [plan] = await plansOf(client, wanted, (db) => one(db, { runsLimit: 10 }));
      expect(plan?.steps).toMatch(/Index Scan Backward using idx_agno_runs_session_id_run_index/);
      const steps = await analyzed(plan as Plan);
      const read = steps
        .map((step) => /run_index on .*rows=(\d+)/.exec(step)?.[1])
        .filter((count) => count !== undefined);
      expect(read.map(Number).every((count) => count <= 12)).toBe(true);
    });

    test.each(["asc", "desc"] as const)(
      "a page of a long session's runs, %s, reads no more than it returns",
      async (sortOrder) => {
        const [plan] = await plansOf(client, wanted, (db) => db.getRuns({ sessionId: "s1", limit: 5, sortOrder }));
        const read = (await analyzed(plan as Plan)).flatMap(
          (step) => /run_index on .*rows=(\d+)/.exec(step)?.[1] ?? [],
        );
        expect(read.length).toBeGreaterThan(0);
        expect(read.map(Number).every((count) => count <= 7)).toBe(true);
      },
    );

    test("a turn of a long session reads no more of it than its end", async () => {
      const [plan] = await plansOf(client, wanted, (db) => db.upsertRun({ session, run: agentRun("new") }));
      await client.query("begin");
      const steps = await analyzed(plan as Plan);
      await client.query("rollback");
      const read = steps.flatMap((step) => /run_index on .*rows=(\d+)/.exec(step)?.[1] ?? []);
      expect(read).toEqual(["1"]);
    });

    test("deletes find their rows by an index", async () => {
      const plans = await plansOf(client, wanted, async (db) => {
        await db.deleteRuns({ runIds: ["rs4"] });
        await db.deleteSession({ sessionId: "s4" });
        await db.deleteSessions({ filter: {}, userId: "u2" });
        await db.deleteSessions({ filter: { participantId: "u3" } });
      });
      for (const { steps } of plans) {
        expect(steps).not.toContain("Seq Scan");
      }
    });

    test.each(Object.keys(filters))(
      "sessions by %s are prepared only if one plan is good for all values",
      async (name) => {
        const filter = filters[name] ?? {};
        const isSteady = Object.keys(filter).every((key) => ["userId", "sessionType"].includes(key));
        const plans = await plansOf(client, { schema }, (db) =>
          db.getSessions({ ...filter, limit: 5, includeTotal: true }),
        );
        expect(plans.map((plan) => plan.name !== undefined)).toEqual([isSteady, isSteady]);
      },
    );
  });
}
