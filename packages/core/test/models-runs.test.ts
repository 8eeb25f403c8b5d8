import { describe, expect, test } from "vitest";
import type { JsonObject } from "../src/json.ts";
import { decodeLegacyRuns, decodeRun, encodeRun, mergeRuns, type StoredRun } from "../src/models/run-codec.ts";
import type { AgentRun, Run, TeamRun, WorkflowRun } from "../src/models/runs.ts";

describe("encodeRun", () => {
  const session = { sessionId: "s", userId: "u", agentId: "a", teamId: "t", workflowId: "w" };
  const data = (run: Run, from = session) => JSON.parse(encodeRun(run, from, { now: 9 }).runData) as JsonObject;

  test("completes an agent's run", () => {
    const run: Run = {
      runType: "agent",
      runId: "r",
      messages: [
        { role: "user", content: "hi" },
        { role: "assistant", id: "x", createdAt: 5, fromHistory: true },
      ],
    };
    const before = structuredClone(run);
    const { runData, ...columns } = encodeRun(run, session, { now: 9 });
    expect(columns).toEqual({
      runId: "r",
      sessionId: "s",
      runType: "agent",
      agentId: "a",
      teamId: null,
      workflowId: null,
      userId: "u",
      parentRunId: null,
      status: "COMPLETED",
      runIndex: null,
      createdAt: 9,
      updatedAt: 9,
    });
    expect(JSON.parse(runData)).toEqual({
      run_id: "r",
      agent_id: "a",
      session_id: "s",
      user_id: "u",
      status: "COMPLETED",
      created_at: 9,
      content_type: "str",
      messages: [
        { role: "user", content: "hi", id: "r:0", from_history: false, stop_after_tool_call: false, created_at: 9 },
        { role: "assistant", id: "x", from_history: true, stop_after_tool_call: false, created_at: 5 },
      ],
    });
    expect(run).toEqual(before);
  });

  test("is idempotent", () => {
    const run: Run = { runType: "agent", runId: "r", createdAt: 1, messages: [{ role: "user" }] };
    expect(encodeRun(run, session, { now: 9 }).runData).toBe(encodeRun(run, session, { now: 10 }).runData);
  });

  test("completes the runs inside a team's and a workflow's run", () => {
    const member: AgentRun = { runType: "agent", runId: "m", status: "error", messages: [{ role: "user" }] };
    const team: TeamRun = { runType: "team", runId: "t1", createdAt: 3, memberResponses: [member] };
    const workflow: WorkflowRun = {
      runType: "workflow",
      runId: "w1",
      createdAt: 3,
      stepExecutorRuns: [team],
      workflowAgentRun: member,
    };
    const inner = { run_id: "m", agent_id: null, session_id: "s", status: "ERROR", created_at: 3, content_type: "str" };
    const messages = [{ role: "user", id: "m:0", from_history: false, stop_after_tool_call: false, created_at: 3 }];
    expect(data(workflow)).toEqual({
      run_id: "w1",
      workflow_id: "w",
      session_id: "s",
      user_id: "u",
      status: "COMPLETED",
      created_at: 3,
      content_type: "str",
      workflow_agent_run: { ...inner, parent_run_id: "w1", messages },
      step_executor_runs: [
        {
          run_id: "t1",
          team_id: null,
          parent_run_id: "w1",
          session_id: "s",
          status: "COMPLETED",
          created_at: 3,
          content_type: "str",
          member_responses: [{ ...inner, parent_run_id: "t1", messages }],
        },
      ],
    });
    expect(data({ runType: "team", runId: "t2" })).toMatchObject({ team_id: "t", member_responses: [] });
  });

  test.each<[Run["status"], string]>([
    ["completed", "COMPLETED"],
    ["Paused", "PAUSED"],
    ["waiting", "waiting"],
    [null, "COMPLETED"],
  ])("status %s becomes %s in column and JSON", (status, stored) => {
    const run: Run = { runType: "agent", runId: "r", ...(status !== undefined && { status }) };
    const encoded = encodeRun(run, session, { now: 9 });
    expect([encoded.status, (JSON.parse(encoded.runData) as JsonObject)["status"]]).toEqual([stored, stored]);
  });

  test("prefers the run's own ids to the session's, except for the session id", () => {
    const run: Run = { runType: "agent", runId: "r", agentId: "b", userId: "v", sessionId: "old", workflowId: "x" };
    expect(encodeRun(run, session, { now: 9 })).toMatchObject({
      agentId: "b",
      userId: "v",
      sessionId: "s",
      workflowId: "x",
    });
    expect(data(run)).toMatchObject({ agent_id: "b", user_id: "v", session_id: "s" });
  });

  test.each(["agent", "team", "workflow"] as const)(
    "refuses a run without %s, unless it is explicitly null",
    (runType) => {
      const run = { runType, runId: "r" } as Run;
      expect(() => encodeRun(run, { sessionId: "s" }, { now: 9 })).toThrow(
        expect.objectContaining({ argument: `run.${runType}Id` }),
      );
      const key = { agent: "agent_id", team: "team_id", workflow: "workflow_id" }[runType];
      expect(
        data({ ...run, [`${runType}Id`]: null }, { ...session, agentId: "", teamId: "", workflowId: "" }),
      ).toHaveProperty(key);
      expect(
        JSON.parse(encodeRun({ ...run, [`${runType}Id`]: null }, { sessionId: "s" }, { now: 9 }).runData),
      ).toHaveProperty(key, null);
    },
  );

  test("writes no user for a session without one", () => {
    const encoded = encodeRun(
      { runType: "agent", runId: "r", agentId: "a" },
      { sessionId: "s", userId: null },
      { now: 9 },
    );
    expect(encoded.userId).toBeNull();
    expect(JSON.parse(encoded.runData)).not.toHaveProperty("user_id");
  });

  test.each([
    ["text", "str"],
    [{ a: 1 }, "dict"],
    [[1], "list"],
    [null, "str"],
  ])("content %j has type %s", (content, type) => {
    expect(data({ runType: "agent", runId: "r", content })["content_type"]).toBe(type);
  });

  test("names a value that JSON cannot hold by its path in the model", () => {
    const run = { runType: "agent", runId: "r", sessionState: { cart: [1, 2, 3n] } } as unknown as Run;
    expect(() => encodeRun(run, session, { now: 9 })).toThrow(
      expect.objectContaining({ argument: "run.sessionState.cart[2]" }),
    );
    const nested = { runType: "agent", runId: "r", messages: [{ role: "user", content: new Set() }] } as unknown as Run;
    expect(() => encodeRun(nested, session, { now: 9, argument: "runs[1]" })).toThrow(
      expect.objectContaining({ argument: "runs[1].messages[0].content" }),
    );
  });

  test("cleans text", () => {
    expect(data({ runType: "agent", runId: "r", content: "a\0b\ud800" })["content"]).toBe("a\ufffdb\ufffd");
  });
});

describe("decodeRun", () => {
  const stored: StoredRun = {
    runId: "r",
    sessionId: "s",
    runType: "team",
    agentId: null,
    teamId: "t",
    workflowId: null,
    userId: "u",
    parentRunId: "p",
    status: "ERROR",
    runData: {},
    createdAt: 4,
  };

  test("takes values missing in the JSON from the columns", () => {
    expect(decodeRun(stored)).toEqual({
      runType: "team",
      runId: "r",
      sessionId: "s",
      teamId: "t",
      userId: "u",
      parentRunId: "p",
      status: "ERROR",
      createdAt: 4,
    });
  });

  test("prefers the JSON, except for the run id, the session id and the time", () => {
    const runData = {
      run_id: "x",
      session_id: "y",
      agent_id: "a",
      user_id: "v",
      parent_run_id: "q",
      status: "done",
      created_at: 3,
    };
    expect(decodeRun({ ...stored, runData })).toEqual({
      runType: "agent",
      runId: "r",
      sessionId: "s",
      agentId: "a",
      userId: "v",
      parentRunId: "q",
      status: "done",
      createdAt: 4,
    });
  });

  test("adds no keys for null columns, except for the component", () => {
    const bare = { ...stored, teamId: null, userId: null, parentRunId: null, status: null };
    expect(Object.keys(decodeRun(bare)).toSorted()).toEqual(["createdAt", "runId", "runType", "sessionId", "teamId"]);
  });

  test.each([null, [], [1], "text", 5, true])("refuses %j as run data", (runData) => {
    expect(() => decodeRun({ ...stored, runData })).toThrow(expect.objectContaining({ code: "CORRUPT_DATA", id: "r" }));
  });

  test.each([
    ["AGENT", "agent"],
    ["?", "team"],
  ])("run type %s", (runType, kind) => {
    expect(decodeRun({ ...stored, runType }).runType).toBe(kind);
  });
});

describe("legacy runs", () => {
  const session = { sessionId: "s", sessionType: "agent", userId: "u", createdAt: 4 };
  const list = [
    { run_id: "1", agent_id: "a" },
    null,
    "x",
    { content: "no id" },
    { run_id: 5 },
    { run_id: "" },
    { run_id: "2", mine: 1 },
    { run_id: "1", agent_id: "b" },
  ];

  test.each([
    ["a list", list],
    ["a JSON string", JSON.stringify(list)],
    ["a double string", JSON.stringify(JSON.stringify(list))],
    ["a triple string", JSON.stringify(JSON.stringify(JSON.stringify(list)))],
    ["bytes", Buffer.from(JSON.stringify(list))],
  ])("%s", (_, value) => {
    expect(decodeLegacyRuns(value, session)).toEqual([
      { runType: "agent", runId: "1", agentId: "b", sessionId: "s", userId: "u", createdAt: 4 },
      { runType: "agent", runId: "2", agentId: null, sessionId: "s", userId: "u", createdAt: 4, extra: { mine: 1 } },
    ]);
  });

  test.each([null, undefined, "null", [], "[]", {}, 5])("finds no runs in %j", (value) => {
    expect(decodeLegacyRuns(value, session)).toEqual([]);
  });

  test("refuses what is not JSON", () => {
    expect(() => decodeLegacyRuns("", session)).toThrow(expect.objectContaining({ code: "CORRUPT_DATA", id: "s" }));
  });

  test("merge in the column's order: rows win in content, and new rows follow", () => {
    const run = (runId: string, content: string): Run => ({ runType: "agent", runId, content });
    const merged = mergeRuns([run("1", "old"), run("2", "old"), run("3", "old")], [run("9", "row"), run("2", "row")]);
    expect(merged.map(({ runId, content }) => [runId, content])).toEqual([
      ["1", "old"],
      ["2", "row"],
      ["3", "old"],
      ["9", "row"],
    ]);
    expect(mergeRuns([], merged)).toEqual(merged);
    expect(mergeRuns(merged, [])).toEqual(merged);
  });
});
