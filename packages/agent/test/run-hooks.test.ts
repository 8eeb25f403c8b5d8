import { setTimeout as delay } from "node:timers/promises";
import { DatabaseFullError, type SessionDb } from "@sessiondb/core";
import { scriptedModel, type Answer } from "@sessiondb/testing/scripted-model";
import { jsonSchema, tool } from "ai";
import { afterEach, describe, expect, expectTypeOf, test, vi } from "vitest";
import { z } from "zod";
import { Agent, Team, Workflow, type ModelComponentOptions, type RunHooks } from "@sessiondb/agent";
import { localStores, type OpenStore } from "./support/stores.ts";

// Whatever runs, and however it ends: each event is told once, in its order, and no hook changes what the run comes to.

const kinds = ["agent", "leader", "member", "step"] as const;
const calls = ["run", "stream", "continueRun", "continueStream"] as const;
const endings = [
  "completes",
  "pauses",
  "a model error",
  "a tool error",
  "an abort in the answer",
  "an abort before the model",
  "cancelRun",
  "a refused input",
  "a refused answer",
  "a storage error",
  "an ignored storage error",
] as const;
const behaviours = ["return", "throw", "reject", "hang"] as const;

interface Cell {
  readonly kind: (typeof kinds)[number];
  readonly call: (typeof calls)[number];
  readonly ending: (typeof endings)[number];
}

const isInside = (kind: Cell["kind"]): boolean => kind === "member" || kind === "step";
const continues = (call: Cell["call"]): boolean => call.startsWith("continue");

/** What cannot be. */
function exists({ kind, call, ending }: Cell): boolean {
  return (
    (!continues(call) || (!isInside(kind) && ending !== "a refused input" && ending !== "pauses")) &&
    (!isInside(kind) || !["pauses", "a storage error", "an ignored storage error", "cancelRun"].includes(ending))
  );
}

const cells = kinds.flatMap((kind) =>
  calls.flatMap((call) => endings.map((ending) => ({ kind, call, ending })).filter(exists)),
);

const acts: Answer = { calls: [{ name: "act", id: "c1" }] };
const asks: Answer = { calls: [{ name: "ask", id: "c2" }] };
const delegates: Answer = {
  calls: [{ name: "delegate_task_to_member", id: "d1", input: { member_id: "a", task: "Do it" } }],
};

type Told = [name: string, what?: string | boolean];

/** Hooks that note what they are told, and then behave in some way. */
function noting(noted: Told[], runIds: Set<string>, behaviour: (typeof behaviours)[number]): RunHooks {
  const note = async (context: { runId: string }, ...what: Told): Promise<void> => {
    noted.push(what);
    runIds.add(context.runId);
    if (behaviour === "reject") {
      throw new Error("The hook is broken.");
    }
    if (behaviour === "hang") {
      await new Promise(() => {});
    }
  };
  const calledBy =
    <Event extends { context: { runId: string } }>(name: string, what: (event: Event) => string | boolean) =>
    (event: Event): unknown => {
      const work = note(event.context, name, what(event));
      if (behaviour === "throw") {
        throw new Error("The hook is broken.");
      }
      return behaviour === "return" ? undefined : work;
    };
  return {
    onStart: calledBy("start", ({ isContinued }) => isContinued),
    onStep: calledBy("step", ({ step }) => step.finishReason),
    onTool: calledBy("tool", ({ call }) => (call.error === undefined ? "output" : "error")),
    onEnd: calledBy("end", ({ run }) => run.status ?? ""),
    onError: calledBy(
      "error",
      ({ error, run }) => `${(error as { code?: string }).code ?? String(error)} ${run?.status}`,
    ),
  };
}

/** What is to be told of a run. */
function expected({ call, ending }: Cell): Told[] {
  const step: Told[] = continues(call) ? [] : [["step", "tool-calls"]];
  const last: Told = ["step", "stop"];
  const acted: Told[] = [["tool", "output"], ...step];
  const more: Readonly<Record<Cell["ending"], Told[]>> = {
    completes: [...acted, last, ["end", "COMPLETED"]],
    pauses: [...acted, ["step", "tool-calls"], ["end", "PAUSED"]],
    "a model error": [...acted, ["error", "Error: overloaded ERROR"]],
    "a tool error": [["tool", "error"], ...step, last, ["end", "COMPLETED"]],
    "an abort in the answer": [...acted, ["end", "CANCELLED"]],
    "an abort before the model": continues(call) ? [["error", "Error: stop PAUSED"]] : [["end", "CANCELLED"]],
    cancelRun: [...acted, ["end", "CANCELLED"]],
    "a refused input": [["error", "INPUT_REFUSED ERROR"]],
    "a refused answer": [...acted, last, ["error", "OUTPUT_REFUSED ERROR"]],
    "a storage error": [...acted, last, ["error", "DATABASE_FULL COMPLETED"]],
    "an ignored storage error": [...acted, last, ["end", "COMPLETED"]],
  };
  return [["start", continues(call)], ...more[ending]];
}

interface Stage {
  readonly db: SessionDb;
  readonly hooks: RunHooks;
  readonly controller: AbortController;
  /** Called when the model has said half an answer. */
  readonly whenStuck: () => void;
  readonly isReady: () => boolean;
}

/** Makes what is run, around the one with the hooks. */
function stageOf({ kind, call, ending }: Cell, { db, hooks, controller, whenStuck, isReady }: Stage) {
  const isStuck = ending === "an abort in the answer" || ending === "cancelRun";
  const end: Answer =
    ending === "pauses"
      ? asks
      : ending === "a model error"
        ? new Error("overloaded")
        : isStuck
          ? { stuckAfter: "Half an", whenStuck }
          : "Done.";
  const script = [acts, end];
  const inputSchema = jsonSchema<object>({ type: "object" });
  const actor: ModelComponentOptions & { readonly id: string } = {
    id: "a",
    model: scriptedModel((_call, index) => script[index] ?? "Next."),
    hooks,
    tools: {
      act: tool({
        inputSchema,
        needsApproval: continues(call),
        execute: () => {
          if (ending === "a tool error") {
            throw new Error("broken");
          }
          return "Acted";
        },
      }),
      ask: tool({ inputSchema, needsApproval: true, execute: () => "Asked" }),
    },
    instructions: () => {
      if (isReady() && !continues(call) && ending === "an abort before the model") {
        controller.abort(new Error("stop"));
      }
      return "Act.";
    },
    generation: { maxRetries: 0 },
    ...(ending === "a refused input" && { inputGuardrails: [() => "No."] }),
    ...(ending === "a refused answer" && { outputGuardrails: [() => (isReady() ? "No." : null)] }),
    ...(ending === "an ignored storage error" && { onStorageError: "continue" }),
  };
  const leader = scriptedModel((_call, index) => (index === 0 ? delegates : "Led."));
  return {
    agent: () => new Agent({ ...actor, db }),
    leader: () => new Team({ ...actor, db, members: [new Agent({ id: "m", model: scriptedModel([]) })] }),
    member: () => new Team({ id: "t", db, model: leader, members: [new Agent(actor)] }),
    step: () => new Workflow({ id: "w", db, steps: [new Agent(actor)] }),
  }[kind]();
}

/** Has a run, and returns what the hooks were told of it, and what it came to. */
async function told(cell: Cell, db: SessionDb, behaviour: (typeof behaviours)[number]) {
  const { call, ending } = cell;
  const controller = new AbortController();
  const noted: Told[] = [];
  const runIds = new Set<string>();
  let [isReady, isFull] = [false, false];
  const upsertRun = db.upsertRun.bind(db);
  db.upsertRun = async (options) => {
    if (isFull && options.run.status !== "RUNNING") {
      throw new DatabaseFullError("The disk is full.");
    }
    return upsertRun(options);
  };
  const updateRun = db.updateRun.bind(db);
  db.updateRun = async (options, change) => {
    const written = await updateRun(options, change);
    if (isReady && continues(call) && ending === "an abort before the model") {
      // The pause has been taken over, and nothing has begun.
      controller.abort(new Error("stop"));
    }
    return written;
  };
  let cancel = (): void => {};
  const whenStuck = (): void => {
    setImmediate(() => (ending === "cancelRun" ? cancel() : controller.abort(new Error("stop"))));
  };
  const hooks = noting(noted, runIds, behaviour);
  const component = stageOf(cell, { db, hooks, controller, whenStuck, isReady: () => isReady });
  cancel = () => {
    const [runId = ""] = [...runIds].slice(-1);
    void component.cancelRun({ runId });
  };
  const paused = continues(call) ? await component.run("Do it", { sessionId: "s" }) : null;
  const before = noted.length;
  [isReady, isFull] = [true, ending.endsWith("storage error")];
  const options = { sessionId: "s", signal: controller.signal };
  const approvals = [{ toolCallId: "c1", approved: true }];
  const running = async (): Promise<object> => {
    if (paused !== null && "continueRun" in component) {
      const given = { ...options, runId: paused.runId, approvals };
      return call === "continueRun" ? component.continueRun(given) : (await component.continueStream(given)).result;
    }
    if (call === "run") {
      return component.run("Do it", options);
    }
    const stream = await component.stream("Do it", options);
    if (Symbol.asyncIterator in stream) {
      await stream[Symbol.asyncIterator]().next();
    }
    return stream.result;
  };
  const outcome = await running().then(
    (result) => ({ status: (result as { status: string }).status }),
    (error: unknown) => ({ error: (error as { code?: string }).code ?? String(error) }),
  );
  isFull = false;
  await vi.waitFor(() => expect(noted.at(-1)?.[0]).toMatch(/^(end|error)$/));
  const { runs } = await db.getRuns({ sessionId: "s" });
  return { noted: noted.slice(before), outcome, stored: runs.map(({ status }) => status), runIds };
}

/** Errors name the run. */
function withoutIds(outcome: unknown): unknown {
  return JSON.parse(JSON.stringify(outcome).replaceAll(/[\da-f]{8}-[\da-f-]{27}/g, "id"));
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe.each(cells)("$kind, $call: $ending", (cell) => {
  test.each(behaviours)("is told once, by hooks that %s", async (behaviour) => {
    const warn = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
    await using db = await (localStores["memory"] as OpenStore)();
    const { noted, outcome, stored, runIds } = await told(cell, db, behaviour);
    expect(noted).toEqual(expected(cell));
    expect(runIds.size).toBe(1);
    // The hooks change nothing.
    await using other = await (localStores["memory"] as OpenStore)();
    const quiet = await told(cell, other, "return");
    expect({ outcome: withoutIds(outcome), stored }).toEqual({
      outcome: withoutIds(quiet.outcome),
      stored: quiet.stored,
    });
    const isBroken = behaviour === "throw" || behaviour === "reject";
    expect(warn.mock.calls.length > 0).toBe(isBroken);
    expect(JSON.stringify(warn.mock.calls)).not.toContain("The hook is broken.");
  });
});

test.each(Object.keys(localStores))(
  "onEnd is given the run as it is stored, and is called before run resolves: %s",
  async (store) => {
    await using db = await (localStores[store] as OpenStore)();
    const seen: unknown[] = [];
    const agent = new Agent({
      id: "a",
      db,
      model: scriptedModel(() => "Yes."),
      hooks: { onEnd: ({ run, context, component }) => seen.push(run, context.userId, component) },
    });
    const { runId, run } = await agent.run("Hi", { sessionId: "s", userId: "ada" });
    expect(seen).toEqual([run, "ada", { sessionType: "agent", id: "a", name: null }]);
    expect(seen[0]).toMatchObject({ runId, status: "COMPLETED", content: "Yes." });
    expect((await db.getRun({ runId }))?.status).toBe("COMPLETED");
  },
);

test("a call that is refused at once begins no run", async () => {
  await using db = await (localStores["memory"] as OpenStore)();
  const noted: Told[] = [];
  const hooks = noting(noted, new Set(), "return");
  const agent = new Agent({ db, model: scriptedModel(() => "Yes."), hooks });
  await agent.run("Hi", { sessionId: "s", userId: "ada" });
  noted.length = 0;
  await expect(agent.run("Hi", { sessionId: "s", userId: "eve" })).rejects.toMatchObject({ code: "SESSION_OWNERSHIP" });
  await expect(agent.continueRun({ sessionId: "s", userId: "ada", runId: "none", approvals: [] })).rejects.toThrow(
    "runId",
  );
  expect(noted).toEqual([]);
});

test("hooks of the leader and of its member are told of their own runs", async () => {
  const seen: unknown[] = [];
  const hooks: RunHooks = {
    onStart: ({ component, parentRunId }) => seen.push(["start", component.id, parentRunId === null]),
    onTool: ({ component, call }) => seen.push(["tool", component.id, call.toolName]),
    onEnd: ({ component }) => seen.push(["end", component.id]),
  };
  const member = new Agent({ id: "a", model: scriptedModel(() => "Helped."), hooks });
  const model = scriptedModel((_call, index) => (index === 0 ? delegates : "Led."));
  await new Team({ id: "t", model, members: [member], hooks }).run("Do it");
  expect(seen).toEqual([
    ["start", "t", true],
    ["start", "a", false],
    ["end", "a"],
    ["tool", "t", "delegate_task_to_member"],
    ["end", "t"],
  ]);
});

test("idle waits for hooks, and waitUntil takes them", async () => {
  const seen: string[] = [];
  const work: Promise<unknown>[] = [];
  const agent = new Agent({
    model: scriptedModel(() => "Yes."),
    waitUntil: (promise) => void work.push(promise),
    hooks: {
      onEnd: async () => {
        await delay(20);
        seen.push("end");
      },
    },
  });
  await agent.run("Hi");
  expect([seen, work.length]).toEqual([[], 1]);
  await agent.idle();
  expect(seen).toEqual(["end"]);
});

test.each([
  [{ onFinish: () => {} }, "hooks.onFinish"],
  [{ onEnd: true }, "hooks.onEnd"],
  [[], "hooks"],
])("hooks: %o are refused", (hooks, argument) => {
  expect(() => new Agent({ model: "test/model", hooks: hooks as RunHooks })).toThrow(
    expect.objectContaining({ code: "INVALID_ARGUMENT", argument }),
  );
});

test("hooks and guardrails have the types of the agent", () => {
  const sessionStateSchema = z.object({ visits: z.number().default(0) });
  const agent = new Agent({
    model: "test/model",
    sessionStateSchema,
    tools: { now: tool({ inputSchema: z.object({}), execute: () => "noon" }) },
    hooks: {
      onEnd: ({ context }) => expectTypeOf(context.sessionState.visits).toEqualTypeOf<number>(),
      onStep: ({ step }) => expectTypeOf(step.finishReason).toExtend<string>(),
    },
    inputGuardrails: [
      ({ context, text }) => {
        expectTypeOf(context.sessionState.visits).toEqualTypeOf<number>();
        return text === "" ? "Say something." : null;
      },
    ],
  });
  expectTypeOf<Awaited<ReturnType<typeof agent.run>>["sessionState"]>().toEqualTypeOf<{ visits: number }>();
  expect(agent.id).toBe("agent");
});
