import type { SessionDb } from "@sessiondb/core";
import { SqliteSessionDb } from "@sessiondb/sqlite";
import { agentRun, agentSession } from "@sessiondb/testing/models";
import { refusal } from "@sessiondb/testing/refusal";
import { describe, expect, test } from "vitest";
import { agno2File, agnoRun, agnoText, columnRunIds, runRows, runsColumn } from "./legacy.ts";
import { fixture, query } from "./support.ts";

async function runIds(db: SessionDb, sessionId: string, runsLimit?: number): Promise<string[] | undefined> {
  const session = await db.getSession({ sessionId, ...(runsLimit !== undefined && { runsLimit }) });
  return session?.runs.map(({ runId }) => runId);
}

describe("a session that Agno 2 wrote", () => {
  const session = agentSession("sess-agent-1", { agentId: "weather-agent", userId: "user-1" });

  test("continues with new runs after those of the column, which no write touches", async () => {
    const file = fixture("agno-2-agent");
    const column = runsColumn(file);
    await using db = new SqliteSessionDb({ file });
    await db.upsertRun({ session, run: agentRun("third") });
    await db.upsertRun({ session, run: agentRun("fourth"), change: { sessionState: { visits: 3 } } });
    await db.upsertSession({ ...session, metadata: { a: 1 }, runs: [agentRun("fifth")] });
    await db.updateSession({ sessionId: "sess-agent-1" }, { sessionName: "Renamed" });
    expect(await runIds(db, "sess-agent-1")).toEqual([...columnRunIds, "third", "fourth", "fifth"]);
    expect(runRows(file, "sess-agent-1")).toEqual(["third@2", "fourth@3", "fifth@4"]);
    expect(runsColumn(file)).toEqual(column);
    expect(await runIds(db, "sess-agent-1", 3)).toEqual(["third", "fourth", "fifth"]);
    expect(await runIds(db, "sess-agent-1", 4)).toEqual([columnRunIds[1], "third", "fourth", "fifth"]);
  });

  test("keeps a run of the column in its place when it is rewritten", async () => {
    const file = fixture("agno-2-agent");
    const column = runsColumn(file);
    await using db = new SqliteSessionDb({ file });
    await db.upsertRun({ session, run: agentRun("third") });
    await db.upsertRun({ session, run: agentRun(columnRunIds[0], { content: "A new answer" }) });
    await db.upsertRun({ session, run: agentRun("fourth") });
    expect(await runIds(db, "sess-agent-1")).toEqual([...columnRunIds, "third", "fourth"]);
    expect(await db.getRun({ runId: columnRunIds[0] })).toMatchObject({ content: "A new answer" });
    expect(runRows(file, "sess-agent-1")).toEqual([`${columnRunIds[0]}@0`, "third@2", "fourth@3"]);
    expect(runsColumn(file)).toEqual(column);
  });

  test("hides the runs of its column from other users", async () => {
    await using db = new SqliteSessionDb({ file: fixture("agno-2-agent") });
    const [runId] = columnRunIds;
    expect(await db.getRun({ runId, userId: "user-1" })).toMatchObject({ runId });
    expect(await db.getRun({ runId, userId: "somebody else" })).toBeNull();
    expect(await db.getRuns({ sessionId: "sess-agent-1", userId: "somebody else" })).toMatchObject({
      runs: [],
      nextCursor: null,
      unreadable: [],
    });
    expect(await db.getSession({ sessionId: "sess-agent-1", userId: "somebody else" })).toBeNull();
  });

  test("lists its runs in pages that span the column and the rows", async () => {
    await using db = new SqliteSessionDb({ file: agno2File({ s: ["a", "b", "c"] }) });
    await db.upsertRun({ session: agentSession("s"), run: agentRun("d", { status: "PAUSED" }) });
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const page = await db.getRuns({
        sessionId: "s",
        limit: 2,
        sortOrder: "desc",
        ...(cursor !== null && { cursor }),
      });
      seen.push(...page.runs.map(({ runId }) => runId));
      cursor = page.nextCursor;
    } while (cursor !== null);
    expect(seen).toEqual(["d", "c", "b", "a"]);
    const paused = await db.getRuns({ sessionId: "s", status: "PAUSED" });
    expect(paused.runs.map(({ runId }) => runId)).toEqual(["d"]);
    expect(await runIds(db, "s", 2)).toEqual(["b", "c"]);
  });

  test("says what to do when its runs are listed across sessions", async () => {
    await using db = new SqliteSessionDb({ file: fixture("agno-2-agent") });
    const error = await refusal(db.getRuns(), "SCHEMA_MISMATCH");
    expect(error.message).toContain("migrateLegacyRuns()");
    await db.migrateLegacyRuns();
    expect((await db.getRuns()).runs.map(({ runId }) => runId).toSorted()).toEqual(columnRunIds.toSorted());
  });

  test("can still be read, but not written, if its tables may not be created", async () => {
    const file = fixture("agno-2-agent");
    await using db = new SqliteSessionDb({ file, autoMigrate: false });
    const error = await refusal(db.upsertRun({ session, run: agentRun("third") }), "SCHEMA_MISMATCH");
    expect(error.message).toContain("agno_runs: wanted a table, found nothing");
    expect(await runIds(db, "sess-agent-1")).toEqual(columnRunIds);
    // Somebody else makes the table: the open store goes on without being opened anew.
    await using migrating = new SqliteSessionDb({ file });
    await migrating.migrate();
    await db.upsertRun({ session, run: agentRun("third") });
    expect(await runIds(db, "sess-agent-1")).toEqual([...columnRunIds, "third"]);
  });
});

describe("deleting runs of the column", () => {
  test.each([[true], [false]])("does not bring them back later (copied before: %s)", async (copied) => {
    const file = agno2File({ s: ["a", "b", "c"], t: ["d"] });
    await using db = new SqliteSessionDb({ file });
    if (copied) {
      await db.migrateLegacyRuns();
    }
    const { t } = runsColumn(file);
    expect(await db.deleteRuns({ runIds: ["b", "missing"] })).toBe(1);
    expect(await db.getRun({ runId: "b" })).toBeNull();
    await db.upsertRun({ session: agentSession("s"), run: agentRun("e") });
    await db.migrateLegacyRuns();
    expect(await runIds(db, "s")).toEqual(["a", "c", "e"]);
    expect(runRows(file, "s")).toEqual(["a@0", "c@1", "e@2"]);
    expect(runsColumn(file)["t"]).toBe(t);
    expect(await db.deleteRuns({ runIds: ["b"] })).toBe(0);
  });

  test("leaves the other runs there unchanged", async () => {
    const file = agno2File({ s: [] });
    const kept = `{"run_id": "kept", "agent_id": "agent-1", "big": 12345678901234567890, "nan": NaN, "f": 1.0}`;
    const stored = JSON.stringify(`[${kept}, ${JSON.stringify(agnoRun("gone", "s"))}]`);
    query(file, "update agno_sessions set runs = ?", stored);
    await using db = new SqliteSessionDb({ file });
    expect(await db.deleteRuns({ runIds: ["gone"] })).toBe(1);
    const column = runsColumn(file)["s"] ?? "";
    expect(column).not.toContain("gone");
    expect(column).toContain("12345678901234567890");
    expect(column).toContain("NaN");
  });

  test("is refused to another user as a whole", async () => {
    const file = fixture("agno-2-agent");
    await using db = new SqliteSessionDb({ file });
    await db.upsertRun({ session: agentSession("mine", { userId: "me" }), run: agentRun("mine") });
    await refusal(db.deleteRuns({ runIds: ["mine", columnRunIds[0]], userId: "me" }), "SESSION_OWNERSHIP");
    expect(await db.getRun({ runId: "mine" })).not.toBeNull();
    expect(await db.deleteRuns({ runIds: [columnRunIds[0]], userId: "user-1" })).toBe(1);
    expect(await runIds(db, "sess-agent-1")).toEqual([columnRunIds[1]]);
  });
});

test("reads the column in every form that Agno left it in", async () => {
  const file = agno2File({ double: ["a"], single: ["b"], triple: ["c"], bytes: ["d"], none: [], broken: [] });
  const list = (runId: string, sessionId: string) => JSON.stringify([agnoRun(runId, sessionId)]);
  const store = (sessionId: string, runs: unknown) =>
    query(file, "update agno_sessions set runs = ? where session_id = ?", runs, sessionId);
  store("single", list("b", "single"));
  store("triple", agnoText(list("c", "triple")));
  store("bytes", Buffer.from(list("d", "bytes")));
  store("none", null);
  await using db = new SqliteSessionDb({ file });
  for (const [sessionId, runId] of [
    ["double", "a"],
    ["single", "b"],
    ["triple", "c"],
    ["bytes", "d"],
  ] as const) {
    expect(await runIds(db, sessionId)).toEqual([runId]);
    expect(await db.getRun({ runId })).toMatchObject({ runId, sessionId });
  }
  expect(await runIds(db, "none")).toEqual([]);
  store("broken", "[{");
  expect((await refusal(db.getSession({ sessionId: "broken" }), "CORRUPT_DATA")).message).toContain(
    "agno_sessions.runs",
  );
  expect(await runIds(db, "double")).toEqual(["a"]);
});
