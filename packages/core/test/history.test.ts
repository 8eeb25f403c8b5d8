import { describe, expect, test } from "vitest";
import { AgentSession } from "../src/models/agent-session.ts";
import type { MessageOptions } from "../src/models/history.ts";
import type { Message } from "../src/models/messages.ts";
import { runStatuses, type AgentRun, type Run, type TeamRun, type WorkflowRun } from "../src/models/runs.ts";
import { TeamSession } from "../src/models/team-session.ts";
import { WorkflowSession } from "../src/models/workflow-session.ts";

/** "u1" is a user message with that content; s, a, t stand for system, assistant, tool; a leading h for history. */
function message(code: string): Message {
  const copied = code.startsWith("h");
  const roles: Record<string, string> = { s: "system", u: "user", a: "assistant", t: "tool" };
  const role = roles[code.charAt(copied ? 1 : 0)] ?? "other";
  return { role, content: code, ...(copied && { fromHistory: true }) };
}

function agentRun(runId: string, codes: string, rest: Partial<AgentRun> = {}): AgentRun {
  const messages = codes === "" ? [] : codes.split(" ").map(message);
  return { runType: "agent", runId, agentId: "a", status: "COMPLETED", messages, ...rest };
}

function teamRun(runId: string, codes: string, rest: Partial<TeamRun> = {}): TeamRun {
  const { agentId: _, ...run } = agentRun(runId, codes);
  return { ...run, runType: "team", teamId: "t", ...rest };
}

function workflowRun(runId: string, rest: Partial<WorkflowRun> = {}): WorkflowRun {
  return { runType: "workflow", runId, workflowId: "w", status: "COMPLETED", ...rest };
}

const codesOf = (messages: Message[]) => messages.map(({ content }) => content as string).join(" ");
const agentSession = (...runs: Run[]) => new AgentSession({ sessionId: "s", agentId: "a", runs });
const teamSession = (...runs: Run[]) => new TeamSession({ sessionId: "s", teamId: "t", runs });
const workflowSession = (...runs: Run[]) => new WorkflowSession({ sessionId: "s", workflowId: "w", runs });

describe("AgentSession.getMessages", () => {
  const conversation = agentSession(
    agentRun("r1", "s1 u1 a1"),
    agentRun("r2", "s2 hu1 ha1 u2 a2 t2 t3 a3"),
    agentRun("r3", "u4 a4", { agentId: "b" }),
    teamRun("r4", "u5 a5"),
  );

  test.each<[Parameters<AgentSession["getMessages"]>[0], string]>([
    [{}, "s1 u1 a1 u2 a2 t2 t3 a3 u4 a4 u5 a5"],
    [{ agentId: "a" }, "s1 u1 a1 u2 a2 t2 t3 a3"],
    [{ agentId: "b" }, "u4 a4"],
    [{ agentId: "t" }, ""],
    [{ teamId: "t" }, "u5 a5"],
    [{ agentId: "a", teamId: "t" }, ""],
    [{ lastNRuns: 1 }, "u5 a5"],
    [{ lastNRuns: 99 }, "s1 u1 a1 u2 a2 t2 t3 a3 u4 a4 u5 a5"],
    [{ lastNRuns: 0 }, ""],
    [{ lastNRuns: -1 }, ""],
    [{ lastNRuns: 1, agentId: "a" }, "s2 u2 a2 t2 t3 a3"],
    [{ lastNRuns: 3 }, "s2 u2 a2 t2 t3 a3 u4 a4 u5 a5"],
    [{ skipHistoryMessages: false, agentId: "a" }, "s1 u1 a1 hu1 ha1 u2 a2 t2 t3 a3"],
    [{ skipRoles: ["system"] }, "u1 a1 u2 a2 t2 t3 a3 u4 a4 u5 a5"],
    [{ skipRoles: ["system", "tool", "assistant"] }, "u1 u2 u4 u5"],
    [{ limit: 4 }, "s1 a4 u5 a5"],
    [{ limit: 2 }, "s1 a5"],
    // The framework gives the system message alone here, and for 0 as well.
    [{ limit: 1 }, "a5"],
    [{ limit: 0 }, ""],
    [{ limit: -3 }, ""],
    [{ limit: 4, skipRoles: ["system"] }, "u4 a4 u5 a5"],
    // Results without their call: the framework leaves those that come right after the system message.
    [{ limit: 8, agentId: "a" }, "s1 u1 a1 u2 a2 t2 t3 a3"],
    [{ limit: 4, agentId: "a" }, "s1 a3"],
    [{ limit: 3, agentId: "a" }, "s1 a3"],
    [{ limit: 3, agentId: "a", skipRoles: ["system"] }, "a3"],
    [{ limit: 4, agentId: "a", skipRoles: ["system"] }, "a2 t2 t3 a3"],
  ])("%j", (options, codes) => {
    expect(codesOf(conversation.getMessages(options))).toBe(codes);
  });

  test("drops everything when only tool results are left", () => {
    expect(
      agentSession(agentRun("r", "s1 u1 a1 t1 t2"))
        .getMessages({ limit: 2 })
        .map(({ role }) => role),
    ).toEqual(["system"]);
    expect(agentSession(agentRun("r", "u1 a1 t1 t2")).getMessages({ limit: 2 })).toEqual([]);
  });

  test("keeps only the first system message, in its place", () => {
    expect(
      codesOf(agentSession(agentRun("r1", "u1 a1"), agentRun("r2", "s2 u2"), agentRun("r3", "s3 u3")).messages),
    ).toBe("u1 a1 s2 u2 u3");
  });

  test("leaves member runs out", () => {
    expect(
      codesOf(
        agentSession(agentRun("r1", "u1", { parentRunId: "r2" }), agentRun("r2", "u2", { parentRunId: null })).messages,
      ),
    ).toBe("u2");
  });

  test.each([...runStatuses, "completed", "error", "Paused", "odd", null])("status %s", (status) => {
    const session = agentSession(agentRun("r", "u1", { status }));
    const skipped = ["PAUSED", "CANCELLED", "ERROR", "REGENERATED"].includes(String(status).toUpperCase());
    expect(codesOf(session.messages)).toBe(skipped ? "" : "u1");
    expect(codesOf(session.getMessages({ skipStatuses: [] }))).toBe("u1");
    expect(codesOf(session.getMessages({ skipStatuses: [...runStatuses, "Odd"] }))).toBe(status === null ? "u1" : "");
    expect(codesOf(session.getChatHistory())).toBe("u1");
  });

  test("includes runs without status", () => {
    expect(codesOf(agentSession({ runType: "agent", runId: "r", messages: [message("u1")] }).messages)).toBe("u1");
  });

  test("does not count skipped runs for lastNRuns, but counts runs without messages", () => {
    const session = agentSession(
      agentRun("r1", "u1"),
      agentRun("r2", "u2"),
      agentRun("r3", ""),
      agentRun("r4", "u4", { status: "ERROR" }),
    );
    expect(codesOf(session.getMessages({ lastNRuns: 2 }))).toBe("u2");
  });

  test.each([{ lastNRuns: 1.5 }, { lastNRuns: Number.NaN }, { limit: Number.NaN }, { limit: 2.5 }])(
    "refuses %j",
    (options) => {
      expect(() => conversation.getMessages(options)).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }));
    },
  );

  test("every combination of options keeps order, limits and exclusions", () => {
    const everything = conversation.runs.flatMap((run) => (run.runType === "workflow" ? [] : (run.messages ?? [])));
    let combinations = 0;
    for (const options of combinationsOf<MessageOptions>({
      lastNRuns: [undefined, 0, 1, 2, 5],
      limit: [undefined, -1, 0, 1, 2, 3, 5, 8, 50],
      skipRoles: [undefined, [], ["system"], ["tool"], ["user", "assistant"]],
      skipStatuses: [undefined, [], ["COMPLETED"]],
      skipHistoryMessages: [undefined, true, false],
    })) {
      combinations += 1;
      const messages = conversation.getMessages(options);
      const positions = messages.map((item) => everything.indexOf(item));
      const others = positions.filter((_, index) => messages[index]?.role !== "system");
      expect(others).toEqual(others.toSorted((left, right) => left - right));
      expect(new Set(positions).size).toBe(positions.length);
      expect(messages.length).toBeLessThanOrEqual(Math.max(0, options.limit ?? Number.POSITIVE_INFINITY));
      expect(messages.filter(({ role }) => role === "system").length).toBeLessThanOrEqual(1);
      const roles = messages.map(({ role }) => role);
      expect(roles.filter((role) => options.skipRoles?.includes(role))).toEqual([]);
      const copied = messages.filter(({ fromHistory }) => fromHistory === true);
      expect(options.skipHistoryMessages === false ? [] : copied).toEqual([]);
      const first = roles.find((role) => role !== "system");
      expect(options.limit !== undefined && first === "tool").toBe(false);
      // A limit only ever takes away, and a large one nothing but results without their call.
      const { limit, ...unlimited } = options;
      const all = conversation.getMessages(unlimited);
      expect(all).toEqual(expect.arrayContaining(messages));
      const lost = all.length - messages.length;
      expect(limit === undefined || limit === 50 ? lost : 0).toBe(
        limit === undefined ? 0 : limit === 50 ? leadingTools(all) : 0,
      );
    }
    expect(combinations).toBe(5 * 9 * 5 * 3 * 3);
  });
});

describe("TeamSession.getMessages", () => {
  const member = agentRun("m1", "u1 a1", { agentId: "m", parentRunId: "t1" });
  const session = teamSession(
    member,
    teamRun("t1", "s1 u2 a2", {
      memberResponses: [
        { ...member, messages: [message("u9")] },
        agentRun("m2", "u3", { agentId: "n", parentRunId: "t1" }),
      ],
    }),
    teamRun("t2", "u4", { teamId: "sub", parentRunId: "t1" }),
    agentRun("x", "u5", { agentId: "shared" }),
  );

  test.each<[Parameters<TeamSession["getMessages"]>[0], string]>([
    [{}, "s1 u2 a2 u5"],
    [{ skipMemberMessages: true }, "s1 u2 a2 u5"],
    [{ skipMemberMessages: false }, "u1 a1 s1 u2 a2 u4 u5"],
    [{ teamId: "t" }, "s1 u2 a2"],
    [{ teamId: "sub" }, "u4"],
    [{ memberIds: ["m"] }, "u1 a1"],
    [{ memberIds: ["n"] }, "u3"],
    [{ memberIds: ["m", "n", "shared"] }, "u1 a1 u3 u5"],
    [{ memberIds: ["t"] }, ""],
    [{ memberIds: ["n"], teamId: "t" }, "u3"],
    [{ memberIds: ["n"], teamId: "sub" }, ""],
    [{ memberIds: ["m"], skipMemberMessages: true }, "u1 a1"],
    [{ memberIds: [] }, "u1 a1 s1 u2 a2 u4 u5"],
    [{ memberIds: ["m", "n"], lastNRuns: 1 }, "u3"],
    [{ limit: 2 }, "s1 u5"],
  ])("%j", (options, codes) => {
    expect(codesOf(session.getMessages(options))).toBe(codes);
  });

  test("leaves regenerated runs out, unlike version 2 of the framework", () => {
    expect(codesOf(teamSession(teamRun("t1", "u1", { status: "REGENERATED" }), teamRun("t2", "u2")).messages)).toBe(
      "u2",
    );
  });
});

describe("WorkflowSession.getMessages", () => {
  const session = workflowSession(
    workflowRun("w1", {
      stepExecutorRuns: [
        agentRun("s1", "s1 u1 a1", { parentRunId: "w1" }),
        teamRun("s2", "u2", { parentRunId: "w1", memberResponses: [agentRun("m", "u3", { parentRunId: "s2" })] }),
      ],
    }),
    workflowRun("w2", {
      status: "ERROR",
      stepExecutorRuns: [agentRun("s3", "u4", { parentRunId: "w2", status: "ERROR" })],
    }),
    workflowRun("w3"),
  );

  test.each<[Parameters<WorkflowSession["getMessages"]>[0], string]>([
    [{}, "s1 u1 a1 u2 u4"],
    [{ agentId: "a" }, "s1 u1 a1 u4"],
    [{ agentId: "a", lastNRuns: 1 }, "u4"],
    [{ agentId: "a", skipStatuses: ["ERROR"] }, "s1 u1 a1"],
    [{ agentId: "a", skipStatuses: undefined, skipRoles: undefined, limit: undefined }, "s1 u1 a1 u4"],
    [{ agentId: "z" }, ""],
    [{ teamId: "t" }, "u2"],
    [{ teamId: "t", skipMemberMessages: false }, "u3 u2"],
    [{ agentId: "a", limit: 2 }, "s1 u4"],
  ])("%j", (options, codes) => {
    expect(codesOf(session.getMessages(options))).toBe(codes);
  });

  test("refuses an agent together with a team", () => {
    expect(() => session.getMessages({ agentId: "a", teamId: "t" })).toThrow(/agentId/);
  });
});

describe("chat history", () => {
  test("holds what was said in runs of every status", () => {
    const runs = [
      agentRun("r1", "s1 u1 a1 t1 a2"),
      agentRun("r2", "u2", { status: "ERROR" }),
      agentRun("r3", "u3", { status: "PAUSED" }),
    ];
    expect(codesOf(agentSession(...runs).getChatHistory())).toBe("u1 a1 a2 u2 u3");
    expect(codesOf(teamSession(...runs).getChatHistory({ lastNRuns: 2 }))).toBe("u2 u3");
  });

  test("of a workflow holds the runs with input and output; lastNRuns counts all", () => {
    const session = workflowSession(
      workflowRun("w1", { input: "q1", content: "c1" }),
      workflowRun("w2", { input: { topic: "x" }, content: ["c2"], status: "ERROR" }),
      workflowRun("w3", { input: "q3" }),
      workflowRun("w4", { input: null, content: "c4" }),
    );
    expect(session.getChatHistory()).toEqual([
      { input: "q1", output: "c1" },
      { input: { topic: "x" }, output: ["c2"] },
    ]);
    expect(session.getChatHistory({ lastNRuns: 3 })).toEqual([{ input: { topic: "x" }, output: ["c2"] }]);
    expect(session.getChatHistory({ lastNRuns: 2 })).toEqual([]);
    expect(session.getChatHistory({ lastNRuns: 0 })).toEqual([]);
  });
});

describe("tool calls", () => {
  const calls = (...ids: string[]): Message => ({ role: "assistant", toolCalls: ids.map((id) => ({ id })) });
  const runs = [
    agentRun("r1", "", { messages: [calls("1", "2"), calls("3")] }),
    agentRun("r2", "", { messages: [calls("4")], parentRunId: "r3" }),
    agentRun("r3", "", { messages: [{ ...calls("5"), fromHistory: true }], status: "ERROR" }),
  ];

  test.each([
    [undefined, "54123"],
    [0, "54123"],
    [1, "5"],
    [3, "541"],
    [9, "54123"],
  ])("newest run first, numCalls %s", (numCalls, ids) => {
    const options = numCalls === undefined ? {} : { numCalls };
    expect(
      agentSession(...runs)
        .getToolCalls(options)
        .map(({ id }) => id as string)
        .join(""),
    ).toBe(ids);
    expect(
      teamSession(...runs)
        .getToolCalls(options)
        .map(({ id }) => id as string)
        .join(""),
    ).toBe(ids);
  });
});

describe("history as text", () => {
  const team = teamSession(
    agentRun("m", "", { input: { inputContent: "member" }, content: "x", parentRunId: "t1" }),
    teamRun("t1", "", { input: { inputContent: "q1" }, content: "c1" }),
    teamRun("t2", "", { input: { inputContent: { a: [1] } }, content: { b: "é" } }),
    teamRun("t3", "", { input: { inputContent: "q3" }, status: "ERROR" }),
    teamRun("t4", "", { content: "c4", teamId: "sub", parentRunId: "t2", status: "completed" }),
    teamRun("t5", "", { input: {} }),
  );

  test("of a team", () => {
    expect(team.getTeamHistory()).toEqual([
      { input: "q1", output: "c1" },
      { input: '{"a":[1]}', output: '{"b":"é"}' },
      { input: "", output: "" },
    ]);
    expect(team.getTeamHistory({ numRuns: 1 })).toEqual([{ input: "", output: "" }]);
    expect(team.getTeamHistory({ numRuns: 0 })).toEqual([]);
    expect(team.getTeamHistory({ teamId: "sub" })).toEqual([{ input: "", output: "c4" }]);
  });

  test("of a team, for a prompt", () => {
    expect(team.getTeamHistoryContext({ numRuns: 2 })).toBe(
      '<team_history_context>\n[run-1]\ninput: {"a":[1]}\nresponse: {"b":"é"}\n\n[run-2]\n\n</team_history_context>\n',
    );
    expect(team.getTeamHistoryContext({ numRuns: 0 })).toBeNull();
    expect(teamSession().getTeamHistoryContext()).toBeNull();
  });

  test("of a workflow", () => {
    const workflow = workflowSession(
      workflowRun("w1", { input: "q1", content: "c1" }),
      workflowRun("w2", { input: { a: 1 }, content: null }),
      workflowRun("w3", { input: "q3", content: "c3", status: "PAUSED" }),
    );
    expect(workflow.getWorkflowHistory()).toEqual([
      { input: "q1", output: "c1" },
      { input: '{"a":1}', output: "" },
    ]);
    expect(workflow.getWorkflowHistory({ numRuns: 1 })).toEqual([{ input: '{"a":1}', output: "" }]);
    expect(workflow.getWorkflowHistoryContext()).toBe(
      '<workflow_history_context>\n[Workflow Run-1]\nUser input: q1\nWorkflow output: c1\n\n[Workflow Run-2]\nUser input: {"a":1}\n\n</workflow_history_context>\n',
    );
    expect(workflow.getWorkflowHistoryContext({ numRuns: 0 })).toBeNull();
  });
});

/** How many results of tools come before anything else that is said. */
function leadingTools(messages: Message[]): number {
  const others = messages.filter(({ role }) => role !== "system");
  const start = others.findIndex(({ role }) => role !== "tool");
  return start === -1 ? others.length : start;
}

/** Every choice of one value per option; undefined leaves the option out. */
function combinationsOf<Options extends object>(choices: {
  [Name in keyof Options]-?: (Options[Name] | undefined)[];
}): Options[] {
  let combinations: Partial<Options>[] = [{}];
  for (const [name, values] of Object.entries(choices) as [keyof Options, (Options[keyof Options] | undefined)[]][]) {
    combinations = combinations.flatMap((options) =>
      values.map((value) => (value === undefined ? options : { ...options, [name]: value })),
    );
  }
  return combinations as Options[];
}
