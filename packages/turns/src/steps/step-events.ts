import type { JsonValue, StepOutput } from "@sessiondb/core";

/** The parts of answers that agents and teams stream, by framework: a plug adds its own by declaration merging. */
// oxlint-disable-next-line typescript/no-empty-object-type
export interface ExecutorParts {}

/** A part of the answer of an agent or a team: with `@sessiondb/agent`, a part of the AI SDK's `fullStream`. */
export type ExecutorPart = keyof ExecutorParts extends never ? unknown : ExecutorParts[keyof ExecutorParts];

/** Where an event comes from. */
interface OfStep {
  /** The name of the step. */
  readonly name: string;
  /** The names of the steps around it, outermost first, and its own. */
  readonly path: readonly string[];
}

/** What happens in a step of a running workflow. A step that has its output from before the run went on has no events. */
export type StepEvent =
  | (OfStep & { readonly type: "step-started" })
  /** A part of the answer of the step's agent or team, as it comes. */
  | (OfStep & { readonly type: "step-part"; readonly part: ExecutorPart })
  /** The step waits: `continueRun` takes its `stepId` with an answer to `payload`. */
  | (OfStep & { readonly type: "step-suspended"; readonly stepId: string; readonly payload: JsonValue })
  /** The step ended, or failed: then `output.success` is false. */
  | (OfStep & { readonly type: "step-completed"; readonly output: StepOutput });

/** What a run inside another one reports as it goes on: parts of an answer, or events of the steps inside. */
export type EmbeddedEvent = { readonly type: "part"; readonly part: ExecutorPart } | StepEvent;
