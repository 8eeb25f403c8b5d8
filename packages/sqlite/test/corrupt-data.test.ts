import { SqliteSessionDb } from "@sessiondb/sqlite";
import { agentRun, agentSession } from "@sessiondb/testing/models";
import { refusal } from "@sessiondb/testing/refusal";
import { describe, expect, test } from "vitest";
import { hashOf, query, temporaryFile } from "./support.ts";

interface Page {
  readonly sessions?: readonly { sessionId: string }[];
  readonly runs?: readonly { runId: string }[];
  readonly unreadable: readonly { id: string }[];
  readonly nextCursor: string | null;
  readonly previousCursor: string | null;
}

/** Everything that pages of one row hold, forwards; and over how many rows the way back goes. */
async function walked(read: (page: { limit: number; cursor?: string }) => Promise<Page>) {
  const idsOf = ({ sessions = [], runs = [] }: Page) => [
    ...sessions.map(({ sessionId }) => sessionId),
    ...runs.map(({ runId }) => runId),
  ];
  let page = await read({ limit: 1 });
  const pages = [page];
  while (page.nextCursor !== null && pages.length < 10) {
    page = await read({ limit: 1, cursor: page.nextCursor });
    pages.push(page);
  }
  let backwards = 0;
  for (let before: Page | null = page; before !== null && backwards < 10;) {
    backwards += idsOf(before).length + before.unreadable.length;
    before = before.previousCursor === null ? null : await read({ limit: 1, cursor: before.previousCursor });
  }
  return {
    items: pages.flatMap(idsOf).toSorted(),
    unreadable: pages.flatMap(({ unreadable }) => unreadable.map(({ id }) => id)),
    backwards,
  };
}

const secret = "the user's own words";

async function damaged(table: string, column: string, value: unknown): Promise<string> {
  const file = temporaryFile();
  await using db = new SqliteSessionDb({ file });
  for (const sessionId of ["good", "bad", "other"]) {
    const session = agentSession(sessionId, { userId: "u" });
    await db.upsertSession({ ...session, metadata: { a: 1 }, runs: [agentRun(`${sessionId}-run`)] });
  }
  query(file, `update ${table} set ${column} = ? where session_id = 'bad'`, value);
  query(file, "pragma wal_checkpoint(truncate)");
  return file;
}

const unreadable = [`{"a": "${secret}`, "", secret, Buffer.from([0xff, 0xfe])];
const columns = ["session_data", "agent_data", "team_data", "workflow_data", "metadata", "summary"];

describe.each(columns)("agno_sessions.%s that cannot be read", (column) => {
  test.each(unreadable.map((value) => [value]))("as %j is reported by table, column and id", async (value) => {
    const file = await damaged("agno_sessions", column, value);
    await using db = new SqliteSessionDb({ file });
    const error = await refusal(db.getSession({ sessionId: "bad" }), "CORRUPT_DATA");
    expect(error).toMatchObject({ location: `agno_sessions.${column}`, id: "bad" });
    expect(`${error.message} ${String(error.cause)}`).not.toContain(secret);
  });

  test("does not affect the other sessions, and no page silently leaves it out", async () => {
    const file = await damaged("agno_sessions", column, "{");
    await using db = new SqliteSessionDb({ file });
    expect((await db.getSession({ sessionId: "good" }))?.runs).toHaveLength(1);
    const error = { code: "CORRUPT_DATA", location: `agno_sessions.${column}`, id: "bad" };
    for (const runs of [{}, { includeRuns: true as const }, { includeRuns: true as const, runsLimit: 1 }]) {
      const page = await db.getSessions({ ...runs, includeTotal: true });
      expect(page.sessions.map(({ sessionId }) => sessionId).toSorted()).toEqual(["good", "other"]);
      expect(page).toMatchObject({ unreadable: [{ id: "bad", error }], total: 3 });
      expect(await refusal(db.getSessions({ ...runs, onUnreadable: "throw" }), "CORRUPT_DATA")).toMatchObject(error);
    }
    expect((await db.getSessions({ componentId: "nobody" })).sessions).toEqual([]);
  });

  test("does not stop pages in either direction, each of which reports what it leaves out", async () => {
    const file = await damaged("agno_sessions", column, "{");
    await using db = new SqliteSessionDb({ file });
    expect(await walked((page) => db.getSessions({ ...page, sortOrder: "asc" }))).toEqual({
      items: ["good", "other"],
      unreadable: ["bad"],
      backwards: 3,
    });
  });

  test("is not overwritten by a change", async () => {
    const file = await damaged("agno_sessions", column, "{");
    const before = query(file, "select * from agno_sessions");
    await using db = new SqliteSessionDb({ file });
    await refusal(db.updateSession({ sessionId: "bad" }, { sessionState: { a: 1 } }), "CORRUPT_DATA");
    await refusal(db.renameSession({ sessionId: "bad", sessionName: "x" }), "CORRUPT_DATA");
    const change = () => ({ sessionState: { a: 1 } });
    const session = agentSession("bad", { userId: "u" });
    await refusal(db.upsertRun({ session, run: agentRun("new"), change }), "CORRUPT_DATA");
    expect(query(file, "select * from agno_sessions")).toEqual(before);
    expect(query(file, "select run_id from agno_runs where session_id = 'bad'")).toEqual([{ run_id: "bad-run" }]);
  });

  test("does not prevent deleting the session", async () => {
    await using db = new SqliteSessionDb({ file: await damaged("agno_sessions", column, "{") });
    expect(await db.deleteSession({ sessionId: "bad", userId: "u" })).toBe(true);
    expect((await db.getSessions()).sessions).toHaveLength(2);
  });
});

describe("agno_runs.run_data that cannot be read", () => {
  test.each([...unreadable, "[]", "5", "null", '"text"'].map((value) => [value]))("as %j", async (value) => {
    const file = await damaged("agno_runs", "run_data", value);
    await using db = new SqliteSessionDb({ file });
    const before = hashOf(file);
    for (const read of [
      () => db.getSession({ sessionId: "bad" }),
      () => db.getSession({ sessionId: "bad", runsLimit: 1 }),
      () => db.getSessions({ includeRuns: true, onUnreadable: "throw" }),
      () => db.getRun({ runId: "bad-run" }),
      () => db.getRuns({ onUnreadable: "throw" }),
      () => db.getRuns({ sessionId: "bad", onUnreadable: "throw" }),
      () => db.updateRun({ runId: "bad-run" }, (run) => run),
    ]) {
      const error = await refusal(read(), "CORRUPT_DATA");
      expect(error).toMatchObject({ location: "agno_runs.run_data", id: "bad-run" });
      expect(`${error.message} ${String(error.cause)}`).not.toContain(secret);
    }
    const fault = { code: "CORRUPT_DATA", location: "agno_runs.run_data", id: "bad-run" };
    const runs = await db.getRuns();
    expect(runs.runs.map(({ runId }) => runId).toSorted()).toEqual(["good-run", "other-run"]);
    expect(runs.unreadable).toMatchObject([{ id: "bad-run", error: fault }]);
    expect(await db.getRuns({ sessionId: "bad" })).toMatchObject({ runs: [], unreadable: [{ id: "bad-run" }] });
    const listed = await db.getSessions({ includeRuns: true });
    expect(listed.sessions.map((session) => `${session.sessionId}: ${session.runs.length}`).toSorted()).toEqual([
      "good: 1",
      "other: 1",
    ]);
    expect(listed.unreadable).toMatchObject([{ id: "bad", error: fault }]);
    expect(await db.getSession({ sessionId: "bad", includeRuns: false })).toMatchObject({
      sessionId: "bad",
      runs: null,
    });
    expect((await db.getSessions()).sessions).toHaveLength(3);
    expect((await db.getSession({ sessionId: "good" }))?.runs).toHaveLength(1);
    expect(hashOf(file)).toBe(before);
    // A turn writes no other run, so the session goes on; and a run that is written again is whole again.
    await db.upsertRun({ session: agentSession("bad", { userId: "u" }), run: agentRun("next") });
    await db.upsertRun({ session: agentSession("bad", { userId: "u" }), run: agentRun("bad-run") });
    expect((await db.getSession({ sessionId: "bad" }))?.runs.map(({ runId }) => runId)).toEqual(["bad-run", "next"]);
  });

  test("does not stop pages in either direction, in a session and across sessions", async () => {
    const file = await damaged("agno_runs", "run_data", "{");
    await using db = new SqliteSessionDb({ file });
    const all = { items: ["good-run", "other-run"], unreadable: ["bad-run"], backwards: 3 };
    expect(await walked((page) => db.getRuns(page))).toEqual(all);
    expect(await walked((page) => db.getRuns({ ...page, sortOrder: "desc" }))).toEqual(all);
    query(
      file,
      "update agno_runs set session_id = 'good', run_index = case run_id when 'bad-run' then 1 else run_index * 2 end",
    );
    expect(await walked((page) => db.getRuns({ ...page, sessionId: "good" }))).toEqual(all);
  });

  test("does not prevent deleting the run", async () => {
    await using db = new SqliteSessionDb({ file: await damaged("agno_runs", "run_data", "{") });
    expect(await db.deleteRuns({ runIds: ["bad-run"], userId: "u" })).toBe(1);
    expect((await db.getSession({ sessionId: "bad" }))?.runs).toEqual([]);
  });
});
