import { InMemorySessionDb } from "@sessiondb/core";
import { Agent, MemoryManager, Team, Workflow } from "@sessiondb/agent";
import { scriptedModel, type Answer } from "@sessiondb/testing/scripted-model";
import { jsonSchema, tool } from "ai";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { obedientModel } from "./support/memory-models.ts";

// Node keeps a signal that depends on others for as long as somebody listens to it: a listener that is left behind by each
// turn is a leak of everything that the turn held.

/** The places that listen to the abort of a signal, by the signal and the listener. */
const listening = new Map<AbortSignal, Map<unknown, string>>();

beforeEach(() => {
  listening.clear();
  // oxlint-disable-next-line typescript/unbound-method -- They are applied to what they are called on.
  const { addEventListener, removeEventListener } = EventTarget.prototype;
  vi.spyOn(EventTarget.prototype, "addEventListener").mockImplementation(function add(this: EventTarget, ...args) {
    const [type, listener] = args;
    if (this instanceof AbortSignal && type === "abort") {
      const of = listening.get(this) ?? new Map<unknown, string>();
      listening.set(this, of.set(listener, new Error("listens").stack ?? ""));
    }
    addEventListener.apply(this, args);
  });
  vi.spyOn(EventTarget.prototype, "removeEventListener").mockImplementation(function remove(
    this: EventTarget,
    ...args
  ) {
    if (this instanceof AbortSignal && args[0] === "abort") {
      listening.get(this)?.delete(args[1]);
    }
    removeEventListener.apply(this, args);
  });
});
afterEach(() => vi.restoreAllMocks());

/** The listeners of this library that are left on signals that have not aborted. */
const left = (): string[] =>
  [...listening].flatMap(([signal, listeners]) =>
    signal.aborted
      ? []
      : [...listeners.values()].filter((stack) =>
          /packages\/(agent|turns|core)\/src/.test(stack.split("\n").slice(2, 5).join()),
        ),
  );

const acts: Answer = { calls: [{ name: "act", id: "c1" }] };
const act = tool({ inputSchema: jsonSchema<object>({ type: "object" }), execute: () => "Acted" });
const scripts: Readonly<Record<string, readonly Answer[]>> = {
  "an answer": ["Hi"],
  "a tool": [acts, "Done."],
  "an error": [acts, new Error("down")],
  "an answer that breaks off": [acts, { failsAfter: "Half", error: new Error("cut") }],
};

test.each(
  Object.keys(scripts).flatMap((script) =>
    (["run", "stream", "workflow", "team"] as const).map((call) => [call, script] as const),
  ),
)("%s with %s leaves no listener on a signal", async (call, script) => {
  const db = new InMemorySessionDb();
  const agent = new Agent({
    id: "one",
    model: scriptedModel(scripts[script] ?? []),
    db,
    tools: { act },
    generation: { maxRetries: 0, timeout: 60_000 },
    updateMemoryOnRun: true,
    memoryManager: new MemoryManager({ model: obedientModel() }),
    awaitMemories: true,
  });
  const delegates: Answer = {
    calls: [{ name: "delegate_task_to_member", id: "d", input: { member_id: "one", task: "Act" } }],
  };
  const { signal } = new AbortController();
  const options = { userId: "ada", signal };
  const work = {
    run: () => agent.run("remember: tea", options),
    stream: async () => (await agent.stream("remember: tea", options)).result,
    workflow: () => new Workflow({ db, steps: [agent] }).run("in", options),
    team: () => new Team({ db, model: scriptedModel([delegates, "Led."]), members: [agent] }).run("in", options),
  }[call];
  await work().catch(() => null);
  await agent.idle();
  expect(listening.size).toBeGreaterThan(0);
  expect(left()).toEqual([]);
});
