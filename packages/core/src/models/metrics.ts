import type { JsonObject } from "../json.ts";
import { metricsKeys, stepMetricsKeys, workflowMetricsKeys } from "./agno-reads.ts";
import { Shape } from "./shape.ts";

/** Tokens, cost and times of a message, of a run, or of a whole session. Agno leaves out what is zero. */
export interface Metrics {
  inputTokens?: number | null;
  outputTokens?: number | null;
  totalTokens?: number | null;
  audioInputTokens?: number | null;
  audioOutputTokens?: number | null;
  audioTotalTokens?: number | null;
  cacheReadTokens?: number | null;
  cacheWriteTokens?: number | null;
  reasoningTokens?: number | null;
  cost?: number | null;
  /** Seconds. */
  duration?: number | null;
  /** Seconds. */
  timeToFirstToken?: number | null;
  /** Messages: further figures from the provider, under its own keys. */
  providerMetrics?: JsonObject | null;
  /** Runs and sessions: the list of models with their tokens, for each use of a model (`model`, `memory_model` …). */
  details?: JsonObject | null;
  additionalMetrics?: JsonObject | null;
  extra?: JsonObject;
}

export const metricsShape = new Shape<Metrics>(
  {
    input_tokens: "number",
    output_tokens: "number",
    total_tokens: "number",
    audio_input_tokens: "number",
    audio_output_tokens: "number",
    audio_total_tokens: "number",
    cache_read_tokens: "number",
    cache_write_tokens: "number",
    reasoning_tokens: "number",
    cost: "number",
    duration: "number",
    time_to_first_token: "number",
    provider_metrics: "object",
    details: "object",
    additional_metrics: "object",
  },
  { reads: metricsKeys },
);

/** The times of a tool call. */
export interface ToolMetrics {
  /** Unix seconds, with a fraction. */
  startTime?: number | null;
  /** Unix seconds, with a fraction. */
  endTime?: number | null;
  /** Seconds. */
  duration?: number | null;
  extra?: JsonObject;
}

export const toolMetricsShape = new Shape<ToolMetrics>({
  start_time: "number",
  end_time: "number",
  duration: "number",
});

/** The metrics of one step of a workflow run. */
export interface StepMetrics {
  stepName?: string | null;
  /** `agent`, `team` or `function`. */
  executorType?: string | null;
  executorName?: string | null;
  metrics?: Metrics | null;
  extra?: JsonObject;
}

const stepMetricsShape = new Shape<StepMetrics>(
  {
    step_name: "string",
    executor_type: "string",
    executor_name: "string",
    metrics: metricsShape,
  },
  { reads: stepMetricsKeys, needed: { step_name: absent, executor_type: absent, executor_name: absent } },
);

function absent(): null {
  return null;
}

export interface WorkflowMetrics {
  /** By step name. Agno requires it, so an empty object is stored when it is absent. */
  steps?: Record<string, StepMetrics> | null;
  /** Seconds. */
  duration?: number | null;
  extra?: JsonObject;
}

export const workflowMetricsShape = new Shape<WorkflowMetrics>(
  {
    steps: { mapOf: stepMetricsShape },
    duration: "number",
  },
  { reads: workflowMetricsKeys, needed: { steps: () => ({}) } },
);
