import { type AgentRun, type JsonObject, type SessionDb, type ToolExecution } from "@sessiondb/core";
import { jsonSchema, tool, type ToolSet } from "ai";
import { describe, expect, test } from "vitest";
import { Agent, Team, Workflow, type Approval } from "@sessiondb/agent";
import { agnoPauses, pausedDatabase, type PausedDatabase } from "./support/agno-pauses.ts";
import { scriptedModel, type Script } from "@sessiondb/testing/scripted-model";

const pauses = Object.keys(agnoPauses);
const ours = pauses.filter((pause) => /^(agent|team): (?!an |feedback)/.test(pause));
const agnosAlone = pauses.filter((pause) => /^(agent|team): (an |feedback)|^member/.test(pause));
const workflows = pauses.filter((pause) => pause.startsWith("workflow"));

type PausedRows = ReturnType<PausedDatabase["stored"]>;

/** The calls that ran, in the order in which they began. */
type Ran = { readonly name: string; readonly input: unknown }[];

const names = ["confirmed_note", "asked_note", "outside_note", "approved_note", "audited_note", "ask_user", "note"];

function toolsInto(ran: Ran, needsApproval: boolean, result: () => unknown = () => "noted"): ToolSet {
  const made = (name: string) =>
    tool({
      inputSchema: jsonSchema<object>({ type: "object" }),
      needsApproval,
      execute: (input) => {
        ran.push({ name, input });
        return result();
      },
    });
  return Object.fromEntries(names.map((name) => [name, made(name)]));
}

interface Given {
  readonly ran?: Ran;
  readonly script?: Script;
  readonly db?: SessionDb;
  readonly tools?: ToolSet;
  readonly needsApproval?: boolean;
  readonly staleAfter?: number;
  readonly instructions?: () => string;
  readonly generation?: JsonObject;
}

/** Goes on with the run that waits, in a process of its own as it were. */
async function goOn(
  { open, runId, sessionId }: PausedDatabase,
  approvals: readonly Approval[],
  {
    ran = [],
    script = ["Done."],
    needsApproval = false,
    tools = toolsInto(ran, needsApproval),
    generation,
    ...rest
  }: Given & {
    readonly signal?: AbortSignal;
  } = {},
) {
  await using store = open();
  const { db = store, signal, ...options } = rest;
  const model = scriptedModel(script);
  const common = { id: "bot", model, db, tools, generation: { maxRetries: 0, ...generation }, ...options };
  const member = new Agent({ id: "member", model: scriptedModel([]) });
  const component = sessionId.startsWith("agent") ? new Agent(common) : new Team({ ...common, members: [member] });
  const going = component.continueRun({ runId, sessionId, userId: "ada", approvals, ...(signal && { signal }) });
  const error = await going.then(
    () => null,
    (reason: unknown) => reason,
  );
  return { error, ran, prompts: model.prompts, run: (await db.getRun({ runId })) as AgentRun };
}

async function waitingIn({ open, runId }: PausedDatabase): Promise<ToolExecution[]> {
  await using db = open();
  const run = (await db.getRun({ runId })) as AgentRun;
  return (run.tools ?? []).filter(({ result }) => (result ?? null) === null);
}

const approve = (tools: readonly ToolExecution[]): Approval[] =>
  tools.map(({ toolCallId, requiresUserInput, externalExecutionRequired }) => ({
    toolCallId: toolCallId ?? "",
    approved: true,
    ...(requiresUserInput === true && { values: { what: "tea" } }),
    ...(externalExecutionRequired === true && { result: "noted outside" }),
  }));
const reject = (tools: readonly ToolExecution[]): Approval[] =>
  tools.map(({ toolCallId }) => ({ toolCallId: toolCallId ?? "", approved: false, reason: "Not now" }));

/** What each decided call must have come to, in the row. */
function expectDecided(run: AgentRun, before: readonly ToolExecution[], approved: boolean): void {
  for (const { toolCallId, toolName, requiresUserInput, externalExecutionRequired } of before) {
    const decided = run.tools?.find((each) => each.toolCallId === toolCallId);
    const result = !approved ? "Not now" : externalExecutionRequired === true ? "noted outside" : "noted";
    expect(decided).toMatchObject({ toolName, result, toolCallError: !approved });
    expect(decided?.requiresConfirmation === true || decided?.requiresUserInput === true).toBe(false);
    expect(decided?.externalExecutionRequired === true).toBe(false);
    const answers = run.messages?.filter(({ role, toolCallId: id }) => role === "tool" && id === toolCallId);
    expect(answers).toMatchObject([{ content: result }]);
    const requirement = (run.requirements as JsonObject[]).find(
      ({ tool_execution: execution }) => (execution as JsonObject)["tool_call_id"] === toolCallId,
    );
    expect(requirement).toMatchObject({
      tool_execution: {
        result,
        ...(requiresUserInput === true && approved && { answered: true, tool_args: { what: "tea" } }),
        ...(!approved && { confirmed: false, confirmation_note: "Not now" }),
      },
      ...(!approved && { confirmation: false, confirmation_note: "Not now" }),
      ...(externalExecutionRequired === true && approved && { external_execution_result: "noted outside" }),
    });
  }
}

const ranHere = (tools: readonly ToolExecution[]) =>
  tools
    .filter(({ externalExecutionRequired }) => externalExecutionRequired !== true)
    .map(({ toolName, toolArgs, requiresUserInput }) => ({
      name: toolName,
      input: requiresUserInput === true ? { what: "tea" } : toolArgs,
    }));

describe.each(ours)("a run that Agno paused: %s", (pause) => {
  test.each([true, false])(
    "continues when everything is approved; our tool waits for approval: %s",
    async (needsApproval) => {
      using paused = await pausedDatabase(pause);
      const waiting = await waitingIn(paused);
      const { error, ran, run, prompts } = await goOn(paused, approve(waiting), { needsApproval });
      expect(error).toBeNull();
      expect(ran).toEqual(ranHere(waiting));
      expect(run).toMatchObject({ status: "COMPLETED", content: "Done." });
      expectDecided(run, waiting, true);
      const told = JSON.stringify(prompts);
      expect(waiting.every(({ toolCallId }) => told.includes(`"toolCallId":"${toolCallId}"`))).toBe(true);
      const again = await goOn(paused, approve(waiting));
      expect(again).toMatchObject({ error: { code: "INVALID_ARGUMENT", argument: "runId" }, ran: [] });
    },
  );

  test("continues when everything is rejected, and runs no tool", async () => {
    using paused = await pausedDatabase(pause);
    const waiting = await waitingIn(paused);
    const { error, ran, run, prompts } = await goOn(paused, reject(waiting));
    expect(error).toBeNull();
    expect(ran).toEqual([]);
    expect(run).toMatchObject({ status: "COMPLETED", content: "Done." });
    expectDecided(run, waiting, false);
    expect(JSON.stringify(prompts)).toContain("Not now");
  });

  test("is continued by one of several concurrent calls", async () => {
    using paused = await pausedDatabase(pause);
    const waiting = await waitingIn(paused);
    const ran: Ran = [];
    const all = await Promise.all(Array.from({ length: 4 }, () => goOn(paused, approve(waiting), { ran })));
    expect(all.filter(({ error }) => error === null)).toHaveLength(1);
    expect(ran).toEqual(ranHere(waiting));
  });

  test("is unchanged after decisions that do not fit", async () => {
    using paused = await pausedDatabase(pause);
    const waiting = await waitingIn(paused);
    const all = approve(waiting);
    const before = paused.stored();
    const wrong: readonly Approval[][] = [
      [],
      all.slice(1),
      [...all, { toolCallId: "another", approved: true }],
      all.map((approval) => ({ ...approval, toolCallId: `${approval.toolCallId}x` })),
      ...all.flatMap(({ values, result }, place): Approval[][] => {
        const instead = (approval: Approval) => all.map((each, index) => (index === place ? approval : each));
        const bare = { toolCallId: all[place]?.toolCallId ?? "", approved: true };
        return [
          values === undefined ? instead({ ...bare, values: { what: "x" } }) : instead(bare),
          values === undefined ? instead({ ...bare, values: {} }) : instead({ ...bare, values: { other: "x" } }),
          result === undefined ? instead({ ...bare, ...(values && { values }), result: "x" }) : instead(bare),
          instead({ ...bare, approved: false, ...(result === undefined ? { values: {} } : { result }) }),
        ];
      }),
    ];
    for (const approvals of wrong) {
      const { error, ran } = await goOn(paused, approvals);
      expect([approvals, error]).toMatchObject([approvals, { code: "INVALID_ARGUMENT" }]);
      expect(ran).toEqual([]);
      expect(paused.stored()).toEqual(before);
    }
  });

  test("is unchanged after a failure before any tool ran", async () => {
    using paused = await pausedDatabase(pause);
    const waiting = await waitingIn(paused);
    const before = paused.stored();
    const runsHere = ranHere(waiting).length > 0;
    const failing: readonly (Given & { signal?: AbortSignal; expected: object | null })[] = [
      { signal: AbortSignal.abort(new Error("gone")), expected: { message: "gone" } },
      { tools: {}, expected: runsHere ? { code: "RUN_NOT_CONTINUABLE", runId: paused.runId } : null },
      {
        tools: Object.fromEntries(names.map((name) => [name, tool({ inputSchema: jsonSchema<object>({}) })])),
        expected: runsHere ? { code: "RUN_NOT_CONTINUABLE" } : null,
      },
      {
        instructions: () => {
          throw new Error("no instructions");
        },
        expected: { message: "no instructions" },
      },
    ];
    for (const { expected, ...given } of failing.filter((each) => each.expected !== null)) {
      const ran: Ran = [];
      const { error } = await goOn(paused, approve(waiting), { ran, ...given });
      expect(error).toMatchObject(expected ?? {});
      expect(ran).toEqual([]);
      expect(paused.stored()).toEqual(before);
    }
  });

  test.each([approve, reject])(
    "keeps decisions and results when the model fails, and can be continued: %o",
    async (decide) => {
      using paused = await pausedDatabase(pause);
      const waiting = await waitingIn(paused);
      const ran: Ran = [];
      const failed = await goOn(paused, decide(waiting), { ran, script: [new Error("out of order")] });
      expect(failed.error).toMatchObject({ message: "out of order" });
      expect(failed.run.status).toBe("ERROR");
      expectDecided(failed.run, waiting, decide === approve);
      const asked = await goOn(paused, decide(waiting), { ran });
      expect(asked.error).toMatchObject({ code: "INVALID_ARGUMENT" });
      const twice = await goOn(paused, [], { ran, script: [new Error("still out of order")] });
      expect(twice.run.status).toBe("ERROR");
      const { error, run } = await goOn(paused, [], { ran });
      expect(error).toBeNull();
      expect(run).toMatchObject({ status: "COMPLETED", content: "Done." });
      expectDecided(run, waiting, decide === approve);
      expect(ran).toEqual(decide === approve ? ranHere(waiting) : []);
    },
  );

  test("keeps the results when the user leaves while the model answers", async () => {
    using paused = await pausedDatabase(pause);
    const waiting = await waitingIn(paused);
    const controller = new AbortController();
    const ran: Ran = [];
    const script = () => {
      controller.abort(new Error("gone"));
      return new Promise<never>(() => {});
    };
    const left = await goOn(paused, approve(waiting), { ran, script, signal: controller.signal });
    expect(left.error).toMatchObject({ message: "gone" });
    expect(left.run.status).toBe("CANCELLED");
    expectDecided(left.run, waiting, true);
    const { error, run } = await goOn(paused, [], { ran });
    expect(error).toBeNull();
    expect(run.status).toBe("COMPLETED");
    expect(ran).toEqual(ranHere(waiting));
  });
});

// Each waits until the run is stale.
test.concurrent.each(ours)(
  "keeps the results when the process dies before the model answers: %s",
  { timeout: 60_000 },
  async (pause) => {
    using paused = await pausedDatabase(pause);
    const waiting = await waitingIn(paused);
    const ran: Ran = [];
    await using store = paused.open();
    let isDead = false;
    const dying = new Proxy(store, {
      get: (target, name) => {
        const member = Reflect.get(target, name, target) as unknown;
        return typeof member !== "function"
          ? member
          : (...args: unknown[]) =>
              isDead && String(name).startsWith("up")
                ? Promise.reject(new Error("dead"))
                : (member as (...given: unknown[]) => unknown).apply(target, args);
      },
    });
    const script = () => {
      isDead = true;
      return new Error("dead");
    };
    const { run } = await goOn(paused, approve(waiting), { ran, script, db: dying });
    expect(run.status).toBe("RUNNING");
    expectDecided(run, waiting, true);
    const soon = await goOn(paused, [], { ran });
    expect(soon.error).toMatchObject({ code: "INVALID_ARGUMENT", argument: "runId" });
    await new Promise((resolve) => setTimeout(resolve, 1100));
    const all = await Promise.all([1, 2].map(() => goOn(paused, [], { ran, staleAfter: 0 })));
    const went = all.filter(({ error }) => error === null);
    expect(went.map((each) => each.run)).toMatchObject([{ status: "COMPLETED", content: "Done." }]);
    expect(ran).toEqual(ranHere(waiting));
  },
);

describe.each(ours.filter((pause) => !pause.endsWith("external execution")))("a run that Agno paused: %s", (pause) => {
  test("is restored when the AI SDK refuses it because it did not sign it", async () => {
    using paused = await pausedDatabase(pause);
    const before = paused.stored();
    const generation = { experimental_toolApprovalSecret: "secret" };
    const { error, ran } = await goOn(paused, approve(await waitingIn(paused)), { generation });
    expect(error).toMatchObject({ name: "AI_InvalidToolApprovalSignatureError" });
    expect(ran).toEqual([]);
    // The row was ours for a moment.
    const comparable = (rows: PausedRows) =>
      rows.map((row) => ({ ...row, updated_at: 0, run_data: JSON.parse(String(row["run_data"])) as unknown }));
    expect(comparable(paused.stored())).toEqual(comparable(before));
  });

  test("runs no tool twice when the user leaves while it runs, and tells the model", async () => {
    using paused = await pausedDatabase(pause);
    const waiting = await waitingIn(paused);
    const ran: Ran = [];
    const controller = new AbortController();
    const tools = toolsInto(ran, true, () => {
      setImmediate(() => controller.abort(new Error("gone")));
      return new Promise(() => {});
    });
    const left = await goOn(paused, approve(waiting), { tools, signal: controller.signal });
    expect(left.run.status).toBe("CANCELLED");
    expect(ran).toEqual(ranHere(waiting));
    const { error, run, prompts } = await goOn(paused, [], { ran });
    expect(error).toBeNull();
    expect(run.status).toBe("COMPLETED");
    expect(JSON.stringify(prompts)).toContain("is unknown");
    expect(ran).toEqual(ranHere(waiting));
  });

  test("keeps the result of a tool that ends after the user left", async () => {
    using paused = await pausedDatabase(pause);
    const waiting = await waitingIn(paused);
    const ran: Ran = [];
    const controller = new AbortController();
    let finish: (result: string) => void = () => {};
    const late = new Promise<string>((resolve) => {
      finish = resolve;
    });
    const tools = toolsInto(ran, true, () => {
      setImmediate(() => controller.abort(new Error("gone")));
      return late;
    });
    await using db = paused.open();
    const left = await goOn(paused, approve(waiting), { tools, signal: controller.signal, db });
    expect(left.run.status).toBe("CANCELLED");
    finish("noted");
    const stored = async () => (await db.getRun({ runId: paused.runId })) as AgentRun;
    await expect
      .poll(async () => (await stored()).tools?.filter(({ result }) => (result ?? null) === null))
      .toEqual([]);
    expectDecided(await stored(), waiting, true);
    expect((await goOn(paused, [], { ran })).error).toBeNull();
    expect(ran).toEqual(ranHere(waiting));
  });
});

describe.each(agnosAlone)("a run that only Agno can continue: %s", (pause) => {
  test.each([approve, reject, () => []])("is refused, and left unchanged: %o", async (decide) => {
    using paused = await pausedDatabase(pause);
    const before = paused.stored();
    const { error, ran } = await goOn(paused, decide(await waitingIn(paused)));
    expect(error).toMatchObject({ code: "RUN_NOT_CONTINUABLE", runId: paused.runId, message: /Agno/ });
    expect(ran).toEqual([]);
    expect(paused.stored()).toEqual(before);
  });

  test("is unchanged after our turn in the same session, and after a continueRun with a member's run id", async () => {
    using paused = await pausedDatabase(pause);
    const before = paused.stored();
    await using db = paused.open();
    const common = { id: "bot", db, model: scriptedModel(() => "Fine"), staleAfter: 0 };
    const member = new Agent({ id: "member", model: scriptedModel([]) });
    const component = pause.startsWith("agent") ? new Agent(common) : new Team({ ...common, members: [member] });
    await component.run("Go on", { sessionId: pause, userId: "ada" });
    for (const { run_id: runId } of paused.rows.filter((row) => row.parent_run_id !== null)) {
      const going = component.continueRun({ runId, sessionId: pause, userId: "ada", approvals: [] });
      await expect(going).rejects.toMatchObject({ code: "INVALID_ARGUMENT", argument: "runId" });
    }
    const ids = new Set(before.map(({ run_id: id }) => id));
    expect(paused.stored().filter(({ run_id: id }) => ids.has(id))).toEqual(before);
  });
});

describe.each(workflows)("a run that only Agno can continue: %s", (pause) => {
  test("is unchanged after our run in the same session, and no agent continues it", async () => {
    using paused = await pausedDatabase(pause);
    const before = paused.stored();
    await using db = paused.open();
    await new Workflow({ id: "bot", db, steps: [() => "Fine"], staleAfter: 0, addWorkflowHistoryToSteps: true }).run(
      "Go on",
      {
        sessionId: pause,
        userId: "ada",
      },
    );
    const agent = new Agent({ id: "bot", db, model: scriptedModel([]) });
    for (const { run_id: runId } of paused.rows) {
      const going = agent.continueRun({ runId, sessionId: pause, userId: "ada", approvals: [] });
      await expect(going).rejects.toMatchObject({ code: /SESSION_TYPE_MISMATCH|INVALID_ARGUMENT/ });
    }
    const ids = new Set(before.map(({ run_id: id }) => id));
    expect(paused.stored().filter(({ run_id: id }) => ids.has(id))).toEqual(before);
  });
});
