import type { GetRunsOptions, SessionFilter, UserScope } from "@sessiondb/core";
import type { MySqlSessionDb } from "@sessiondb/mysql";
import type { RecordedStatement } from "@sessiondb/testing/recording";
import { searchFilters, type SearchOfPlans } from "@sessiondb/testing/list-filters";
import { agentRun } from "@sessiondb/testing/models";
import type { Connection } from "mysql2/promise";
import { afterAll, beforeAll, expect, test } from "vitest";
import { fillTables, filters, observe, planOf, rowsRead } from "./plans.ts";
import { connect, freshDatabase, onEachServer } from "./support.ts";

/** The lists that sort what a condition has selected; any other is read in the order of an index. */
const unordered = new Set(["participant", "component", "user and component", "rare status"]);
/** What an index for it would cost on every turn is more than sorting one component's sessions. */
const unorderedByUpdate = new Set([...unordered, "agent component", "team component", "workflow component"]);

const run = (runId: string) => agentRun(runId, { agentId: "member" });

onEachServer((server) => {
  let url: string;
  let on: Connection;

  beforeAll(async () => {
    url = await freshDatabase(server.url);
    await fillTables(url);
    on = await connect(url);
  }, 180_000);
  afterAll(() => on.end());

  /** A table is never read from end to end; small results of other steps may be. */
  async function expectIndexes(statements: readonly RecordedStatement[], { sorts }: { sorts: number }): Promise<void> {
    for (const statement of statements.filter(({ text }) => /^(\(?select|update|delete|insert)/i.test(text))) {
      const plan = await planOf(on, statement);
      const steps = plan.filter(({ select_type: part, table }) => part !== "INSERT" && !(table ?? "<").startsWith("<"));
      const scans = steps.filter(({ type }) => type === "ALL").map(() => statement.text);
      expect(scans).toEqual([]);
      // The last rows of a list are sorted as soon as read in its order.
      const sorted = steps.filter(({ Extra, rows }) => /filesort/.test(Extra ?? "") && Number(rows) > 20);
      expect(sorted.length).toBeLessThanOrEqual(sorts);
    }
  }

  const lists = Object.keys(filters).flatMap((name) =>
    (["createdAt", "updatedAt"] as const).flatMap((sortBy) =>
      (["desc", "asc"] as const).map((sortOrder) => [name, sortBy, sortOrder] as const),
    ),
  );

  test.each(lists)("sessions by %s, %s %s", { timeout: 60_000 }, async (name, sortBy, sortOrder) => {
    const options = { ...filters[name], sortBy, sortOrder, limit: 5 };
    const statements = await observe(url, async (db) => {
      const { nextCursor } = await db.getSessions(options);
      const { previousCursor } = await db.getSessions({ ...options, cursor: nextCursor ?? "" });
      await db.getSessions({ ...options, cursor: previousCursor ?? "" });
    });
    expect(statements).toHaveLength(3);
    // Sessions of Agno without updated_at are few, or a planner may sort those of one user.
    const sorts = sortBy === "createdAt" ? 0 : 1;
    const selected = (sortBy === "createdAt" ? unordered : unorderedByUpdate).has(name);
    await expectIndexes(statements, { sorts: selected ? 2 : sorts });
    for (const { text } of statements) {
      expect(text.includes("agno_runs")).toBe("participantId" in options || "runStatus" in options);
    }
    // A name is looked for from one end of the list until the page is full.
    expect(await rowsRead(on, statements)).toBeLessThan(name === "name" ? 300_000 : 30_000);
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
    ["a component, since", { componentId: "c1", startTimestamp: 1_700_000_500 }],
    ["a component, a status", { componentId: "c1", status: "COMPLETED" }],
    ["a component in a session", { componentId: "c1", sessionId: "s1" }],
    ["a rare status", { status: "PAUSED" }],
    ["a rare status, backwards", { status: "PAUSED", sortOrder: "desc" }],
    ["rare statuses", { status: ["PAUSED", "RUNNING"] }],
    ["the usual status", { status: "COMPLETED" }],
    ["the usual status, backwards", { status: "COMPLETED", sortOrder: "desc" }],
    ["all but one status", { status: ["COMPLETED", "PAUSED", "ERROR"] }],
  ])("runs of %s", async (_, options) => {
    const statements = await observe(url, async (db) => {
      const { nextCursor } = await db.getRuns({ ...options, limit: 5 });
      const { previousCursor } = await db.getRuns({ ...options, limit: 5, cursor: nextCursor ?? "" });
      await db.getRuns({ ...options, limit: 5, cursor: previousCursor ?? "" });
    });
    // In a session, the place of the cursor's run is looked up.
    expect(statements).toHaveLength(options.sessionId === undefined ? 3 : 5);
    // The runs of a user, and those of several statuses of which there are few, are sorted.
    const selected = options.userId ?? options.participantId ?? (options.status?.includes("RUNNING") || undefined);
    await expectIndexes(statements, { sorts: selected === undefined ? 0 : 1 });
    expect(await rowsRead(on, statements)).toBeLessThan(20_000);
  });

  test.each<[string, SearchOfPlans]>(searchFilters)(
    "a search of %s reads what it says",
    { timeout: 60_000 },
    async (_, options) => {
      let searched = 0;
      const statements = await observe(url, async (db) => {
        const found = await db.searchSessions({ text: "nothing like it", maxRuns: 30, ...options });
        searched = found.runsSearched;
      });
      expect(searched).toBe(30);
      expect(statements.length).toBeLessThan(35);
      await expectIndexes(statements, { sorts: 1 });
      // A user has about 100 sessions, which the planner may sort, in each of two statements.
      expect(await rowsRead(on, statements)).toBeLessThan(1000);
    },
  );

  test.each<[string, SessionFilter & UserScope & { sortBy?: "createdAt" | "updatedAt" }]>([
    ["by creation", {}],
    ["by update", { sortBy: "updatedAt" }],
    ["of a user", { userId: "u1" }],
  ])("counting the runs of sessions %s reads only their index", async (_, options) => {
    const statements = await observe(url, (db) => db.getSessions({ ...options, includeRunCount: true, limit: 5 }));
    expect(statements).toHaveLength(1);
    await expectIndexes(statements, { sorts: 0 });
    const counting = (await Promise.all(statements.map((each) => planOf(on, each)))).flat();
    const steps = counting.filter(({ table }) => table === "agno_runs");
    expect(steps.map(({ Extra }) => Extra)).toEqual(steps.map(() => expect.stringContaining("Using index") as string));
    expect(steps).toHaveLength(1);
    const plain = await observe(url, (db) => db.getSessions({ ...options, limit: 5 }));
    const counted = options.userId === "u1" ? 2200 : 30;
    expect(await rowsRead(on, statements)).toBeLessThan((await rowsRead(on, plain)) + counted);
  });

  test.each([
    ["all runs", {}, 180],
    ["the newest runs", { runsLimit: 3 }, 180],
  ] as const)("%s of a list's sessions cost one more statement", async (_, more, most) => {
    const statements = await observe(url, (db) => db.getSessions({ limit: 40, includeRuns: true, ...more }));
    expect(statements).toHaveLength(2);
    await expectIndexes(statements, { sorts: 0 });
    // The row again and two looks for each of 40 sessions, beside the list itself.
    expect(await rowsRead(on, statements)).toBeLessThan(40 + most);
  });

  test("the newest runs of a list's long session are read from the end of their index", async () => {
    const statements = await observe(url, (db) =>
      db.getSessions({ userId: "u1", sortOrder: "asc", limit: 3, includeRuns: true, runsLimit: 10 }),
    );
    expect(statements).toHaveLength(2);
    expect(await rowsRead(on, statements)).toBeLessThan(40);
  });

  test("a list of more sessions than one statement reads includes all their runs", async () => {
    const statements = await observe(url, async (db) => {
      const { sessions } = await db.getSessions({ limit: 300, includeRuns: true, runsLimit: 2 });
      expect(sessions.map((each) => each.runs.map(({ runId }) => runId))).toEqual(
        sessions.map(({ sessionId }) => [`r${sessionId}`]),
      );
    });
    expect(statements).toHaveLength(4);
  });

  const one = (db: MySqlSessionDb, more: object = {}) => db.getSession({ sessionId: "s1", ...more });
  const session = { sessionType: "team", sessionId: "s1", userId: "u1" } as const;

  test.each<[string, (db: MySqlSessionDb) => Promise<unknown>, number]>([
    ["a session without runs", (db) => one(db, { includeRuns: false }), 1],
    ["a session", (db) => one(db), 1],
    ["a session's newest runs", (db) => one(db, { runsLimit: 10 }), 1],
    ["a run", (db) => db.getRun({ runId: "rs1" }), 1],
    ["a turn", (db) => db.upsertRun({ session, run: run("new") }), 4],
    ["a turn that replaces its run", (db) => db.upsertRun({ session, run: run("new") }), 4],
    ["a change", (db) => db.updateSession({ sessionId: "s1" }, { sessionState: {} }), 4],
    ["a turn with a change", (db) => db.upsertRun({ session, run: run("new"), change: { sessionState: {} } }), 5],
    ["the first turn", (db) => db.upsertRun({ session: { ...session, sessionId: "new" }, run: run("first") }), 5],
  ])("%s: by an index, in a fixed number of round trips", async (_, work, wanted) => {
    const statements = await observe(url, work);
    expect(statements.map(({ text }) => text)).toHaveLength(wanted);
    await expectIndexes(statements, { sorts: 0 });
  });

  test("reading a session without its runs touches no run", async () => {
    const [statement] = await observe(url, (db) => one(db, { includeRuns: false }));
    expect(statement?.text).not.toContain("agno_runs");
  });

  test("the newest runs are read from the end of their index, however long the session", async () => {
    const statements = await observe(url, (db) => one(db, { runsLimit: 10 }));
    expect(await rowsRead(on, statements)).toBeLessThan(40);
  });

  test("a turn reads no more of a long session than of a short one", async () => {
    const turn = async (sessionId: string): Promise<number> => {
      const statements = await observe(url, (db) =>
        db.upsertRun({ session: { ...session, sessionId }, run: run(`turn of ${sessionId}`) }),
      );
      return rowsRead(
        on,
        statements.filter(({ text }) => text.startsWith("insert")),
      );
    };
    expect(await turn("s1")).toBeLessThanOrEqual((await turn("s3001")) + 2);
  });

  test("deletes find their rows by an index", async () => {
    const statements = await observe(url, async (db) => {
      await db.deleteRuns({ runIds: ["rs4"] });
      await db.deleteSession({ sessionId: "s4" });
      await db.deleteSessions({ filter: {}, userId: "u2" });
      await db.deleteSessions({ filter: { participantId: "u3" } });
    });
    await expectIndexes(statements, { sorts: 1 });
  });
});
