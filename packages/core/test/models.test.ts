import { describe, expect, expectTypeOf, test } from "vitest";
import { CorruptDataError } from "../src/errors.ts";
import { AgentSession } from "../src/models/agent-session.ts";
import type { Run, TeamRun } from "../src/models/runs.ts";
import { decodeSession, encodeSession } from "../src/models/session-codec.ts";
import type { Session, SessionInit } from "../src/models/sessions.ts";
import { encodeSummary } from "../src/models/summary.ts";
import { TeamSession } from "../src/models/team-session.ts";
import { WorkflowSession } from "../src/models/workflow-session.ts";
import type { SessionRow } from "../src/rows.ts";

const row: SessionRow = {
  sessionId: "s",
  sessionType: "agent",
  agentId: "a",
  teamId: null,
  workflowId: null,
  userId: "u",
  sessionData: { session_name: "n", session_state: { x: 1 } },
  agentData: null,
  teamData: null,
  workflowData: null,
  metadata: null,
  summary: null,
  createdAt: 10,
  updatedAt: 20,
};

describe("sessions", () => {
  test.each([AgentSession, TeamSession, WorkflowSession])("%o has getters for its row", (SessionClass) => {
    const session = new SessionClass({
      sessionId: "s",
      agentId: "a",
      teamId: "t",
      workflowId: "w",
      sessionData: { session_name: "n", session_state: { x: 1 } },
    });
    expect(session).toMatchObject({
      sessionName: "n",
      sessionState: { x: 1 },
      messages: [],
      userId: null,
      metadata: null,
      runs: [],
    });
    expect(session.componentId).toBe(session.sessionType.charAt(0));
    expect(session).not.toHaveProperty("extra");
  });

  test.each([{}, { session_name: 5, session_state: [1] }, { session_name: null, session_state: null }])(
    "has no name or state in %j",
    (sessionData) => {
      expect(new AgentSession({ sessionId: "s", sessionData })).toMatchObject({ sessionName: null, sessionState: {} });
    },
  );

  test("a new session is created now, in seconds", () => {
    expect(Math.abs(new AgentSession({ sessionId: "s" }).createdAt - Date.now() / 1000)).toBeLessThan(5);
  });

  test("upsertRun replaces in place or appends, without changing the caller's list", () => {
    const runs: Run[] = [
      { runType: "agent", runId: "1" },
      { runType: "agent", runId: "2" },
    ];
    const session = new AgentSession({ sessionId: "s", runs });
    session.upsertRun({ runType: "agent", runId: "1", content: "new" });
    session.upsertRun({ runType: "team", runId: "3" });
    expect(session.runs.map(({ runId, content = null }) => [runId, content])).toEqual([
      ["1", "new"],
      ["2", null],
      ["3", null],
    ]);
    expect(runs).toHaveLength(2);
    expect(session.getRun("3")?.runType).toBe("team");
    expect(session.getRun("4")).toBeNull();
  });

  test("a class refuses another type", () => {
    const init = { sessionId: "s", sessionType: "team" } as unknown as { sessionId: string; sessionType: "agent" };
    expect(() => new AgentSession(init)).toThrow(/sessionType/);
  });

  test("serialise to the framework's rows", () => {
    const session = new TeamSession({
      sessionId: "s",
      teamId: "t",
      createdAt: 1,
      summary: { summary: "x", updatedAt: "2026-01-01T00:00:00" },
      runs: [{ runType: "team", runId: "r", teamId: "t" }],
    });
    expect(JSON.parse(JSON.stringify(session))).toEqual({
      session_id: "s",
      session_type: "team",
      agent_id: null,
      team_id: "t",
      workflow_id: null,
      user_id: null,
      session_data: {},
      agent_data: null,
      team_data: null,
      workflow_data: null,
      metadata: null,
      runs: [{ run_id: "r", team_id: "t" }],
      summary: { summary: "x", updated_at: "2026-01-01T00:00:00" },
      created_at: 1,
      updated_at: null,
    });
  });
});

describe("decodeSession", () => {
  test.each<[Partial<SessionRow>, string]>([
    [{ sessionType: "agent" }, "agent"],
    [{ sessionType: "Team" }, "team"],
    [{ sessionType: " WORKFLOW " }, "workflow"],
    [{ sessionType: "?" }, "agent"],
    [{ sessionType: "?", agentId: null, teamId: "t", workflowId: "w" }, "team"],
    [{ sessionType: "", agentId: null, workflowId: "w" }, "workflow"],
    [{ sessionType: "", agentId: null }, "agent"],
  ])("%j is a session of type %s", (columns, sessionType) => {
    expect(decodeSession({ ...row, ...columns }, []).sessionType).toBe(sessionType);
  });

  test("keeps values that are not objects in extra, and writes them back", () => {
    const odd = { ...row, agentData: [1], metadata: 5, summary: { topics: ["no text"] }, teamData: "x" };
    const session = decodeSession(odd, []);
    expect(session).toMatchObject({ agentData: null, metadata: null, summary: null, teamData: null });
    expect(session.extra).toEqual({ agent_data: [1], metadata: 5, summary: { topics: ["no text"] }, team_data: "x" });
    expect(encodeSession(session, { now: 1 })).toMatchObject({
      agentData: "[1]",
      metadata: "5",
      summary: '{"topics":["no text"]}',
      teamData: '"x"',
    });
    expect(session.toJSON()).toMatchObject({ agent_data: [1], metadata: 5 });
    session.metadata = { mine: true };
    expect(encodeSession(session, { now: 1 }).metadata).toBe('{"mine":true}');
    expect(session.toJSON()).toMatchObject({ metadata: { mine: true } });
  });

  test.each([[[1]], [7], [true], ["zz"]])("refuses session data that is not an object: %j", (sessionData) => {
    expect(() => decodeSession({ ...row, sessionData }, [])).toThrow(CorruptDataError);
  });

  test("refuses a type that is not text", () => {
    const sessionType = new Uint8Array([1]) as unknown as string;
    expect(() => decodeSession({ ...row, sessionType }, [])).toThrow(CorruptDataError);
  });

  test("reads null session data as empty", () => {
    expect(decodeSession({ ...row, sessionData: null }, []).sessionData).toEqual({});
  });
});

describe("encodeSession", () => {
  test("fills in missing columns", () => {
    expect(encodeSession({ sessionId: "s", sessionType: "team" }, { now: 7 })).toEqual({
      sessionId: "s",
      sessionType: "team",
      agentId: null,
      teamId: null,
      workflowId: null,
      userId: null,
      sessionData: "{}",
      agentData: null,
      teamData: null,
      workflowData: null,
      metadata: null,
      summary: null,
      createdAt: 7,
      updatedAt: 7,
    });
  });

  test.each([
    ["updatedAt", { updatedAt: "zz" }],
    ["updatedAt", { extra: { updated_at: 7 } }],
    ["topics", { extra: { topics: 7 } }],
  ])("refuses a value that Agno cannot read, and names it: %s of %j", (name, given) => {
    const error = expect.objectContaining({ code: "INVALID_ARGUMENT", argument: `summary.${name}` });
    expect(() => encodeSummary({ summary: "x", ...given })).toThrow(error);
  });

  test("a summary has exactly its three keys", () => {
    const summary = { summary: "x", topics: null, updatedAt: null };
    expect(encodeSession({ sessionId: "s", sessionType: "agent", summary }, { now: 7 }).summary).toBe(
      '{"summary":"x"}',
    );
    expect(encodeSummary({ summary: "x", topics: ["t"], extra: { mine: 1 } })).toEqual({
      summary: "x",
      topics: ["t"],
      mine: 1,
    });
  });

  test.each<[string, object, string]>([
    ["an unknown property", { metadta: {} }, "session.metadta"],
    ["a Map in the state", { sessionData: { session_state: { a: new Map() } } }, "session.sessionData.session_state.a"],
    ["a bigint", { metadata: { n: 1n } }, "session.metadata.n"],
    ["a summary without text", { summary: {} }, "session.summary.summary"],
    ["a summary's topics", { summary: { summary: "x", topics: [1] } }, "session.summary.topics"],
  ])("refuses %s", (_, properties, argument) => {
    const init = { sessionId: "s", sessionType: "agent", ...properties } as unknown as SessionInit;
    expect(() => encodeSession(init, { now: 1 })).toThrow(
      expect.objectContaining({ code: "INVALID_ARGUMENT", argument }),
    );
  });

  test("names the argument", () => {
    const init = { sessionId: "s", sessionType: "agent", metadata: { n: 1n } } as unknown as SessionInit;
    expect(() => encodeSession(init, { now: 1, argument: "sessions[2]" })).toThrow(/sessions\[2\]\.metadata\.n/);
  });
});

test("types", () => {
  expectTypeOf<Session>().toExtend<SessionInit>();
  expectTypeOf<Session["sessionType"]>().toEqualTypeOf<"agent" | "team" | "workflow">();
  expectTypeOf<Extract<Run, { runType: "team" }>>().toEqualTypeOf<TeamRun>();
  expectTypeOf<Run["status"]>().extract<"PAUSED">().toEqualTypeOf<"PAUSED">();
  const narrowed = (run: Run) => (run.runType === "workflow" ? run.stepResults : run.messages);
  expectTypeOf(narrowed).returns.not.toBeAny();
  // @ts-expect-error a message needs a role
  void ({ runType: "agent", runId: "r", messages: [{ content: "x" }] } satisfies Run);
  // @ts-expect-error a session needs an id
  void (() => new AgentSession({}));
  // @ts-expect-error member responses are a team's
  void ({ runType: "agent", runId: "r", memberResponses: [] } satisfies Run);
});
