import { Agent, Team, type GenerationStatus, type RunResult } from "@sessiondb/agent";
import { type AgentRun, type SessionDb, type TeamRun } from "@sessiondb/core";
import { scriptedModel, type Answer } from "@sessiondb/testing/scripted-model";
import { jsonSchema, tool, type ToolSet } from "ai";
import { describe, expect, test } from "vitest";
import { sourcesOf } from "../../src/run-sources.ts";
import { stepsOf } from "../../src/run-steps.ts";
import type { OpenStore } from "./stores.ts";

// Steps, finish reason, tokens and sources of a run: the same in the result and in the stored run, however the run ended.

const kinds = ["agent", "team"] as const;
const calls = ["run", "stream"] as const;

const input = jsonSchema<object>({ type: "object" });
export const url = {
  type: "source" as const,
  sourceType: "url" as const,
  id: "u1",
  url: "https://tea.example/",
  title: "Tea",
};
const document = {
  type: "source" as const,
  sourceType: "document" as const,
  id: "d1",
  mediaType: "application/pdf",
  title: "Book",
  filename: "tea.pdf",
  providerMetadata: { test: { page: 3 } },
};
const untitled = { type: "source" as const, sourceType: "url" as const, id: "u2", url: "https://milk.example/" };
const call = (toolName: string, toolCallId: string) => ({
  type: "tool-call" as const,
  toolCallId,
  toolName,
  input: "{}",
});
const text = (said: string) => ({ type: "text" as const, text: said });

const usage = {
  inputTokens: { total: 10, noCache: 3, cacheRead: 6, cacheWrite: 1 },
  outputTokens: { total: 5, text: 3, reasoning: 2 },
};
const perStep = {
  inputTokens: 10,
  inputTokenDetails: { noCacheTokens: 3, cacheReadTokens: 6, cacheWriteTokens: 1 },
  outputTokens: 5,
  outputTokenDetails: { textTokens: 3, reasoningTokens: 2 },
  totalTokens: 15,
};
const nothing = {
  inputTokens: undefined,
  inputTokenDetails: { noCacheTokens: undefined, cacheReadTokens: undefined, cacheWriteTokens: undefined },
  outputTokens: undefined,
  outputTokenDetails: { textTokens: undefined, reasoningTokens: undefined },
  totalTokens: undefined,
};
function times(count: number) {
  return {
    inputTokens: 10 * count,
    inputTokenDetails: { noCacheTokens: 3 * count, cacheReadTokens: 6 * count, cacheWriteTokens: count },
    outputTokens: 5 * count,
    outputTokenDetails: { textTokens: 3 * count, reasoningTokens: 2 * count },
    totalTokens: 15 * count,
  };
}

/** A scripted model that counts all kinds of tokens, and that ends an answer that has the word "cut" for its length. */
function countingModel(script: readonly Answer[]) {
  const model = scriptedModel(script);
  const [generate, stream] = [model.doGenerate.bind(model), model.doStream.bind(model)];
  const reason = (said: string) => (said.includes("cut") ? { unified: "length" as const, raw: undefined } : null);
  return Object.assign(model, {
    doGenerate: async (options: Parameters<typeof generate>[0]) => {
      const answer = await generate(options);
      const said = answer.content.map((part) => (part.type === "text" ? part.text : "")).join("");
      return { ...answer, usage, finishReason: reason(said) ?? answer.finishReason };
    },
    doStream: async (options: Parameters<typeof stream>[0]) => {
      let said = "";
      const { stream: parts, ...rest } = await stream(options);
      const counted = new TransformStream({
        transform: (part: { type: string; delta?: string; finishReason?: unknown }, controller) => {
          said += part.type === "text-delta" ? part.delta : "";
          controller.enqueue(
            part.type === "finish" ? { ...part, usage, finishReason: reason(said) ?? part.finishReason } : part,
          );
        },
      });
      return { ...rest, stream: parts.pipeThrough(counted) as typeof parts };
    },
  });
}

interface Ended {
  readonly status: GenerationStatus;
  readonly finishReason: string | null;
  /** The text, the ids of the calls and the reason of each step. */
  readonly steps: readonly (readonly [text: string, calls: readonly string[], reason: string | null])[];
  /** The number of steps whose tokens are known. */
  readonly counted: number;
  readonly sources?: readonly object[];
}

interface Case {
  readonly script: readonly Answer[];
  /** The answers after the pause. */
  readonly goesOn?: readonly Answer[];
  readonly ended: Ended;
}

const cases: Readonly<Record<string, Case>> = {
  "an answer": {
    script: ["Yes."],
    ended: { status: "COMPLETED", finishReason: "stop", steps: [["Yes.", [], "stop"]], counted: 1 },
  },
  "an answer that was cut off": {
    script: ["It was cut"],
    ended: { status: "COMPLETED", finishReason: "length", steps: [["It was cut", [], "length"]], counted: 1 },
  },
  "an answer without text": {
    script: [{ content: [] }],
    ended: { status: "COMPLETED", finishReason: "stop", steps: [["", [], "stop"]], counted: 1 },
  },
  "steps with tools and sources": {
    script: [
      { content: [text("I look. "), url, call("look", "c1"), call("look", "c2")] },
      { content: [document, call("look", "c3")] },
      { content: [text("Seen."), untitled] },
    ],
    ended: {
      status: "COMPLETED",
      finishReason: "stop",
      steps: [
        ["I look. ", ["c1", "c2"], "tool-calls"],
        ["", ["c3"], "tool-calls"],
        ["Seen.", [], "stop"],
      ],
      counted: 3,
      sources: [url, document, untitled],
    },
  },
  "a pause": {
    script: [
      { content: [text("I look. "), url, call("look", "c1")] },
      { content: [text("May I?"), call("pay", "c2")] },
    ],
    ended: {
      status: "PAUSED",
      finishReason: "tool-calls",
      steps: [
        ["I look. ", ["c1"], "tool-calls"],
        ["May I?", ["c2"], "tool-calls"],
      ],
      counted: 2,
      sources: [url],
    },
  },
  "a run that went on": {
    script: [{ content: [text("May I?"), url, call("pay", "c1")] }],
    goesOn: [{ content: [document, call("look", "c2")] }, "Paid."],
    ended: {
      status: "COMPLETED",
      finishReason: "stop",
      steps: [
        ["May I?", ["c1"], "tool-calls"],
        ["", ["c2"], "tool-calls"],
        ["Paid.", [], "stop"],
      ],
      counted: 3,
      sources: [url, document],
    },
  },
  "a run that went on and paused again": {
    script: [{ content: [text("May I?"), call("pay", "c1")] }],
    goesOn: [{ content: [text("And now?"), call("pay", "c2")] }],
    ended: {
      status: "PAUSED",
      finishReason: "tool-calls",
      steps: [
        ["May I?", ["c1"], "tool-calls"],
        ["And now?", ["c2"], "tool-calls"],
      ],
      counted: 2,
    },
  },
  "a run that went on and failed at once": {
    script: [{ content: [text("May I?"), url, call("pay", "c1")] }],
    goesOn: [new Error("overloaded")],
    ended: {
      status: "ERROR",
      finishReason: null,
      steps: [["May I?", ["c1"], "tool-calls"]],
      counted: 1,
      sources: [url],
    },
  },
  "a model that fails at once": {
    script: [new Error("overloaded")],
    ended: { status: "ERROR", finishReason: null, steps: [], counted: 0 },
  },
  "a model that fails in its second step": {
    script: [{ content: [url, call("look", "c1")] }, new Error("overloaded")],
    ended: {
      status: "ERROR",
      finishReason: null,
      steps: [["", ["c1"], "tool-calls"]],
      counted: 1,
      sources: [url],
    },
  },
  "a run that is cancelled in a tool": {
    script: [
      { content: [text("I look. "), url, call("look", "c1")] },
      { content: [text("I wait. "), call("hang", "c2")] },
    ],
    ended: {
      status: "CANCELLED",
      finishReason: null,
      steps: [
        ["I look. ", ["c1"], "tool-calls"],
        ["I wait. ", ["c2"], null],
      ],
      counted: 2,
      sources: [url],
    },
  },
  "a run that is cancelled in its first tool": {
    script: [{ content: [text("I wait. "), document, call("hang", "c1")] }],
    ended: {
      status: "CANCELLED",
      finishReason: null,
      steps: [["I wait. ", ["c1"], null]],
      counted: 1,
      sources: [document],
    },
  },
};

interface Setting {
  readonly kind: (typeof kinds)[number];
  readonly db: SessionDb;
  readonly abort?: () => void;
}

export function componentOf({ kind, db, abort = () => {} }: Setting, ...script: readonly Answer[]) {
  const tools: ToolSet = {
    look: tool({ inputSchema: input, execute: () => "Seen." }),
    pay: tool({ inputSchema: input, needsApproval: true, execute: () => "Paid." }),
    hang: tool({
      inputSchema: input,
      execute: () => {
        setTimeout(abort, 1);
        return new Promise<string>(() => {});
      },
    }),
  };
  const common = { id: "one", db, model: countingModel(script), tools, generation: { maxRetries: 0 } };
  return kind === "agent"
    ? new Agent(common)
    : new Team({ ...common, members: [new Agent({ id: "member", model: scriptedModel([]) })] });
}

async function outcomeOf(result: Promise<RunResult>): Promise<RunResult | null> {
  return result.catch(() => null);
}

/** Does what a case says, each time in a process of its own. Returns the result; null if the run rejected. */
async function outcome(
  db: SessionDb,
  [kind, by]: readonly [(typeof kinds)[number], (typeof calls)[number]],
  { script, goesOn }: Case,
): Promise<RunResult | null> {
  const controller = new AbortController();
  const { signal } = controller;
  const first = componentOf({ kind, db, abort: () => controller.abort() }, ...script);
  const at = { sessionId: "s", signal };
  const result = await outcomeOf(
    by === "run" ? first.run("Go", at) : first.stream("Go", at).then((each) => each.result),
  );
  if (goesOn === undefined || result === null) {
    return result;
  }
  const { runId } = result;
  const approvals = result.pendingApprovals.map(({ toolCallId }) => ({ toolCallId, approved: true }));
  const again = componentOf({ kind, db }, ...goesOn);
  const options = { ...at, runId, approvals };
  return outcomeOf(
    by === "run" ? again.continueRun(options) : again.continueStream(options).then((each) => each.result),
  );
}

export async function storedRun(db: SessionDb): Promise<AgentRun | TeamRun> {
  const run = (await db.getSession({ sessionId: "s" }))?.runs[0];
  if (run === undefined || run.runType === "workflow") {
    throw new Error("There is no run");
  }
  return run;
}

/** What a result tells of its run, with the ids of the calls of each step. */
function seen({ status, finishReason, sources, usage: tokens, steps, toolCalls, run }: RunResult) {
  const outlines = steps.map(({ toolCalls: ofStep, ...step }) => ({
    ...step,
    toolCallIds: ofStep.filter((each) => toolCalls.includes(each)).map(({ toolCallId }) => toolCallId),
  }));
  const { modelProviderData } = run;
  return { status, finishReason, sources, usage: tokens, steps: outlines, modelProviderData };
}

/** The cases of every end of a run, for one kind of store. */
export function describeRunSteps(open: OpenStore): void {
  describe.each(kinds.flatMap((kind) => calls.map((by) => [kind, by] as const)))("%s, %s", (kind, by) => {
    test.each(Object.entries(cases))("%s", async (_name, each) => {
      await using db = await open();
      const { status, finishReason, steps, counted, sources = [] } = each.ended;
      const result = await outcome(db, [kind, by], each);
      const run = await storedRun(db);

      expect(run).toMatchObject({ status });
      expect(run.modelProviderData?.["finish_reason"] ?? null).toBe(finishReason);
      expect(sourcesOf(run)).toEqual(sources);
      const tokens = run.metrics ?? {};
      const { inputTokens = 0, outputTokens = 0, cacheReadTokens, cacheWriteTokens, reasoningTokens } = tokens;
      expect({ inputTokens, outputTokens, cacheReadTokens, cacheWriteTokens, reasoningTokens }).toEqual({
        inputTokens: 10 * counted,
        outputTokens: 5 * counted,
        cacheReadTokens: counted === 0 ? undefined : 6 * counted,
        cacheWriteTokens: counted === 0 ? undefined : counted,
        reasoningTokens: counted === 0 ? undefined : 2 * counted,
      });
      const outlines = steps.map(([said, toolCallIds, reason]) => ({
        text: said,
        toolCallIds,
        finishReason: reason,
        model: "scripted",
        usage: perStep,
      }));
      expect(stepsOf(run)).toEqual(outlines);

      const rejects = status === "ERROR" || (status === "CANCELLED" && by === "run");
      expect(result && seen(result)).toEqual(
        rejects
          ? null
          : {
              status,
              finishReason,
              sources,
              usage: counted === 0 ? nothing : times(counted),
              steps: outlines,
              modelProviderData: run.modelProviderData,
            },
      );
    });
  });
}
