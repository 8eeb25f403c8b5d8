import { InMemorySessionDb, type Run, type RunStatus, type SessionType } from "@sessiondb/core";
import { tool } from "ai";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { Agent, Team, Workflow } from "@sessiondb/agent";
import { scriptedModel, shown } from "@sessiondb/testing/scripted-model";
import { localStores } from "./support/stores.ts";

const model = () => scriptedModel(() => "Yes.");

function componentOf(kind: SessionType, db: InMemorySessionDb) {
  return {
    agent: () => new Agent({ id: "one", db, model: model() }),
    team: () => new Team({ id: "one", db, model: model(), members: [new Agent({ id: "m", model: model() })] }),
    workflow: () => new Workflow({ id: "one", db, steps: [() => "Yes."] }),
  }[kind]();
}

const mark = { sessiondb_running_since: Math.floor(Date.now() / 1000) };
const decided = { requirements: [{ id: "q", confirmation: true }] };
/** Whether a fork has runs in each state, and their members at any depth. */
const states: readonly (readonly [string, RunStatus | null, Partial<Run>, boolean])[] = [
  ["without a status", null, {}, true],
  ["completed", "COMPLETED", {}, true],
  ["completed after a pause", "COMPLETED", decided, true],
  ["failed", "ERROR", {}, true],
  ["cancelled", "CANCELLED", {}, true],
  ["regenerated", "REGENERATED", {}, true],
  ["paused", "PAUSED", {}, false],
  ["in progress", "RUNNING", { extra: mark }, false],
  ["in the background", "RUNNING", { input: { inputContent: "Hi" } }, false],
  ["waiting for its turn", "PENDING", {}, false],
  ["failed after a decision", "ERROR", decided, false],
  ["cancelled after a decision", "CANCELLED", decided, false],
];

describe.each(["agent", "team", "workflow"] as const)("a fork of a session of a %s", (kind) => {
  const ids = { [`${kind}Id`]: "one" };
  const ofConversation = (name: string) => kind !== "workflow" || !/decision|pause$/.test(name);
  test.each(states.filter(([name]) => ofConversation(name)))("run %s", async (...[, status, more, isCopied]) => {
    const db = new InMemorySessionDb();
    const run = (runId: string, fields: object): Run => ({ runType: kind, runId, ...ids, ...fields });
    await db.upsertSession({
      sessionType: kind,
      sessionId: "s",
      ...ids,
      runs: [
        run("before", { status: "COMPLETED" }),
        run("deeper", { status: "COMPLETED", parentRunId: "member" }),
        run("it", { status, ...more }),
        run("member", { status: "COMPLETED", parentRunId: "it" }),
      ],
    });
    const fork = await componentOf(kind, db).forkSession({ sessionId: "s" });
    expect(fork?.runs).toHaveLength(isCopied ? 4 : 1);
    const [, deeper, it, member] = fork?.runs ?? [];
    expect([deeper?.parentRunId, member?.parentRunId]).toEqual([member?.runId, it?.runId]);
    expect((await db.getSession({ sessionId: "s" }))?.runs).toHaveLength(4);
  });
});

test("an introduction of Agno, which stays RUNNING, is copied", async () => {
  const db = new InMemorySessionDb();
  const run = { runType: "agent", runId: "i", agentId: "one", status: "RUNNING" } as const;
  const messages = [{ role: "assistant", content: "Welcome." }];
  await db.upsertSession({ sessionType: "agent", sessionId: "s", agentId: "one", runs: [{ ...run, messages }] });
  expect((await componentOf("agent", db).forkSession({ sessionId: "s" }))?.runs).toHaveLength(1);
});

test("every id that names a run or the session is renewed, at every depth; values of the application are not", async () => {
  const db = new InMemorySessionDb();
  const agentRun = (runId: string, fields: object = {}) =>
    ({ runType: "agent", runId, sessionId: "s", agentId: "a", status: "COMPLETED", ...fields }) as const;
  const named = { run_id: "r1", session_id: "s" };
  const teamRun = (runId: string, fields: object = {}) =>
    ({
      runType: "team",
      runId,
      sessionId: "s",
      teamId: "t",
      status: "COMPLETED",
      tools: [{ toolCallId: "c", childRunId: "r2", toolArgs: named }],
      memberResponses: [
        {
          runType: "team",
          runId: "n1",
          parentRunId: runId,
          sessionId: "s",
          teamId: "u",
          memberResponses: [agentRun("n2", { parentRunId: "n1" })],
        },
      ],
      ...fields,
    }) as const;
  const workflowRun = {
    runType: "workflow",
    runId: "w1",
    sessionId: "s",
    workflowId: "one",
    status: "COMPLETED",
    input: named,
    content: named,
    metadata: named,
    extra: { parent_workflow_run_id: "w0", note: "r1" },
    stepResults: [{ stepName: "a", stepRunId: "n3", steps: [{ stepName: "b", stepRunId: "n4", content: named }] }],
    stepExecutorRuns: [
      agentRun("n3", { parentRunId: "w1", extra: { workflow_run_id: "w1" }, sessionState: named }),
      teamRun("n4", { parentRunId: "w1", regeneratedFrom: "n3" }),
      {
        runType: "workflow",
        runId: "n5",
        parentRunId: "w1",
        stepExecutorRuns: [agentRun("n6", { parentRunId: "n5" })],
      },
    ],
    workflowAgentRun: agentRun("n7", { events: [{ event: "RunStarted", run_id: "n7", session_id: "s" }] }),
  } as const;
  await db.upsertSession({
    sessionType: "workflow",
    sessionId: "s",
    workflowId: "one",
    sessionData: { session_state: named },
    runs: [
      { ...workflowRun, runId: "w0", extra: {} } as unknown as Run,
      workflowRun as unknown as Run,
      teamRun("r1", { regeneratedFrom: "r0" }) as unknown as Run,
      agentRun("r2", { parentRunId: "r1", forkedFromRunId: "r1", forkedFromSessionId: "elsewhere" }),
    ],
  });
  const before = await db.getSession({ sessionId: "s" });
  const fork = await componentOf("workflow", db).forkSession({ sessionId: "s" });
  const renewedIds = new Map<string, Set<string>>();
  const keptAt: string[] = [];
  for (const [path, old, now] of texts(before?.runs, fork?.runs)) {
    if (old !== now) {
      renewedIds.set(old, (renewedIds.get(old) ?? new Set()).add(now));
    } else if (/^([rnw]\d|s)$/.test(old)) {
      keptAt.push(path);
    }
  }
  // Each old id stands for one new id, except where the copy says what it was copied from.
  expect([...renewedIds.values()].map(({ size }) => size)).toEqual(Array(renewedIds.size).fill(1));
  const ofApplication = /forkedFrom|toolArgs|input|content|metadata|sessionState|note|regeneratedFrom/;
  expect(keptAt.filter((path) => !ofApplication.test(path))).toEqual([]);
  expect([...renewedIds.keys()].toSorted()).toEqual([
    "n1",
    "n2",
    "n3",
    "n4",
    "n5",
    "n6",
    "n7",
    "r1",
    "r2",
    "s",
    "w0",
    "w1",
  ]);
  expect(renewedIds.get("s")).toEqual(new Set([fork?.sessionId]));
  expect(fork?.sessionState).toEqual(named);
});

/** The texts at the same place in two values. */
function texts(old: unknown, now: unknown, path = ""): [path: string, old: string, now: string][] {
  if (typeof old !== "object" || old === null) {
    return typeof old === "string" ? [[path, old, String(now)]] : [];
  }
  return Object.entries(old).flatMap(([key, value]) =>
    texts(value, (now as Record<string, unknown>)[key], `${path}.${key}`),
  );
}

describe.each(Object.entries(localStores))("%s", (_name, open) => {
  test("a paused purchase is made once, and both sessions go on", async () => {
    await using db = await open();
    let bought = 0;
    const buy = tool({
      inputSchema: z.object({}),
      needsApproval: true,
      execute: () => `bought ${(bought += 1)}`,
    });
    const asking = scriptedModel(["Hello.", { calls: [{ name: "buy" }] }, "Done.", "Yes."]);
    const agent = new Agent({ id: "a", db, model: asking, tools: { buy }, sessionId: "s" });
    await agent.run("Hi");
    const { runId, pendingApprovals } = await agent.run("Buy");
    const fork = await agent.forkSession();
    expect(fork?.runs.map(({ status }) => status)).toEqual(["COMPLETED"]);
    const approvals = pendingApprovals.map(({ toolCallId }) => ({ toolCallId, approved: true }));
    expect(await agent.continueRun({ runId, sessionId: "s", approvals })).toMatchObject({ status: "COMPLETED" });
    await agent.run("And now?", { sessionId: fork?.sessionId ?? "" });
    expect(shown(asking.prompts.at(-1) ?? [])).toEqual(["user: Hi", "assistant: Hello.", "user: And now?"]);
    expect(bought).toBe(1);
  });

  test("a team's calls name the members' runs of the copy", async () => {
    await using db = await open();
    const member = new Agent({ id: "m", model: model() });
    const task = { calls: [{ name: "delegate_task_to_member", input: { member_id: "m", task: "Go" } }] };
    const leader = scriptedModel([task, "Done."]);
    const team = new Team({
      id: "t",
      db,
      model: leader,
      members: [member],
      sessionId: "s",
      storeMemberResponses: true,
    });
    await team.run("Hi");
    const [leading, inside] = (await team.forkSession())?.runs ?? [];
    expect(leading).toMatchObject({
      tools: [{ childRunId: inside?.runId }],
      memberResponses: [{ runId: inside?.runId, parentRunId: leading?.runId }],
    });
    expect(inside?.runId).not.toBe((await team.getSession())?.runs[1]?.runId);
  });
});
