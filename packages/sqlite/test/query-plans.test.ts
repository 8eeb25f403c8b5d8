import type { GetRunsOptions, UserScope } from "@sessiondb/core";
import type { SqliteSessionDb } from "@sessiondb/sqlite";
import { searchFilters, type SearchOfPlans } from "@sessiondb/testing/list-filters";
import { agentRun } from "@sessiondb/testing/models";
import type Database from "better-sqlite3";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { filters, largeDatabase, plansOf, type Plan } from "./plans.ts";

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
  // Those that an index of all statuses but the usual one names.
  "rare status": ["createdAt", "updatedAt"],
  "rare statuses": ["createdAt", "updatedAt"],
  "type and rare status": ["createdAt", "updatedAt"],
  "component and rare status": ["updatedAt"],
  "component and usual status": ["updatedAt"],
  "start and end": ["updatedAt"],
  "user and start": ["updatedAt"],
};

function expectIndexed({ steps }: Plan): void {
  expect(scans({ steps }).filter((step) => !/ USING (COVERING )?INDEX /.test(step))).toEqual([]);
}

/** The steps that look at a whole table or index; a list that stops at its limit may begin so. */
const scans = ({ steps }: Pick<Plan, "steps">) => steps.filter((step) => step.startsWith("SCAN agno_"));
const isSorted = ({ steps }: Plan) => steps.includes("USE TEMP B-TREE FOR ORDER BY");

/** Reads a page, the one after it, and the first again from there. */
async function walk(db: SqliteSessionDb, options: GetRunsOptions & UserScope): Promise<void> {
  const one = await db.getRuns(options);
  const two = await db.getRuns({ ...options, cursor: one.nextCursor ?? "" });
  const again = await db.getRuns({ ...options, cursor: two.previousCursor ?? "" });
  expect(again.runs.map(({ runId }) => runId)).toEqual(one.runs.map(({ runId }) => runId));
}

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
      const [first, following, before, ...more] = await plansOf(client, async (db) => {
        const one = await db.getSessions(options);
        const two = await db.getSessions({ ...options, cursor: one.nextCursor ?? "" });
        const again = await db.getSessions({ ...options, cursor: two.previousCursor ?? "" });
        expect(again.sessions.map(({ sessionId }) => sessionId)).toEqual(
          one.sessions.map(({ sessionId }) => sessionId),
        );
      });
      if (first === undefined || following === undefined || before === undefined || more.length > 0) {
        throw new Error("Expected one statement for each page");
      }
      const pages = [first, following, before];
      pages.forEach(expectIndexed);
      const sorts = sorted[name]?.includes(sortBy) ?? false;
      expect(isSorted(first)).toBe(sorts);
      // A page beside a cursor begins there, and not at the first page.
      const bound = sortBy === "createdAt" ? "(created_at,session_id)" : "<expr>";
      const sides = sortOrder === "asc" ? ([">", "<"] as const) : (["<", ">"] as const);
      for (const [page, side] of [[following, sides[0]] as const, [before, sides[1]] as const]) {
        expect(scans(page)).toEqual([]);
        expect(page.steps[0]).toContain(sorts ? "" : `${bound}${side}`);
        expect(isSorted(page) && !sorts).toBe(false);
      }
      const readsRuns = pages.some(({ text }) => text.includes("agno_runs"));
      expect(readsRuns).toBe("participantId" in options || "runStatus" in options);
      // Which sessions have a rare status is in the index, so that none of their runs is read.
      const asksIndex = pages.every(({ steps }) =>
        steps.includes("SEARCH agno_runs USING COVERING INDEX idx_agno_runs_status_created_at (status=?)"),
      );
      expect(asksIndex).toBe(name.includes("rare"));
    },
  );

  test.each<[string, GetRunsOptions & UserScope, string]>([
    ["a session", { sessionId: "s1" }, "session_id_run_index (session_id=?"],
    ["a session, backwards", { sessionId: "s1", sortOrder: "desc" }, "session_id_run_index (session_id=?"],
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
    ["all sessions, backwards", { sortOrder: "desc" }, "created_at_run_id"],
    ["all sessions, since", { startTimestamp: 1_700_000_500 }, "created_at_run_id (created_at>?"],
    ["all sessions, until", { endTimestamp: 1_700_000_500, sortOrder: "desc" }, "created_at_run_id (created_at<?"],
    ["a user's sessions", { userId: "u1" }, "(session_id=?"],
    ["a participant", { participantId: "u1" }, "(user_id=?"],
    ["a status", { status: "PAUSED" }, "status_created_at (status=?"],
    ["a status, backwards", { status: "PAUSED", sortOrder: "desc" }, "status_created_at (status=?"],
    [
      "a status, since",
      { status: "PAUSED", startTimestamp: 1_700_000_500 },
      "status_created_at (status=? AND created_at>?",
    ],
    ["the usual status", { status: "COMPLETED" }, "created_at_run_id"],
    ["the usual status, backwards", { status: "COMPLETED", sortOrder: "desc" }, "created_at_run_id"],
    ["a component with a rare status", { componentId: "c0", status: "PAUSED" }, "status_created_at (status=?"],
    [
      "what waits for a user",
      { componentId: "c1", status: "PAUSED", userId: "u1", parentRunId: null },
      "status_created_at (status=?",
    ],
    [
      "a component with a rare status, no members",
      { componentId: "c0", status: "PAUSED", parentRunId: null },
      "status_created_at (status=?",
    ],
    ["a component in a user's sessions", { componentId: "c1", userId: "u1" }, "(session_id=?"],
    ["a component of a participant", { componentId: "c1", participantId: "u1" }, "(user_id=?"],
  ])("runs of %s", async (_, options, index) => {
    const plans = await plansOf(client, async (db) => {
      await walk(db, { ...options, limit: 5 });
    });
    // In a session, a statement that is rendered once looks up where the cursor's run stands now; times do not move.
    const [first] = plans;
    const lookups = plans.filter(({ steps }) => steps[0]?.includes("(run_id=?)"));
    const [following, before] = plans.slice(1).filter((plan) => !lookups.includes(plan));
    expect(plans).toHaveLength("sessionId" in options ? 4 : 3);
    expect(lookups).toHaveLength("sessionId" in options ? 1 : 0);
    plans.forEach(expectIndexed);
    expect(first?.steps[0]).toContain(index);
    expect([following, before].map((page) => page && scans(page))).toEqual([[], []]);
    // What one user wrote or owns is sorted, unless its status is rare; every other list is in the order of its index.
    const isOfUser = "userId" in options || "participantId" in options;
    const sorts = options.sessionId === undefined && isOfUser && options.status === undefined;
    expect(plans.some(isSorted)).toBe(sorts);
    const bound = options.sessionId === undefined ? "(created_at,run_id)" : "run_index";
    const backwards = options.sortOrder === "desc";
    expect(following?.steps[0]).toContain(sorts ? "" : `${bound}${backwards ? "<" : ">"}`);
    expect(before?.steps[0]).toContain(sorts ? "" : `${bound}${backwards ? ">" : "<"}`);
  });

  test.each<[string, SearchOfPlans]>(searchFilters)("a search of %s goes along indexes", async (name, options) => {
    const plans = await plansOf(client, async (db) => {
      const found = await db.searchSessions({ text: "nothing like it", maxRuns: 30, ...options });
      expect(found.runsSearched).toBe(30);
    });
    expect(plans.length).toBeGreaterThan(1);
    for (const { steps } of plans) {
      expect(
        steps.filter((step) => step.startsWith("SCAN agno_") && !(name === "all" && / INDEX /.test(step))),
      ).toEqual([]);
      expect(steps).not.toContain("USE TEMP B-TREE FOR ORDER BY");
    }
  });

  test.each<[string, GetRunsOptions]>([
    ["a component", { componentId: "c1" }],
    ["a component, backwards", { componentId: "c1", sortOrder: "desc" }],
    ["a component, usual status", { componentId: "c1", status: "COMPLETED" }],
    ["a component, since", { componentId: "c1", startTimestamp: 1_700_000_500 }],
    ["a component, until", { componentId: "c1", endTimestamp: 1_700_020_000, sortOrder: "desc" }],
    ["a component, no members", { componentId: "c1", parentRunId: null }],
  ])("runs of %s are read from the indexes of its three columns, each no further than the page", async (_, options) => {
    const plans = await plansOf(client, (db) => walk(db, { ...options, limit: 5 }));
    const side = options.sortOrder === "desc" ? ["<", ">"] : [">", "<"];
    expect(plans).toHaveLength(3);
    for (const [page, { steps, text }] of plans.entries()) {
      const searches = steps.filter((step) => step.includes("agno_runs"));
      expect(searches).toEqual(
        ["agent", "team", "workflow"].map((kind) =>
          expect.stringContaining(`SEARCH agno_runs USING INDEX idx_agno_runs_${kind}_id_created_at (${kind}_id=?`),
        ),
      );
      for (const search of page === 0 ? [] : searches) {
        expect(search).toContain(`(created_at,run_id)${side[page - 1]}(?,?)`);
      }
      // What is sorted is the pages of the three, each of which has its limit.
      expect(text.match(/ limit /g)).toHaveLength(4);
    }
  });

  test("a component's runs are listed once and in order, whichever columns name it", async () => {
    client.exec("update agno_runs set team_id = agent_id where run_id in ('rs150', 'rs300')");
    const store = await plansOf(client, async (db) => {
      const listed: string[] = [];
      for await (const { runs } of db.runPages({ componentId: "c0", limit: 100 })) {
        listed.push(...runs.map(({ runId }) => runId));
      }
      const wanted = client
        .prepare(
          "select run_id from agno_runs where 'c0' in (agent_id, team_id, workflow_id) order by created_at, run_id",
        )
        .pluck()
        .all();
      expect(listed).toEqual(wanted);
    });
    expect(store.length).toBeGreaterThan(1);
  });

  test("counting runs reads only their index", async () => {
    const plans = await plansOf(client, async (db) => {
      const { sessions } = await db.getSessions({ includeRunCount: true, limit: 5, sortOrder: "asc" });
      expect(sessions.map(({ runCount }) => runCount)).toContain(2001);
      await db.getSessions({ includeRunCount: true, userId: "u1", sortBy: "updatedAt" });
    });
    expect(plans).toHaveLength(2);
    for (const plan of plans) {
      expectIndexed(plan);
      expect(plan.steps.filter((step) => step.includes("agno_runs"))).toEqual([
        expect.stringMatching(/^SEARCH agno_runs USING COVERING INDEX idx_agno_runs_session_id\w* \(session_id=\?\)$/),
      ]);
    }
  });

  test("a list with runs reads those of its sessions by their index", async () => {
    const expected = [
      [{}, /session_id(?:_run_index)? \(session_id=\?\)/],
      [{ runsLimit: 3 }, /session_id_run_index \(session_id=\?\)/],
    ] as const;
    for (const [runs, index] of expected) {
      const plans = await plansOf(client, (db) => db.getSessions({ includeRuns: true, limit: 4, ...runs }));
      plans.forEach(expectIndexed);
      expect(plans).toHaveLength(2);
      const ofRuns = plans[1]?.steps.filter((step) => step.includes("agno_runs")) ?? [];
      expect(ofRuns.at(-1)).toMatch(index);
      expect(ofRuns.filter((step) => !step.startsWith("SEARCH"))).toEqual([]);
    }
  });

  const team = { sessionType: "team", sessionId: "s1", userId: "u1" } as const;

  test("a turn that replaces the end of a conversation reads only the end", async () => {
    const plans = await plansOf(client, async (db) => {
      const run = agentRun("end", { agentId: "a" });
      expect(await db.upsertRun({ session: team, run, deleteRunsAfter: "long1990" })).toMatchObject({ stored: true });
      // A run that is stored, and moves up.
      expect(await db.upsertRun({ session: team, run, deleteRunsAfter: "long1980" })).toEqual({
        stored: true,
        deletedRuns: 10,
      });
    });
    plans.forEach(expectIndexed);
    expect(plans.flatMap(scans)).toEqual([]);
    const ofSession = plans.flatMap(({ steps }) => steps).filter((step) => step.includes("agno_runs_session_id"));
    expect(new Set(ofSession)).toEqual(
      new Set([
        "SEARCH agno_runs USING INDEX idx_agno_runs_session_id_run_index (session_id=? AND run_index>?)",
        // The next place.
        "SEARCH agno_runs USING COVERING INDEX idx_agno_runs_session_id_run_index (session_id=?)",
      ]),
    );
    const { place } = client.prepare("select run_index as place from agno_runs where run_id = 'end'").get() as {
      place: number;
    };
    expect(place).toBe(1981);
  });

  test("a turn with onlyIfNewest: null reads at most one run", async () => {
    const plans = await plansOf(client, async (db) => {
      const run = agentRun("first", { agentId: "a" });
      expect(await db.upsertRun({ session: team, run, onlyIfNewest: null })).toEqual({
        stored: false,
        unmet: "onlyIfNewest",
      });
    });
    plans.forEach(expectIndexed);
    expect(plans.at(-1)?.text).toContain(" limit ");
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

  test("the newest runs are read in order from their index", async () => {
    const plans = await plansOf(client, (db) => db.getSession({ sessionId: "s1", runsLimit: 5 }));
    expect(plans.at(-1)?.steps).toEqual([
      "SEARCH agno_runs USING INDEX idx_agno_runs_session_id_run_index (session_id=? AND run_index>?)",
    ]);
  });

  test("a turn reads only the index for the next position", async () => {
    const session = { sessionType: "team", sessionId: "s1", userId: "u1" } as const;
    const plans = await plansOf(client, (db) => db.upsertRun({ session, run: agentRun("newer", { agentId: "a" }) }));
    expect(plans.at(-1)?.steps).toContain(
      "SEARCH agno_runs USING COVERING INDEX idx_agno_runs_session_id_run_index (session_id=?)",
    );
  });

  test("deletes find their rows by an index", async () => {
    const plans = await plansOf(client, async (db) => {
      await db.deleteRuns({ runIds: ["rs4"] });
      await db.deleteSession({ sessionId: "s4" });
      await db.deleteSessions({ filter: {}, userId: "u2" });
      await db.deleteSessions({ filter: { participantId: "u3" } });
      await db.deleteSessions({ filter: { endTimestamp: 1_700_000_001 } });
      await db.deleteSessions({ filter: { runStatus: "PAUSED" }, userId: "u4" });
    });
    expect(plans.length).toBeGreaterThan(8);
    plans.forEach(expectIndexed);
    expect(plans.flatMap(scans)).toEqual([]);
  });
});
