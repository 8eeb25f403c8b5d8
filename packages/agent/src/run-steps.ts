import type { AgentRun, JsonObject, Metrics, TeamRun } from "@sessiondb/core";
import { isJsonObject } from "@sessiondb/core/adapter";
import type { FinishReason, LanguageModelUsage, StepResult, ToolSet } from "ai";
import { countsOf, totalUsage, usageOf } from "./metrics.ts";
import type { ToolCall } from "./tool-calls.ts";

interface Step {
  /** What the model said. */
  readonly text: string;
  /** The id of the model. */
  readonly model: string;
  /** Why the model ended the step; null if it did not: the run failed or was cancelled before. */
  readonly finishReason: FinishReason | null;
  /** Undefined where the provider does not count. */
  readonly usage: LanguageModelUsage;
}

/** A step of a run: one answer of the model, with the calls of tools in it. */
export type RunStep<Tools extends ToolSet = ToolSet> = Step & {
  /** The calls of this step among those of the run. */
  readonly toolCalls: readonly ToolCall<Tools>[];
};

/** A step with the ids of its calls. */
export interface StepOutline extends Step {
  readonly toolCallIds: readonly string[];
}

export function outlineOf({ text, model, finishReason, toolCalls, usage }: StepResult<ToolSet>): StepOutline {
  const toolCallIds = toolCalls.map(({ toolCallId }) => toolCallId);
  return { text, model: model.modelId, finishReason, toolCallIds, usage: totalUsage([usage]) };
}

/** Returns steps with their calls. */
export function stepsWith(calls: readonly ToolCall[], steps: readonly StepOutline[]): RunStep[] {
  return steps.map(({ toolCallIds, ...step }) => ({
    ...step,
    toolCalls: calls.filter(({ toolCallId }) => toolCallIds.includes(toolCallId)),
  }));
}

/** Returns steps as they are stored with a run of this content and model: without what both say already. */
export function storedSteps(
  steps: readonly StepOutline[],
  { content, model }: Pick<AgentRun, "content" | "model">,
): JsonObject[] {
  return steps.map((step, index) => ({
    ...(step.finishReason !== null && { finish_reason: step.finishReason }),
    ...(step.model !== model && { model: step.model }),
    ...(step.text !== (index === steps.length - 1 ? content : "") && { text: step.text }),
    ...(step.toolCallIds.length > 0 && { tool_call_ids: [...step.toolCallIds] }),
    ...countsOf(step.usage),
  }));
}

/** Returns the steps of a stored run; none of one that Agno ran. */
export function stepsOf(run: AgentRun | TeamRun): StepOutline[] {
  const { steps, finish_reason: finishReason = null } = run.modelProviderData ?? {};
  if (!Array.isArray(steps)) {
    const toolCallIds = (run.tools ?? []).flatMap(({ toolCallId }) => toolCallId ?? []);
    const usage = usageOf(run.metrics ?? {});
    const only = { text: textOf(run), model: run.model ?? "", toolCallIds, usage };
    return isReason(finishReason) ? [{ ...only, finishReason }] : [];
  }
  const stored = steps.filter(isJsonObject);
  return stored.map((step, index) => {
    const { finish_reason: reason, model, text, tool_call_ids: ids } = step;
    return {
      text: typeof text === "string" ? text : index === stored.length - 1 ? textOf(run) : "",
      model: typeof model === "string" ? model : (run.model ?? ""),
      finishReason: isReason(reason) ? reason : null,
      toolCallIds: Array.isArray(ids) ? ids.filter((id) => typeof id === "string") : [],
      usage: usageOf(metricsIn(step)),
    };
  });
}

/** Returns a provider's data of a run without what was said in the steps after the newest one with any of these calls. */
export function withoutStepTexts(data: JsonObject, calls: ReadonlySet<string | null>): JsonObject {
  const { steps } = data;
  if (!Array.isArray(steps)) {
    return data;
  }
  const last = steps.findLastIndex((step) => {
    const ids = isJsonObject(step) ? step["tool_call_ids"] : null;
    return Array.isArray(ids) && ids.some((id) => typeof id === "string" && calls.has(id));
  });
  return {
    ...data,
    steps: steps.map((step, index) => (index > last && isJsonObject(step) ? { ...step, text: "" } : step)),
  };
}

function textOf({ content }: AgentRun | TeamRun): string {
  return typeof content === "string" ? content : "";
}

function isReason(value: unknown): value is FinishReason {
  return typeof value === "string";
}

function metricsIn(step: JsonObject): Metrics {
  const count = (name: string): number | null => (typeof step[name] === "number" ? step[name] : null);
  return {
    inputTokens: count("input_tokens"),
    outputTokens: count("output_tokens"),
    totalTokens: count("total_tokens"),
    cacheReadTokens: count("cache_read_tokens"),
    cacheWriteTokens: count("cache_write_tokens"),
    reasoningTokens: count("reasoning_tokens"),
  };
}
