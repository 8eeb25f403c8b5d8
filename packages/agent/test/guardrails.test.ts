import { setTimeout as delay } from "node:timers/promises";
import { InMemorySessionDb, type AgentRun, type Run, type SessionDb, type TeamRun } from "@sessiondb/core";
import { scriptedModel, shown, type Answer } from "@sessiondb/testing/scripted-model";
import { jsonSchema, tool } from "ai";
import { describe, expect, test } from "vitest";
import {
  Agent,
  Team,
  Workflow,
  type InputToCheck,
  type ModelComponentOptions,
  type OutputToCheck,
} from "@sessiondb/agent";
import { collect } from "./support/collect.ts";
import { localStores, type OpenStore } from "./support/stores.ts";

// A guardrail may refuse, fail, hang or answer nonsense, wherever its run is. What does not pass reaches neither the model
// nor a later turn.

const kinds = ["agent", "leader", "member", "step"] as const;
const calls = ["run", "stream"] as const;
const stages = ["input", "output"] as const;
const verdicts = ["passes", "refuses", "throws", "is aborted", "answers nonsense"] as const;

interface Cell {
  readonly kind: (typeof kinds)[number];
  readonly call: (typeof calls)[number];
  readonly stage: (typeof stages)[number];
  readonly verdict: (typeof verdicts)[number];
}

const cells: readonly Cell[] = kinds.flatMap((kind) =>
  calls.flatMap((call) => stages.flatMap((stage) => verdicts.map((verdict) => ({ kind, call, stage, verdict })))),
);

const isInside = (kind: Cell["kind"]): boolean => kind === "member" || kind === "step";
const delegates: Answer = {
  calls: [{ name: "delegate_task_to_member", id: "d1", input: { member_id: "a", task: "Do the secret thing" } }],
};

interface Stage {
  readonly db: SessionDb;
  readonly guarded: Partial<ModelComponentOptions>;
}

/** Makes what is run, around the one with the guardrails. */
function stageOf(kind: Cell["kind"], { db, guarded }: Stage) {
  let acted = 0;
  const act = tool({ inputSchema: jsonSchema<object>({ type: "object" }), execute: () => `Did ${(acted += 1)}` });
  const model = scriptedModel((_call, index) =>
    index === 0 ? { calls: [{ name: "act", id: "c1" }], text: "I act." } : "The secret answer.",
  );
  const leader = scriptedModel((_call, index) => (index === 0 ? delegates : "Led."));
  const actor = { id: "a", model, tools: { act }, generation: { maxRetries: 0 }, ...guarded };
  const component = {
    agent: () => new Agent({ ...actor, db }),
    leader: () => new Team({ ...actor, db, members: [new Agent({ id: "m", model: scriptedModel([]) })] }),
    member: () => new Team({ id: "t", db, model: leader, members: [new Agent(actor)] }),
    step: () => new Workflow({ id: "w", db, steps: [new Agent(actor)] }),
  }[kind]();
  return { component, model, acted: () => acted };
}

/** Returns the run with the guardrails, wherever it is stored. */
async function guardedRun(db: SessionDb): Promise<AgentRun | TeamRun | undefined> {
  const { runs } = await db.getRuns({ sessionId: "s" });
  const isIt = (run: Run): run is AgentRun | TeamRun =>
    (run.runType === "agent" && run.agentId === "a") || (run.runType === "team" && run.teamId === "a");
  return runs.flatMap((run) => [run, ...(run.runType === "workflow" ? (run.stepExecutorRuns ?? []) : [])]).find(isIt);
}

describe.each(Object.keys(localStores))("%s", (store) => {
  test.each(cells)("$kind, $call: a guardrail of the $stage $verdict", async (cell) => {
    const { kind, call, stage, verdict } = cell;
    await using db = await (localStores[store] as OpenStore)();
    const controller = new AbortController();
    const checked: (InputToCheck | OutputToCheck)[] = [];
    const guardrail = async (given: InputToCheck | OutputToCheck): Promise<string | null> => {
      checked.push(given);
      switch (verdict) {
        case "passes":
          return null;
        case "refuses":
          return "It is secret.";
        case "throws":
          throw new Error("The guardrail is broken.");
        case "is aborted":
          controller.abort(new Error("stop"));
          // Deaf to the signal.
          await delay(10_000, null, { ref: false });
          return null;
        case "answers nonsense":
          return true as never;
      }
    };
    const guarded = stage === "input" ? { inputGuardrails: [guardrail] } : { outputGuardrails: [guardrail] };
    const { component, model, acted } = stageOf(kind, { db, guarded });
    const options = { sessionId: "s", signal: controller.signal };
    const running = async (): Promise<object> => {
      if (call === "run") {
        return component.run("Do the secret thing", options);
      }
      const stream = await component.stream("Do the secret thing", options);
      if (Symbol.asyncIterator in stream) {
        await stream[Symbol.asyncIterator]().next();
      }
      return stream.result;
    };
    const outcome = await running().catch((error: unknown) => error as object);

    // What the guardrail was asked, and what the model and the tool did.
    expect(checked).toHaveLength(1);
    expect(checked[0]).toMatchObject({
      text: stage === "input" ? "Do the secret thing" : "I act.\n\nThe secret answer.",
      context: { sessionId: "s" },
    });
    const isAsked = stage === "output" || verdict === "passes";
    expect([model.prompts.length, acted()]).toEqual(isAsked ? [2, 1] : [0, 0]);

    // What the caller gets.
    const run = await guardedRun(db);
    const refusal = {
      code: stage === "input" ? "INPUT_REFUSED" : "OUTPUT_REFUSED",
      runId: run?.runId,
      reason: "It is secret.",
    };
    const own = {
      passes: { status: "COMPLETED" },
      refuses: refusal,
      throws: { message: "The guardrail is broken." },
      "is aborted":
        call === "stream" && stage === "output" && !isInside(kind) ? { status: "CANCELLED" } : { message: "stop" },
      "answers nonsense": { code: "INVALID_ARGUMENT", argument: `${stage}Guardrails[0]` },
    }[verdict];
    const unfinished = { message: expect.stringContaining("a did not finish") };
    const around = {
      member:
        verdict === "is aborted" ? (call === "run" ? { message: "stop" } : { status: "CANCELLED" }) : { text: "Led." },
      step:
        verdict === "passes"
          ? { status: "COMPLETED" }
          : verdict === "is aborted"
            ? call === "run"
              ? { message: "stop" }
              : { status: "CANCELLED" }
            : verdict === "throws"
              ? unfinished
              : own,
    };
    expect(outcome).toMatchObject(kind === "member" || kind === "step" ? around[kind] : own);
    // An error leaves out the reason.
    expect(String((outcome as { message?: string }).message).includes("It is secret.")).toBe(false);

    // What is stored.
    const status = { passes: "COMPLETED", "is aborted": "CANCELLED" } as const;
    expect(run?.status).toBe(status[verdict as keyof typeof status] ?? "ERROR");
    expect(run?.metadata?.["sessiondb_refusal"]).toEqual(
      verdict === "passes" ? undefined : { stage, reason: verdict === "refuses" ? "It is secret." : null },
    );
    expect(run?.input?.inputContent).toContain("Do the secret thing");
    expect((run?.messages ?? []).length > 0).toBe(isAsked);
    const content = stage === "input" ? "It is secret." : "The secret answer.";
    expect(verdict !== "refuses" || run?.content === content).toBe(true);

    // What the next turn is shown, whatever it wants.
    const next = scriptedModel(() => "Yes.");
    const again = { id: component.id, model: next, db, sessionId: "s", addStoppedRunsToContext: true };
    const later =
      component.sessionType === "workflow"
        ? new Workflow({
            id: "w",
            db,
            sessionId: "s",
            steps: [new Agent({ ...again })],
            addWorkflowHistoryToSteps: true,
          })
        : component.sessionType === "team"
          ? new Team({ ...again, members: [new Agent({ id: "m", model: next })] })
          : new Agent(again);
    await later.run("Next");
    const told = shown(next.prompts[0] ?? []).join("\n");
    expect(kind === "agent" || kind === "leader" ? told.includes("secret") : verdict === "passes").toBe(
      verdict === "passes",
    );
  });
});

const ownCells = (["agent", "leader"] as const).flatMap((kind) =>
  (["refuses", "passes"] as const).flatMap((verdict) => [true, false].map((isHeld) => ({ kind, verdict, isHeld }))),
);

describe.each(ownCells)("$kind: a stream whose output guardrail $verdict, held back: $isHeld", (cell) => {
  const { kind, verdict, isHeld } = cell;
  const isRefused = verdict === "refuses";
  const started = async (db: SessionDb) => {
    const outputGuardrails = [() => (isRefused ? "It is secret." : null)];
    const { component } = stageOf(kind, { db, guarded: { outputGuardrails, holdOutputUntilChecked: isHeld } });
    return (component as Agent).stream("Do it", { sessionId: "s" });
  };
  const readers: Readonly<Record<string, (db: SessionDb) => Promise<unknown[]>>> = {
    textStream: async (db) => collect((await started(db)).textStream),
    fullStream: async (db) => collect((await started(db)).fullStream),
    toUIMessageStream: async (db) => collect((await started(db)).toUIMessageStream()),
    "the AI SDK's agent": async (db) => {
      const outputGuardrails = [() => (isRefused ? "It is secret." : null)];
      const { component } = stageOf(kind, { db, guarded: { outputGuardrails, holdOutputUntilChecked: isHeld } });
      const { toUIMessageStream } = await (component as Agent)
        .forSession({ sessionId: "s" })
        .stream({ prompt: "Do it" })
        .then((result) => ({ toUIMessageStream: () => result.toUIMessageStream() }));
      return collect(toUIMessageStream() as unknown as AsyncIterable<unknown>);
    },
  };

  test.each(Object.keys(readers))("%s", async (reader) => {
    await using db = await (localStores["memory"] as OpenStore)();
    const items: unknown[] = [];
    const error = await (readers[reader] as (typeof readers)[string])(db).then(
      (all) => void items.push(...all),
      (thrown: unknown) => thrown,
    );
    const types = items.map((item) => (item as { type?: string }).type);
    const isUi = reader !== "textStream" && reader !== "fullStream";
    expect((error as { code?: string } | undefined)?.code).toBe(isRefused && !isUi ? "OUTPUT_REFUSED" : undefined);
    const hasText = JSON.stringify(items).includes("secret");
    expect(isUi || !isRefused ? hasText : false).toBe(isRefused ? isUi && !isHeld : true);
    expect(types.includes("finish")).toBe(!isRefused && reader !== "textStream");
    expect(types.at(-1) === "error").toBe(isRefused && isUi);
  });
});

test.each(calls)("%s: guardrails are asked in their order, and none after a refusal", async (call) => {
  const asked: string[] = [];
  const says = (name: string, verdict: string | null) => () => {
    asked.push(name);
    return verdict;
  };
  const model = scriptedModel(() => "Yes.");
  const agent = new Agent({ model, inputGuardrails: [says("one", null), says("two", "No."), says("three", "Never.")] });
  await expect(agent[call]("Hi")).rejects.toMatchObject({ code: "INPUT_REFUSED", reason: "No." });
  expect(asked).toEqual(["one", "two"]);
});

test.each(calls)("%s: a pause is checked too, and its continuation by itself", async (call) => {
  await using db = await (localStores["memory"] as OpenStore)();
  const pay = tool({ inputSchema: jsonSchema<object>({ type: "object" }), needsApproval: true, execute: () => "Paid" });
  const texts: string[] = [];
  const make = (...script: Answer[]) =>
    new Agent({
      id: "a",
      db,
      model: scriptedModel(script),
      tools: { pay },
      inputGuardrails: [({ text }) => void texts.push(`in: ${text}`)],
      outputGuardrails: [
        ({ text }) => {
          texts.push(`out: ${text}`);
          return text.includes("secret") ? "It is secret." : null;
        },
      ],
    });
  const pays: Answer = { calls: [{ name: "pay", id: "c1" }], text: "I pay." };
  const agent = make(pays, "Paid.");
  const run = async (given: Agent, text: string) =>
    call === "run" ? given.run(text) : (await given.stream(text)).result;
  const { runId, sessionId, status } = await run(agent, "Pay");
  expect(status).toBe("PAUSED");
  const options = { runId, sessionId, approvals: [{ toolCallId: "c1", approved: true }] };
  const done = await (call === "run" ? agent.continueRun(options) : (await agent.continueStream(options)).result);
  expect(done.status).toBe("COMPLETED");
  expect(texts).toEqual(["in: Pay", "out: I pay.", "out: Paid."]);
  const secret: Answer = { calls: [{ name: "pay", id: "c1" }], text: "The secret." };
  const refused = await run(make(secret), "Pay").catch((error: unknown) => error);
  expect(refused).toMatchObject({ code: "OUTPUT_REFUSED" });
  const { runId: refusedId } = refused as { runId: string };
  expect((await db.getRun({ runId: refusedId }))?.status).toBe("ERROR");
  await expect(make("Paid.").continueRun({ runId: refusedId, sessionId: "s", approvals: [] })).rejects.toMatchObject({
    code: "INVALID_ARGUMENT",
  });
});

test("a refused first turn keeps the introduction, and costs nothing", async () => {
  await using db = await (localStores["sqlite"] as OpenStore)();
  let isRefused = true;
  const model = scriptedModel(() => "Yes.");
  const inputGuardrails = [() => (isRefused ? "No." : null)];
  const agent = new Agent({ model, db, sessionId: "s", introduction: "Welcome.", inputGuardrails });
  await expect(agent.run("Hi")).rejects.toMatchObject({ code: "INPUT_REFUSED" });
  isRefused = false;
  await agent.run("Hello");
  expect(shown(model.prompts[0] ?? [])).toEqual([
    "user: (The assistant speaks first.)",
    "assistant: Welcome.",
    "user: Hello",
  ]);
  const session = await agent.getSession();
  expect(session?.runs.map(({ status }) => status)).toEqual(["COMPLETED", "ERROR", "COMPLETED"]);
  expect(session?.sessionData["session_metrics"]).toMatchObject({ total_tokens: 15 });
});

test.each([
  [{ inputGuardrails: [1] }, "inputGuardrails"],
  [{ outputGuardrails: "no" }, "outputGuardrails"],
  [{ holdOutputUntilChecked: true }, "holdOutputUntilChecked"],
  [{ holdOutputUntilChecked: true, outputGuardrails: [] }, "holdOutputUntilChecked"],
])("%j is refused", (options, argument) => {
  expect(() => new Agent({ model: "test/model", ...(options as object) })).toThrow(
    expect.objectContaining({ code: "INVALID_ARGUMENT", argument }),
  );
});

test.each([true, false])("a step's stream passes on what is held back only if it passes: %s", async (passes) => {
  const agent = new Agent({
    id: "a",
    model: scriptedModel(["The secret."]),
    outputGuardrails: [() => (passes ? null : "a secret")],
    holdOutputUntilChecked: true,
  });
  const workflow = new Workflow({ id: "w", db: new InMemorySessionDb(), steps: [agent] });
  const stream = workflow.stream("Go");
  let read = "";
  const error = await (async () => {
    for await (const event of stream) {
      read += JSON.stringify(event.type === "step-part" ? event.part : "");
    }
    return null;
  })().catch((thrown: unknown) => thrown);
  expect((error as { code?: string } | null)?.code).toBe(passes ? undefined : "OUTPUT_REFUSED");
  expect([read.includes("secret"), read.includes("start-step")]).toEqual([passes, true]);
  await stream.result.catch(() => {});
});

test.each(["sessiondb_refusal", "sessiondb_replaces", "sessiondb_"])("a run's metadata cannot have %s", async (key) => {
  const model = scriptedModel(() => "Yes.");
  const agent = new Agent({ model, db: new InMemorySessionDb() });
  const metadata = { [key]: null };
  const refused = expect.objectContaining({ code: "INVALID_ARGUMENT", argument: `metadata.${key}` });
  const options = { sessionId: "s", metadata };
  const entries = [
    () => agent.run("Hi", options),
    () => agent.stream("Hi", options),
    () => agent.continueRun({ ...options, runId: "r", approvals: [] }),
    () => agent.streamChat({ id: "s", messages: [] }, options),
  ];
  for (const enter of entries) {
    await expect(enter()).rejects.toEqual(refused);
  }
  expect(model.prompts).toEqual([]);
});

test.each([true, false])("a question names its chat only if it passes: %s", async (passes) => {
  const db = new InMemorySessionDb();
  const agent = new Agent({ model: scriptedModel(() => "Yes."), db, inputGuardrails: [() => (passes ? null : "No.")] });
  const messages = [{ id: "q", role: "user", parts: [{ type: "text", text: "The secret" }] }];
  const stream = await agent.streamChat({ id: "s", messages }).catch(() => null);
  await stream?.result;
  const session = await db.getSession({ sessionId: "s" });
  expect([session?.sessionName, session?.runs?.length]).toEqual([passes ? "The secret" : null, 1]);
});
