import {
  InMemorySessionDb,
  RunsNotReadError,
  type AgentSession,
  type Run,
  type Session,
  type SessionDb,
  type SessionHeader,
  type SessionPage,
  type UserSessionDb,
} from "@sessiondb/core";
import { describe, expect, expectTypeOf, test } from "vitest";

const first: Run = { runType: "agent", runId: "r1", agentId: "a", messages: [{ role: "user", content: "hi" }] };
const second: Run = { runType: "agent", runId: "r2", agentId: "a", messages: [{ role: "user", content: "again" }] };

async function open(): Promise<SessionDb> {
  const db = new InMemorySessionDb();
  await db.upsertSession({ sessionId: "s", sessionType: "agent", agentId: "a", userId: "u", runs: [first, second] });
  await db.upsertSession({ sessionId: "t", sessionType: "team", teamId: "t", userId: "u" });
  await db.upsertSession({ sessionId: "w", sessionType: "workflow", workflowId: "w", userId: "u" });
  return db;
}

function present<Value>(value: Value | null | undefined): Value {
  if (value === null || value === undefined) {
    throw new Error("not there");
  }
  return value;
}

async function headerOf(sessionId: string): Promise<SessionHeader> {
  const db = await open();
  return present(await db.getSession({ sessionId, includeRuns: false }));
}

/** A header as code without types sees it. */
function untyped(header: SessionHeader): AgentSession {
  return header as unknown as AgentSession;
}

// Never called: the type check is the test.
async function types(db: SessionDb, user: UserSessionDb, asked: boolean) {
  const key = { sessionId: "s" };
  expectTypeOf(await db.getSession(key)).toEqualTypeOf<Session | null>();
  expectTypeOf(await db.getSession({ ...key, includeRuns: true, runsLimit: 3 })).toEqualTypeOf<Session | null>();
  expectTypeOf(await db.getSession({ ...key, userId: "u", runsLimit: 3 })).toEqualTypeOf<Session | null>();
  expectTypeOf(await db.getSession({ ...key, includeRuns: false })).toEqualTypeOf<SessionHeader | null>();
  expectTypeOf(await user.getSession(key)).toEqualTypeOf<Session | null>();
  expectTypeOf(await user.getSession({ ...key, includeRuns: false })).toEqualTypeOf<SessionHeader | null>();
  const either = { ...key, includeRuns: asked };
  expectTypeOf(await db.getSession(either)).toEqualTypeOf<Session | SessionHeader | null>();
  // @ts-expect-error There is nothing to limit.
  void db.getSession({ ...key, includeRuns: false, runsLimit: 3 });

  expectTypeOf(await db.getSessions()).toEqualTypeOf<SessionPage>();
  expectTypeOf(await db.getSessions({ userId: "u" })).toEqualTypeOf<SessionPage>();
  expectTypeOf(await db.getSessions({ includeRuns: false })).toEqualTypeOf<SessionPage>();
  expectTypeOf(await db.getSessions({ includeRuns: true, runsLimit: 1 })).toEqualTypeOf<SessionPage<Session>>();
  expectTypeOf(await user.getSessions()).toEqualTypeOf<SessionPage>();
  expectTypeOf(await user.getSessions({ includeRuns: true })).toEqualTypeOf<SessionPage<Session>>();
  expectTypeOf(await db.getSessions({ includeRuns: asked })).toEqualTypeOf<SessionPage<Session | SessionHeader>>();
  // @ts-expect-error There is nothing to limit.
  void db.getSessions({ runsLimit: 3 });
  // @ts-expect-error A cursor says where the page starts.
  void db.getSessions({ page: 2, cursor: "c" });

  for await (const page of db.sessionPages()) {
    expectTypeOf(page).toEqualTypeOf<SessionPage>();
  }
  for await (const page of db.sessionPages({ includeRuns: true })) {
    expectTypeOf(page).toEqualTypeOf<SessionPage<Session>>();
  }

  const header = await db.upsertSession({ sessionId: "s", sessionType: "agent" });
  expectTypeOf(header).toEqualTypeOf<SessionHeader>();
  expectTypeOf(await db.updateSession(key, {})).toEqualTypeOf<SessionHeader | null>();
  expectTypeOf(await db.renameSession({ ...key, sessionName: "n" })).toEqualTypeOf<SessionHeader | null>();
  await db.updateSession(key, (current) => {
    expectTypeOf(current).toEqualTypeOf<SessionHeader>();
    return {};
  });

  expectTypeOf(header.runs).toEqualTypeOf<null>();
  expectTypeOf<"messages">().not.toExtend<keyof SessionHeader>();
  expectTypeOf<"getRun">().not.toExtend<keyof SessionHeader>();
  expectTypeOf<"upsertRun">().not.toExtend<keyof SessionHeader>();
  // @ts-expect-error Its messages are in the runs.
  void header.messages;
  // @ts-expect-error A header stands for no session with its runs.
  header satisfies Session;
  // @ts-expect-error Nor does a session with its runs stand for a header.
  (await db.getSession(key)) as Session satisfies SessionHeader;
  if (header.sessionType === "agent") {
    // @ts-expect-error The kind does not bring the runs.
    void header.getMessages;
  }
  // Both kinds of session can be written again.
  await db.upsertSession(header);
  await db.upsertRun({ session: header, run: first });
  // @ts-expect-error Runs of the session given would be lost.
  void db.upsertRun({ session: (await db.getSession(key)) as Session, run: first });
}

describe("a session whose runs were not read", () => {
  test("has a different type from one without runs", () => {
    expectTypeOf(types).toBeFunction();
  });

  test("is not returned by a list with includeRuns", async () => {
    const db = await open();
    const { sessions } = await db.getSessions({ includeRuns: true, sortOrder: "asc" });
    const seen: [string, number][] = [];
    for (const s of sessions) {
      seen.push([s.sessionId, s.messages.length]);
    }
    expect(seen).toEqual([
      ["s", 2],
      ["t", 0],
      ["w", 0],
    ]);
  });

  test.each(["s", "t", "w"])("has null for its runs, never a list: %s", async (sessionId) => {
    const header = await headerOf(sessionId);
    expect(header.runs).toBeNull();
    expect(JSON.parse(JSON.stringify(header))).toMatchObject({ session_id: sessionId, runs: null });
  });

  test("throws when its runs are accessed", async () => {
    const looks: ((session: AgentSession) => unknown)[] = [
      (session) => session.messages,
      (session) => session.getMessages(),
      (session) => session.getChatHistory(),
      (session) => session.getToolCalls(),
      (session) => session.getRun("r1"),
      (session) => session.upsertRun(first),
    ];
    const header = await headerOf("s");
    for (const look of looks) {
      expect(() => look(untyped(header))).toThrow(RunsNotReadError);
    }
    expect(() => untyped(header).messages).toThrow(expect.objectContaining({ code: "RUNS_NOT_READ", sessionId: "s" }));
    expect(() => untyped(header).messages).toThrow(/"s".*includeRuns: true/);
  });

  test.each(["t", "w"])("throws whatever its kind: %s", async (sessionId) => {
    const header = await headerOf(sessionId);
    expect(() => untyped(header).messages).toThrow(RunsNotReadError);
    expect(() => untyped(header).getMessages()).toThrow(RunsNotReadError);
  });

  test("has all its other properties", async () => {
    const header = await headerOf("s");
    expect(header).toMatchObject({ sessionId: "s", sessionType: "agent", componentId: "a", sessionName: null });
    expect(header.sessionState).toEqual({});
    expect(header.getSummary()).toBeNull();
  });

  test("keeps the stored runs when passed to upsertSession", async () => {
    const db = await open();
    await db.upsertSession(present(await db.getSession({ sessionId: "s", includeRuns: false })));
    const [listed] = (await db.getSessions({ includeRunCount: true, componentId: "a" })).sessions;
    await db.upsertSessions([present(listed)]);
    expect(listed?.runCount).toBe(2);
    expect((await db.getSession({ sessionId: "s" }))?.runs.map(({ runId }) => runId)).toEqual(["r1", "r2"]);
  });

  test("can be passed to upsertRun as the session of the turn", async () => {
    const db = await open();
    const header = present(await db.getSession({ sessionId: "s", includeRuns: false }));
    await db.upsertRun({ session: header, run: { runType: "agent", runId: "r3", agentId: "a" } });
    expect((await db.getSession({ sessionId: "s" }))?.runs).toHaveLength(3);
    const read = present(await db.getSession({ sessionId: "s" }));
    const turn = { session: read as never, run: first };
    await expect(db.upsertRun(turn)).rejects.toMatchObject({ code: "INVALID_ARGUMENT", argument: "session.runs" });
  });
});
