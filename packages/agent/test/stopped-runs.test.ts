import type { SessionDb } from "@sessiondb/core";
import { jsonSchema, tool } from "ai";
import { describe, expect, test, vi } from "vitest";
import { Agent, SessionSummaryManager, Team, type ModelComponentOptions } from "@sessiondb/agent";
import { scriptedModel, shown, type Answer } from "@sessiondb/testing/scripted-model";
import { localStores, type OpenStore } from "./support/stores.ts";
import { wordsIn, wordSummaries } from "./support/word-summaries.ts";

type Prompt = ReturnType<typeof scriptedModel>["prompts"][number];

const input = jsonSchema<object>({ type: "object" });
const look: Answer = { calls: [{ name: "look", id: "c1" }], text: "I look." };
const pay: Answer = { calls: [{ name: "pay", id: "c1" }], text: "I pay." };
const overloaded = new Error("overloaded");

/** How a run stops: the answers of its model until then, what is kept of them, and whether the test stops it itself. */
interface Stop {
  readonly answers: readonly Answer[];
  readonly kept: readonly string[];
  readonly by?: "signal" | "cancelRun" | "a dead process";
  readonly streamed?: boolean;
}

const stops: Readonly<Record<string, Stop>> = {
  "the model fails at once": { answers: [overloaded], kept: ["assistant: (The answer was stopped.)"] },
  "the model fails in its answer": {
    answers: [{ failsAfter: "Half an", error: overloaded }],
    kept: ["assistant: Half an"],
    streamed: true,
  },
  "the model fails after a tool": {
    answers: [look, overloaded],
    kept: ["assistant: I look. tool-call", "tool: tool-result", "assistant: (The answer was stopped.)"],
  },
  "a signal aborts in its answer": {
    answers: [{ stuckAfter: "Half an" }],
    kept: ["assistant: Half an"],
    by: "signal",
    streamed: true,
  },
  "a signal aborts after its thoughts": {
    answers: [
      {
        content: [
          { type: "reasoning", text: "Hm" },
          { type: "tool-call", toolCallId: "c1", toolName: "wait", input: "{}" },
        ],
      },
    ],
    kept: ["assistant: (The answer was stopped.)"],
    by: "signal",
  },
  "a signal aborts in a tool": {
    answers: [{ calls: [{ name: "wait", id: "c1" }], text: "I wait." }],
    kept: ["assistant: I wait."],
    by: "signal",
  },
  "somebody cancels its pause": { answers: [pay], kept: ["assistant: I pay."], by: "cancelRun" },
  "its process dies": {
    answers: [look, { stuckAfter: "" }],
    kept: ["assistant: I look. tool-call", "tool: tool-result", "assistant: (The answer was stopped.)"],
    by: "a dead process",
    streamed: true,
  },
};

const kinds = {
  agent: (options: ModelComponentOptions) => new Agent(options),
  team: (options: ModelComponentOptions) =>
    new Team({ ...options, members: [new Agent({ id: "idle", model: scriptedModel([]) })] }),
};
const kindNames = ["agent", "team"] as const;

interface Stage {
  readonly kind: keyof typeof kinds;
  readonly db: SessionDb;
}

function componentOf({ kind, db }: Stage, script: readonly Answer[], more: Partial<ModelComponentOptions> = {}) {
  const controller = new AbortController();
  const abort = (): void => controller.abort(new Error("stop"));
  const model = scriptedModel((_call, index) => {
    const answer = script[index] ?? "Yes.";
    if (typeof answer === "object" && "stuckAfter" in answer) {
      setTimeout(abort, 20);
    }
    return answer;
  });
  const tools = {
    look: tool({ inputSchema: input, execute: () => "seen" }),
    pay: tool({ inputSchema: input, needsApproval: true, execute: () => "Paid" }),
    wait: tool({
      inputSchema: input,
      execute: async () => {
        setTimeout(abort, 5);
        await new Promise((resolve) => setTimeout(resolve, 50));
        return "waited";
      },
    }),
  };
  const generation = { maxRetries: 0 };
  const component = kinds[kind]({ id: "one", model, db, sessionId: "s", tools, generation, ...more });
  return { component, model, signal: controller.signal };
}

/** Has a turn that stops. */
async function stopped(stage: Stage, { answers, by, streamed = false }: Stop, text: string): Promise<void> {
  const { component, signal } = componentOf(stage, answers);
  const options = by === "signal" ? { signal } : {};
  if (by === "a dead process") {
    const { runId } = await component.stream(text);
    await vi.waitUntil(async () => JSON.stringify(await stage.db.getRun({ runId })).includes("seen"), { interval: 1 });
    const longAgo = { sessiondb_running_since: 1, sessiondb_lease_until: 2 };
    await stage.db.updateRun({ runId }, (run) => ({ ...run, extra: { ...run.extra, ...longAgo } }));
    return;
  }
  const running = streamed
    ? component.stream(text, options).then((stream) => stream.result)
    : component.run(text, options);
  const result = await running.catch(() => null);
  if (by === "cancelRun") {
    await component.cancelRun({ runId: result?.runId ?? "" });
  }
}

const withoutSystem = (prompt: Prompt = []): string[] =>
  shown(prompt).filter((message) => !message.startsWith("system:"));

/** What every provider accepts: the user begins, each call has its result at once, and no role comes twice in a row. */
function expectValid(prompt: Prompt): void {
  const messages = prompt.filter(({ role }) => role !== "system");
  expect(messages[0]?.role).toBe("user");
  for (const [index, { role, content }] of messages.entries()) {
    const next = messages[index + 1];
    expect(next?.role).not.toBe(role);
    const calls = role === "assistant" ? content.filter(({ type }) => type === "tool-call") : [];
    expect(next?.role === "tool").toBe(calls.length > 0);
    expect(role === "assistant" && content.every(({ type }) => type === "reasoning")).toBe(false);
  }
  expect(messages.at(-1)?.role).toBe("user");
}

const cases = kindNames.flatMap((kind) =>
  Object.keys(localStores).flatMap((store) =>
    Object.keys(stops).flatMap((stop) => [true, false].map((option) => ({ kind, store, stop, option }))),
  ),
);

describe.each(cases)("$kind, $store: $stop; stopped runs are history: $option", ({ kind, store, stop, option }) => {
  test("the next turn is shown what was said, or nothing of it", async () => {
    await using db = await (localStores[store] as OpenStore)();
    const stage = { kind, db };
    const given = stops[stop] as Stop;
    await componentOf(stage, ["Hello."]).component.run("Hi");
    await stopped(stage, given, "Do it");
    const { component, model } = componentOf(stage, [], { addStoppedRunsToContext: option });
    const isDead = given.by === "a dead process";
    if (isDead) {
      // This turn closes the run, and is not shown it.
      await component.run("Go on");
    }
    await component.run("Shorter");
    const prompt = model.prompts.at(-1) as Prompt;
    expectValid(prompt);
    const later = isDead ? ["user: Go on", "assistant: Yes."] : [];
    expect(withoutSystem(prompt)).toEqual([
      "user: Hi",
      "assistant: Hello.",
      ...(option ? ["user: Do it", ...given.kept] : []),
      ...later,
      "user: Shorter",
    ]);
  });
});

test.each(kindNames)("the limits of a history count stopped runs: %s", async (kind) => {
  await using db = await (localStores["memory"] as OpenStore)();
  const stage = { kind, db };
  for (const index of [1, 2, 3]) {
    await componentOf(stage, [`Hello ${index}.`]).component.run(`Hi ${index}`);
    await stopped(stage, { answers: [overloaded], kept: [] }, `Fail ${index}`);
  }
  const turns = [1, 2, 3].flatMap((index) => [
    [`user: Hi ${index}`, `assistant: Hello ${index}.`],
    [`user: Fail ${index}`, "assistant: (The answer was stopped.)"],
  ]);
  const limits: readonly (readonly [Partial<ModelComponentOptions>, number])[] = [
    [{}, 6],
    [{ numHistoryRuns: 3 }, 3],
    [{ numHistoryRuns: 0 }, 0],
    [{ numHistoryMessages: 4 }, 2],
    [{ numHistoryMessages: 3 }, 1],
    [{ maxHistoryTokens: 40 }, 2],
    [{ countTokens: (messages) => messages.length, maxHistoryTokens: 8 }, 4],
  ];
  for (const [limit, count] of limits) {
    const more = { addStoppedRunsToContext: true, sessionStorage: true, ...limit };
    // Nothing of these turns may be stored, or the next limit would have another history.
    const { component, model } = componentOf({ kind, db: unwritten(db) }, [], more);
    await component.run("Next");
    const expected = count === 0 ? [] : turns.slice(-count).flat();
    expect([limit, ...withoutSystem(model.prompts[0])]).toEqual([limit, ...expected, "user: Next"]);
  }
});

/** A store that takes what is written for stored. */
function unwritten(db: SessionDb): SessionDb {
  return new Proxy(db, {
    get: (target, name) => {
      const member: unknown = Reflect.get(target, name, target);
      return name === "upsertRun"
        ? async () => ({ stored: true, deletedRuns: 0 })
        : typeof member === "function"
          ? (member.bind(target) as unknown)
          : member;
    },
  });
}

test.each(kindNames)("a run that goes on is not shown itself as history: %s", async (kind) => {
  await using db = await (localStores["memory"] as OpenStore)();
  const { component, model } = componentOf({ kind, db }, [pay, overloaded, "Done."], { addStoppedRunsToContext: true });
  const { runId } = await component.run("Pay");
  const approvals = [{ toolCallId: "c1", approved: true }];
  const options = { runId, sessionId: "s" };
  await expect(component.continueRun({ ...options, approvals })).rejects.toThrow("overloaded");
  await component.continueRun({ ...options, approvals: [] });
  expect(withoutSystem(model.prompts.at(-1)).filter((message) => message === "user: Pay")).toHaveLength(1);
});

describe.each(kindNames)("%s: with summaries", (kind) => {
  test.each([true, false])("nothing of a stopped run falls between; covered runs are shown: %s", async (covered) => {
    await using db = await (localStores["sqlite"] as OpenStore)();
    const sessionSummaryManager = new SessionSummaryManager({ model: wordSummaries(), every: 3 });
    const more = {
      sessionSummaryManager,
      awaitSummaries: true,
      addStoppedRunsToContext: true,
      addSummarizedRunsToContext: covered,
      numHistoryRuns: 2,
    };
    const told: string[] = [];
    for (let index = 0; index < 14; index += 1) {
      const isStopped = index % 3 === 1;
      const { component, model } = componentOf({ kind, db }, isStopped ? [overloaded] : [], more);
      await component.run(`#w${index}`).catch(() => null);
      const prompt = model.prompts[0] ?? [];
      expectValid(prompt);
      // Every word is in the summary or in the history.
      const seen = new Set(shown(prompt).slice(0, -1).flatMap(wordsIn));
      expect(told.filter((word) => !seen.has(word))).toEqual([]);
      const all = shown(prompt).slice(0, -1).flatMap(wordsIn);
      expect(covered ? 0 : all.length - seen.size).toBe(0);
      told.push(`w${index}`);
    }
  });
});
