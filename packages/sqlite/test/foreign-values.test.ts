import { copyFileSync } from "node:fs";
import { inspect } from "node:util";
import { CorruptDataError, SessionDbError } from "@sessiondb/core";
import { SqliteSessionDb } from "@sessiondb/sqlite";
import { agentRun, agentSession } from "@sessiondb/testing/models";
import { beforeAll, describe, expect, test } from "vitest";
import { query, temporaryFile } from "./support.ts";

// SQLite stores what it is given, whatever a column is declared as. A value that the store cannot have written is told by
// its column and row, and never read as another one.

const marked = "the marked sentence";
const values = [marked, "", Buffer.from(marked), 1.5, 1e300];
const columns = [
  "agno_sessions.created_at",
  "agno_sessions.updated_at",
  "agno_runs.created_at",
  "agno_runs.run_index",
  "agno_runs.updated_at",
];
const cells = columns.flatMap((column) => values.map((value): [string, unknown] => [column, value]));

const template = temporaryFile();
beforeAll(async () => {
  await using db = new SqliteSessionDb({ file: template });
  for (const sessionId of ["good", "bad", "other"]) {
    const runs = [agentRun(`${sessionId}-run`), agentRun(`${sessionId}-2`)];
    await db.upsertSession({ ...agentSession(sessionId), runs });
  }
});

const reads: Readonly<Record<string, (db: SqliteSessionDb) => Promise<unknown>>> = {
  getSession: (db) => db.getSession({ sessionId: "bad" }),
  "getSession, newest": (db) => db.getSession({ sessionId: "bad", runsLimit: 1 }),
  getRun: (db) => db.getRun({ runId: "bad-run" }),
  sessionPages: async (db) => {
    for await (const page of db.sessionPages({ limit: 1, includeRuns: true })) {
      void page;
    }
  },
  "sessionPages by updatedAt": async (db) => {
    for await (const page of db.sessionPages({ limit: 1, sortBy: "updatedAt" })) {
      void page;
    }
  },
  runPages: async (db) => {
    for await (const page of db.runPages({ limit: 1 })) {
      void page;
    }
  },
  "runPages of one": async (db) => {
    for await (const page of db.runPages({ sessionId: "bad", limit: 1 })) {
      void page;
    }
  },
  upsertRun: (db) => db.upsertRun({ session: agentSession("bad"), run: agentRun("more") }),
  updateSession: (db) => db.updateSession({ sessionId: "bad" }, { sessionName: "x" }),
  updateRun: (db) => db.updateRun({ runId: "bad-run" }, (run) => run),
  deleteRuns: (db) => db.deleteRuns({ runIds: ["bad-run"] }),
  deleteSession: (db) => db.deleteSession({ sessionId: "bad" }),
};

describe.each(cells)("%s as %j", (column, value) => {
  test("is answered by every call correctly or with a typed error that does not quote it", async () => {
    const [table = "", name = ""] = column.split(".");
    const outcomes: Record<string, string> = {};
    for (const [call, read] of Object.entries(reads)) {
      const file = temporaryFile();
      copyFileSync(template, file);
      await using db = new SqliteSessionDb({ file });
      const key = table === "agno_sessions" ? "session_id = 'bad'" : "run_id = 'bad-run'";
      query(file, `update ${table} set ${name} = ? where ${key}`, value);
      const outcome: unknown = await read(db).catch((error: unknown) => error);
      outcomes[call] = outcome instanceof Error && SessionDbError.isInstance(outcome) ? outcome.code : "returned";
      const told = outcome instanceof CorruptDataError ? [outcome.location, outcome.id] : [];
      expect([[], [column, "bad"], [column, "bad-run"]]).toContainEqual(told);
      expect(inspect(outcome, { depth: 10 })).not.toMatch(/the marked sentence|NaN|Infinity/);
    }
    expect(outcomes).toMatchObject({ deleteSession: "returned" });
    expect(["CORRUPT_DATA", "returned"]).toEqual(expect.arrayContaining(Object.values(outcomes)));
  });
});

type Page = { readonly unreadable: readonly { readonly id: string }[] };

const lists: Readonly<Record<string, (db: SqliteSessionDb) => Promise<Page>>> = {
  sessions: (db) => db.getSessions(),
  "sessions by their last update": (db) => db.getSessions({ sortBy: "updatedAt" }),
  "sessions with their runs": (db) => db.getSessions({ includeRuns: true }),
  runs: (db) => db.getRuns(),
};

test.each([
  ["sessions", "agno_sessions.created_at", "bad", 2],
  ["sessions", "agno_sessions.updated_at", "bad", 2],
  ["sessions by their last update", "agno_sessions.created_at", "bad", 2],
  ["sessions by their last update", "agno_sessions.updated_at", "bad", 2],
  ["sessions with their runs", "agno_sessions.created_at", "bad", 2],
  ["sessions with their runs", "agno_sessions.updated_at", "bad", 2],
  ["runs", "agno_runs.created_at", "bad-run", 5],
  ["runs", "agno_runs.run_index", "bad-run", 5],
])(
  "a list of %s reports the row whose %s cannot be read, and returns the others",
  async (...[list, column, id, others]) => {
    const file = temporaryFile();
    copyFileSync(template, file);
    await using db = new SqliteSessionDb({ file });
    const [table = "", name = ""] = column.split(".");
    query(file, `update ${table} set ${name} = ? where ${id === "bad" ? "session_id" : "run_id"} = '${id}'`, marked);
    const page = await lists[list]?.(db);
    expect(page?.unreadable.map((each) => each.id)).toEqual([id]);
    expect(Object.values({ ...page, unreadable: null }).find((each) => Array.isArray(each))).toHaveLength(others);
  },
);

test.each([1.5, 9_007_199_254_740_991, 9_223_372_036_854_775_807n, marked])(
  "an index of %s is not continued by the runs that follow",
  async (place) => {
    const file = temporaryFile();
    copyFileSync(template, file);
    await using db = new SqliteSessionDb({ file });
    query(file, "update agno_runs set run_index = ? where run_id = 'bad-run'", place);
    for (const runId of ["next", "last"]) {
      await db.upsertRun({ session: agentSession("bad"), run: agentRun(runId) });
    }
    query(file, "update agno_runs set run_index = 0 where run_id = 'bad-run'");
    const session = await db.getSession({ sessionId: "bad" });
    expect(session?.runs.map(({ runId }) => runId).toSorted()).toEqual(["bad-2", "bad-run", "last", "next"]);
  },
);
