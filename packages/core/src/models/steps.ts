import type { JsonObject, JsonValue } from "../json.ts";
import { stepOutputKeys } from "./agno-reads.ts";
import { mediaLists, type Media } from "./media.ts";
import { metricsShape, type Metrics } from "./metrics.ts";
import { lazy, Shape } from "./shape.ts";

/** The output of one step of a workflow. */
export interface StepOutput {
  content?: JsonValue;
  stepName?: string | null;
  stepId?: string | null;
  /** `Step`, `Steps`, `Loop`, `Parallel`, `Condition`, `Router`, `Function` or `Workflow`. */
  stepType?: string | null;
  /** `agent`, `team` or `function`. */
  executorType?: string | null;
  executorName?: string | null;
  /** The run of the agent or team that made the output. */
  stepRunId?: string | null;
  images?: Media[] | null;
  videos?: Media[] | null;
  audio?: Media[] | null;
  files?: Media[] | null;
  metrics?: Metrics | null;
  success?: boolean | null;
  error?: string | null;
  stop?: boolean | null;
  isPaused?: boolean | null;
  /** The outputs of the steps inside this step. */
  steps?: StepOutput[] | null;
  extra?: JsonObject;
}

export const stepOutputShape: Shape<StepOutput> = new Shape<StepOutput>(
  {
    content: "json",
    step_name: "string",
    step_id: "string",
    step_type: "string",
    executor_type: "string",
    executor_name: "string",
    step_run_id: "string",
    ...mediaLists,
    metrics: metricsShape,
    success: "boolean",
    error: "string",
    stop: "boolean",
    is_paused: "boolean",
    steps: { listOf: lazy(() => stepOutputShape) },
  },
  { reads: stepOutputKeys },
);
