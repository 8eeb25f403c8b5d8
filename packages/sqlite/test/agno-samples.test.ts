import { readFileSync } from "node:fs";
import type { JsonObject, JsonValue, Session } from "@sessiondb/core";
import { decodeRun } from "@sessiondb/core/adapter";
import { SqliteSessionDb, type SqliteSessionDbOptions } from "@sessiondb/sqlite";
import { describe, expect, test } from "vitest";
import { fixture, hashOf, query } from "./support.ts";

// The files are those that the real framework wrote; the JSON is what its own `get_session` gave for them.

interface Expected extends JsonObject {
  session_id: string;
  user_id: string | null;
  session_data: JsonValue;
  runs: JsonObject[] | null;
}

const recorded = new URL("../../core/test/fixtures/", import.meta.url);
const readJson = (name: string): unknown => JSON.parse(readFileSync(new URL(`${name}.json`, recorded), "utf8"));
const single = (name: string): Expected[] => [readJson(name) as Expected];

const samples: [file: string, sessions: Expected[]][] = [
  ["agno-2-agent", single("agno-2/agent-session")],
  ["agno-2-team", single("agno-2/team-session")],
  ["agno-2-workflow", single("agno-2/workflow-session")],
  ["agno-2-edge", Object.values(readJson("agno-2/edge-sessions") as Record<string, Expected>)],
  ["agno-3", single("agno-3/agent-session")],
];

/** What reading adds: session data is never null, and a run belongs to its session and to somebody. */
function asRead(expected: Expected): JsonObject {
  return {
    ...expected,
    session_data: expected.session_data ?? {},
    runs: (expected.runs ?? []).map((run) => {
      const userId = run["user_id"] ?? expected.user_id;
      return { ...run, session_id: expected.session_id, ...(userId !== null && { user_id: userId }) };
    }),
  };
}

async function readAll(options: SqliteSessionDbOptions, sessions: readonly Expected[]): Promise<void> {
  await using db = new SqliteSessionDb(options);
  for (const expected of sessions) {
    const session = await db.getSession({ sessionId: expected.session_id });
    expect(plain(session)).toEqual(asRead(expected));
    const { runs } = await db.getRuns({ sessionId: expected.session_id, limit: 100 });
    expect(runs).toEqual(session?.runs);
    for (const run of runs) {
      expect(await db.getRun({ runId: run.runId })).toEqual(run);
    }
  }
  const { sessions: listed } = await db.getSessions({ includeRuns: true, limit: 100 });
  for (const expected of sessions) {
    expect(plain(listed.find(({ sessionId }) => sessionId === expected.session_id) ?? null)).toEqual(asRead(expected));
  }
}

const plain = (session: Session | null): JsonObject | null => session && session.toJSON();

describe.each(samples)("%s.db", (name, sessions) => {
  test("is read, field by field, as the framework reads it", async () => {
    await readAll({ file: fixture(name) }, sessions);
  });

  test("is not changed when opened read-only", async () => {
    const file = fixture(name);
    const before = hashOf(file);
    await readAll({ file, readonly: true }, sessions);
    expect(hashOf(file)).toBe(before);
  });

  test("is not changed by reads when nothing may be migrated", async () => {
    const file = fixture(name);
    const before = hashOf(file);
    await readAll({ file, autoMigrate: false }, sessions);
    expect(hashOf(file)).toBe(before);
  });
});

test("rows of both layouts in one file merge in the order of the column", async () => {
  await using db = new SqliteSessionDb({ file: fixture("agno-3-on-2") });
  const [before] = single("agno-2/agent-session");
  const session = await db.getSession({ sessionId: "sess-agent-1" });
  const runs = (plain(session)?.["runs"] ?? []) as JsonObject[];
  expect(runs.slice(0, 2)).toEqual(asRead(before as Expected)["runs"]);
  expect(runs).toHaveLength(3);
  const [row] = query<{ run_data: string }>(fixture("agno-3-on-2"), "select run_data from agno_runs");
  expect(runs[2]).toEqual(JSON.parse(row?.run_data ?? ""));
});

test("null columns, empty documents and odd values are read as they are", async () => {
  await using db = new SqliteSessionDb({ file: fixture("agno-2-edge") });
  expect(plain(await db.getSession({ sessionId: "all-null" }))).toEqual({
    session_id: "all-null",
    session_type: "agent",
    agent_id: "a",
    team_id: null,
    workflow_id: null,
    user_id: null,
    session_data: {},
    agent_data: null,
    team_data: null,
    workflow_data: null,
    metadata: null,
    summary: null,
    runs: [],
    created_at: 100,
    updated_at: 100,
  });
  expect(plain(await db.getSession({ sessionId: "empty-dicts" }))).toMatchObject({ agent_data: {}, metadata: {} });
  expect(await db.getSession({ sessionId: "team-empty" })).toMatchObject({ sessionType: "team", runs: [] });
  expect(await db.getSession({ sessionId: "wf-empty" })).toMatchObject({ sessionType: "workflow", workflowData: {} });

  const unicode = await db.getSession({ sessionId: "unicode" });
  expect(unicode?.sessionName).toBe('Ñandú 😀 \u2028 "q" \\ back');
  // A double holds no 20 digits: the nearest one is read.
  expect(unicode?.sessionState).toEqual({ big: 12345678901234567000, f: 1, nan: NaN, inf: Infinity, nul: "a\0b" });
});

test("names that Agno stored double-escaped are found", async () => {
  await using db = new SqliteSessionDb({ file: fixture("agno-2-edge") });
  for (const sessionName of ["ñandú", "ÑANDÚ 😀", '"Q" \\']) {
    const { sessions } = await db.getSessions({ sessionName });
    expect(sessions.map(({ sessionId }) => sessionId)).toEqual(["unicode"]);
  }
});

test("columns of the framework's run rows agree with the runs that are read", async () => {
  const file = fixture("agno-3");
  await using db = new SqliteSessionDb({ file });
  const rows = query<Record<string, string | number | null>>(file, "select * from agno_runs order by run_index");
  const { runs } = await db.getRuns({ sessionId: "S3" });
  expect(runs).toEqual(
    rows.map((row) =>
      decodeRun({
        runId: String(row["run_id"]),
        sessionId: "S3",
        runType: String(row["run_type"]),
        agentId: null,
        teamId: null,
        workflowId: null,
        userId: null,
        parentRunId: null,
        status: null,
        runData: JSON.parse(String(row["run_data"])) as JsonObject,
        createdAt: Number(row["created_at"]),
      }),
    ),
  );
});

test.each(samples)("what was said in %s.db is found", async (name, sessions) => {
  await using db = new SqliteSessionDb({ file: fixture(name) });
  const said = sessions.flatMap(({ runs }) => (runs ?? []).filter(isShown).flatMap(spokenIn));
  expect(said.length).toBeGreaterThan(0);
  for (const { runId, text } of said) {
    const { hits } = await db.searchSessions({ text });
    expect(hits).toContainEqual(expect.objectContaining({ runId }));
  }
});

function isShown({ parent_run_id: parent = null, status }: JsonObject): boolean {
  return parent === null && status !== "REGENERATED";
}

/** The beginnings of a run's output and of its user's messages, in the other case. */
function spokenIn({ run_id: runId, content, messages }: JsonObject): { runId: JsonValue | undefined; text: string }[] {
  const spoken = ((messages ?? []) as JsonObject[]).filter(
    (message) => message["role"] === "user" && message["from_history"] !== true,
  );
  return [content, ...spoken.map((message) => message["content"])]
    .map((text) => (typeof text === "string" ? text.slice(0, 40).toUpperCase() : ""))
    .filter((text) => text.trim() !== "")
    .map((text) => ({ runId, text }));
}
