import {
  InvalidArgumentError,
  RunNotContinuableError,
  type JsonValue,
  type Run,
  type StepOutput,
  type WorkflowRun,
} from "@sessiondb/core";
import type { EmbeddedContinuation, StepAnswer } from "./executor.ts";
import { running } from "./running-mark.ts";
import { answeredRequirements, suspendedSteps, withoutPause } from "./step-requirements.ts";
import { openSteps } from "./steps/open-steps.ts";
import type { StepNode } from "./steps/step-node.ts";
import { answered, withReplaced } from "./steps/stored-steps.ts";

/** The key of a run whose steps are stored such that it can go on. A run that completed does not have it. */
const stepsKey = "sessiondb_steps";
const stepsVersion = 1;

/** A run that goes on, and those inside it that do, by their ids. */
export interface ContinuedRun {
  /** The run with the answer. */
  readonly run: WorkflowRun;
  readonly continuations: ReadonlyMap<string, EmbeddedContinuation>;
}

/** Returns a run that can go on later. */
export function continuable(run: WorkflowRun): WorkflowRun {
  return { ...run, extra: { ...run.extra, [stepsKey]: stepsVersion } };
}

/** Returns a run that cannot go on later. */
export function notContinuable<Any extends Run>(run: Any): Any {
  const { extra: { [stepsKey]: _steps, ...extra } = {}, ...rest } = run;
  return (Object.keys(extra).length === 0 ? rest : { ...rest, extra }) as Any;
}

/** Returns whether a run has stopped, and its steps are stored such that it can go on. */
export function canGoOn(run: WorkflowRun): boolean {
  return ["PAUSED", "ERROR", "CANCELLED"].includes(run.status ?? "") && run.extra?.[stepsKey] === stepsVersion;
}

/**
 * Returns the answer to a step that waits.
 *
 * @throws InvalidArgumentError when it is missing, when there is nothing to answer, or when several steps wait and it names none.
 */
export function answerTo(
  run: WorkflowRun,
  { stepId, resumeData }: { readonly stepId: string | undefined; readonly resumeData: JsonValue | undefined },
): StepAnswer | null {
  const waiting = suspendedSteps(run);
  const ids = waiting.map((step) => step.stepId).join(", ");
  if (resumeData === undefined) {
    if (stepId !== undefined || run.status === "PAUSED") {
      throw new InvalidArgumentError("resumeData", `the answer to the step that waits${ids === "" ? "" : `: ${ids}`}`);
    }
    return null;
  }
  if (run.status === "CANCELLED") {
    // Whoever answers may not know that somebody else called it off.
    throw new InvalidArgumentError(
      "resumeData",
      "left out: the run was cancelled. Without it, the run goes on to wait",
    );
  }
  if (waiting.length === 0) {
    throw new InvalidArgumentError("resumeData", "left out: no step of this run waits");
  }
  const [only] = waiting;
  if (stepId === undefined && (only === undefined || waiting.length > 1)) {
    throw new InvalidArgumentError("stepId", `one of the steps that wait: ${ids}`);
  }
  if (stepId !== undefined && !waiting.some((step) => step.stepId === stepId)) {
    throw new InvalidArgumentError("stepId", `one of the steps that wait: ${ids}`);
  }
  return { stepId: stepId ?? only?.stepId ?? "", resumeData };
}

/**
 * Returns a run that is about to go on: with the answer, and with what its agents, teams and workflows go on with. Changes
 * nothing.
 *
 * @throws RunNotContinuableError when the workflow no longer has the steps of the run.
 * @throws SessionDbError when the answer does not fit its step.
 */
export async function continuedRun(
  run: WorkflowRun,
  { nodes, answer }: { readonly nodes: readonly StepNode[]; readonly answer: StepAnswer | null },
): Promise<ContinuedRun> {
  const stepResults = run.stepResults ?? [];
  const runs = new Map((run.stepExecutorRuns ?? []).map((each) => [each.runId, each]));
  const replaced = new Map<StepOutput, StepOutput>();
  const continuations = new Map<string, EmbeddedContinuation>();
  let executorRequirements: readonly JsonValue[] | null = null;
  for (const { node, output } of openSteps(nodes, stepResults, run.runId)) {
    const { executor } = node;
    const inside = runs.get(output.stepRunId ?? "");
    const isAsked = answer !== null && (output.stepId === answer.stepId || hasWaiting(inside, answer));
    if (output.isPaused === true && !isAsked && (inside?.status ?? "PAUSED") === "PAUSED") {
      continue;
    }
    if (executor === null) {
      if (isAsked) {
        replaced.set(output, answered(output, await node.checkedResumeData(answer.resumeData)));
      }
      continue;
    }
    const continuation =
      inside === undefined ? null : ((await executor.continueEmbedded?.(inside, isAsked ? answer : null)) ?? null);
    if (continuation === null && isAsked) {
      throw new RunNotContinuableError(run.runId, {
        why: `${executor.name ?? executor.id} cannot go on with what it did`,
        advice: "Run the workflow again.",
      });
    }
    if (continuation !== null) {
      const { run: decided } = continuation;
      continuations.set(decided.runId, continuation);
      if (isAsked && decided.runType !== "workflow") {
        executorRequirements = decided.requirements ?? [];
      }
    }
    // Without a continuation, it begins again.
    replaced.set(output, answered(output));
  }
  return {
    run: {
      ...withoutPause(run),
      stepResults: withReplaced(stepResults, replaced),
      ...(run.stepExecutorRuns && {
        stepExecutorRuns: run.stepExecutorRuns.map((each) => {
          const continuation = continuations.get(each.runId);
          return continuation === undefined ? each : running(continuation.run);
        }),
      }),
      ...(run.stepRequirements &&
        answer !== null && {
          stepRequirements: answeredRequirements(run.stepRequirements, answer, executorRequirements),
        }),
    },
    continuations,
  };
}

function hasWaiting(run: Run | undefined, { stepId }: StepAnswer): boolean {
  return run?.runType === "workflow" && suspendedSteps(run).some((step) => step.stepId === stepId);
}
