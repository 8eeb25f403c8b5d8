import type { JsonObject, JsonValue, Run, StepOutput, WorkflowRun } from "@sessiondb/core";
import { isJsonObject } from "@sessiondb/core/adapter";
import type { StepAnswer } from "./executor.ts";
import { textOf } from "./outside-values.ts";
import { isDone, isWaiting } from "./steps/stored-steps.ts";

/** A step that waits. */
export interface SuspendedStep {
  /** Names it to `continueRun`. */
  readonly stepId: string;
  /** The name of the step. */
  readonly name: string;
  /** The names of the steps around it, outermost first, and its own. */
  readonly path: readonly string[];
  /** What is asked: what the step suspended with, or the list of the calls for which its agent or team waits. */
  readonly payload: JsonValue;
}

interface Waiting extends SuspendedStep {
  /** The position of the workflow's own step that it is in. */
  readonly index: number;
  readonly output: StepOutput;
  /** The run of the agent or team that waits; null for a function. */
  readonly run: Run | null;
}

/**
 * Returns the steps of a run that wait, also those inside others, in the order of the workflow. Those of a run that was read
 * from the store, too.
 */
export function suspendedSteps(run: WorkflowRun): SuspendedStep[] {
  return waitingIn(run).map(({ stepId, name, path, payload }) => ({ stepId, name, path, payload }));
}

function waitingIn({ stepResults, stepExecutorRuns }: WorkflowRun): Waiting[] {
  const runs = new Map((stepExecutorRuns ?? []).map((run) => [run.runId, run]));
  const inside = (output: StepOutput, index: number, around: readonly string[]): Waiting[] => {
    const name = output.stepName ?? "";
    const path = [...around, name];
    if (output.steps) {
      return output.steps.flatMap((step) => inside(step, index, path));
    }
    const run = runs.get(output.stepRunId ?? "") ?? null;
    if (run?.runType === "workflow") {
      return isDone(output) ? [] : waitingIn(run).map((each) => ({ ...each, index, path: [...path, ...each.path] }));
    }
    return isWaiting(output)
      ? [{ stepId: output.stepId ?? "", name, path, payload: output.content ?? null, index, output, run }]
      : [];
  };
  return (stepResults ?? []).flatMap((output, index) => inside(output, index, []));
}

/** Returns the fields in which Agno keeps why a run waits. It finds the answers of earlier pauses there too. */
export function pauseFields(run: WorkflowRun): Partial<WorkflowRun> {
  const waiting = waitingIn(run);
  const listed = run.stepRequirements ?? [];
  const known = new Set(listed.map(stepIdOf));
  const added = waiting.filter(({ stepId }) => !known.has(stepId)).map((each) => requirementOf(each, run));
  const stepRequirements = [...listed, ...added];
  const [first] = run.status === "PAUSED" ? waiting : [];
  return {
    ...(stepRequirements.length > 0 && { stepRequirements }),
    ...(first !== undefined && {
      pausedStepIndex: first.index,
      pausedStepName: run.stepResults?.[first.index]?.stepName ?? null,
      pauseKind: first.run === null ? "step" : "executor",
    }),
  };
}

/** Returns a run that is about to go on: it no longer waits. */
export function withoutPause(run: WorkflowRun): WorkflowRun {
  const { content: _content, pausedStepIndex: _index, pausedStepName: _name, pauseKind: _kind, ...rest } = run;
  return rest;
}

/** Returns requirements with the answer to one of them, as Agno keeps it. */
export function answeredRequirements(
  requirements: readonly JsonValue[],
  { stepId, resumeData }: StepAnswer,
  executorRequirements: readonly JsonValue[] | null,
): JsonValue[] {
  return requirements.map((entry) =>
    !isJsonObject(entry) || stepIdOf(entry) !== stepId
      ? entry
      : executorRequirements === null
        ? {
            ...entry,
            // Agno takes an empty object for no answer.
            user_input:
              isJsonObject(resumeData) && Object.keys(resumeData).length > 0 ? resumeData : { value: resumeData },
          }
        : { ...entry, executor_requirements: [...executorRequirements] },
  );
}

function requirementOf({ stepId, name, index, output, payload, run }: Waiting, { sessionId }: WorkflowRun): JsonObject {
  return {
    step_id: stepId,
    step_name: name,
    step_index: index,
    step_type: output.stepType ?? null,
    requires_confirmation: false,
    confirmation_message: null,
    confirmed: null,
    on_reject: "cancel",
    requires_user_input: run === null,
    user_input_message: run === null && payload !== null ? textOf(payload) : null,
    user_input: null,
    requires_route_selection: false,
    available_choices: null,
    allow_multiple_selections: false,
    selected_choices: null,
    requires_output_review: false,
    output_review_message: null,
    is_post_execution: false,
    rejection_feedback: null,
    retry_count: 0,
    max_retries: null,
    timeout_at: null,
    on_timeout: "cancel",
    ...(run !== null && {
      requires_executor_input: true,
      executor_requirements: run.runType === "workflow" ? [] : [...(run.requirements ?? [])],
      executor_id: (run.runType === "agent" ? run.agentId : run.runType === "team" ? run.teamId : null) ?? null,
      executor_name: output.executorName ?? null,
      executor_run_id: run.runId,
      executor_type: output.executorType ?? null,
      executor_session_id: sessionId ?? null,
    }),
  };
}

function stepIdOf(entry: JsonValue): JsonValue {
  return isJsonObject(entry) ? (entry["step_id"] ?? null) : null;
}
