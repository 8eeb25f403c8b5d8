import { InvalidArgumentError, type AgentRun, type JsonValue, type Run, type TeamRun } from "@sessiondb/core";
import { unixSeconds, within } from "@sessiondb/core/adapter";
import { jsonOf, type EmbeddedRequest, type StepAnswer } from "@sessiondb/turns";
import type { ToolSet } from "ai";
import { checkApprovals, withModelOutputs } from "./approvals.ts";
import { generate, type GenerationOutcome, type GenerationRequest } from "./generation.ts";
import { canGoOn, resumedRun, type ResumedRun } from "./resumed-run.ts";
import { saysText } from "./guarded-stream.ts";
import { isRefused } from "./unchecked-answer.ts";
import { streamGeneration } from "./started-stream.ts";
import type { StreamPart } from "./stream-part.ts";
import { toolCallsOf, waitingOf } from "./tool-calls.ts";

/** The milliseconds that the last parts of an answer may take after its end. */
const lastPartsGrace = 100;

/**
 * Asks the model for a run inside another one. Streams the answer if somebody reads its parts. `denied` are the calls of
 * which the model is told that they were.
 */
export async function generateInside(
  request: GenerationRequest,
  { emit = null, denied }: Pick<EmbeddedRequest, "emit"> & Pick<ResumedRun, "denied">,
): Promise<GenerationOutcome> {
  if (emit === null || request.signal.aborted) {
    return (await generate(request)).outcome;
  }
  const { stream, outcome } = streamGeneration(request);
  let isOver = false;
  const tell = (part: StreamPart): void => {
    if (!isOver) {
      emit({ type: "part", part });
    }
  };
  const reading = (async () => {
    denied.forEach((call) => tell({ type: "tool-output-denied", ...call }));
    for await (const part of stream.fullStream) {
      tell(part);
    }
  })().catch(() => {
    // The outcome tells it.
  });
  const ended = await outcome;
  await within(reading, lastPartsGrace, () => {});
  isOver = true;
  return ended;
}

type Emit = NonNullable<EmbeddedRequest["emit"]>;

/** Passes parts of an answer on, and holds them back from its first word until it has been checked. */
export function heldParts(emit: Emit): { readonly emit: Emit; readonly release: () => void } {
  const held: Parameters<Emit>[0][] = [];
  return {
    emit: (event) => {
      const isSaid = event.type === "part" && saysText(event.part);
      if (held.length > 0 || isSaid) {
        held.push(event);
      } else {
        emit(event);
      }
    },
    release: () => held.splice(0).forEach(emit),
  };
}

/** Returns the calls of a run for which somebody must decide, as JSON. */
export function askedBy(run: AgentRun | TeamRun, tools: ToolSet): JsonValue {
  const calls = toolCallsOf(run, { inputs: new Map(), outputs: new Map(), tools });
  return jsonOf(waitingOf(calls, run));
}

/**
 * Returns a run inside another one with the decisions about its calls, ready to go on; null if it cannot.
 *
 * @throws InvalidArgumentError unless there is exactly one decision for each waiting call.
 * @throws RunNotContinuableError when a call cannot be decided here.
 */
export async function resumedInside(
  run: Run,
  {
    answer,
    tools,
    isGuarded,
  }: { readonly answer: StepAnswer | null; readonly tools: ToolSet; readonly isGuarded: boolean },
): Promise<ResumedRun | null> {
  if (run.runType === "workflow" || !canGoOn(run) || isRefused(run) || (answer === null && run.status === "PAUSED")) {
    return null;
  }
  const approvals = checkApprovals(answer?.resumeData ?? [], "resumeData");
  const calls = run.tools ?? [];
  try {
    return resumedRun(run, await withModelOutputs(approvals, { calls, tools }), {
      createdAt: unixSeconds(),
      isGuarded,
    });
  } catch (error) {
    if (error instanceof InvalidArgumentError) {
      throw new InvalidArgumentError(error.argument.replace(/^approvals/, "resumeData"), error.expected);
    }
    throw error;
  }
}
