import type { JsonValue } from "@sessiondb/core";
import type { Executor } from "../executor.ts";
import type { Unset } from "../known.ts";
import type { Flow } from "./flow.ts";
import type { WorkflowStep } from "./nodes.ts";
import type { StepInput, StepResult } from "./step-input.ts";
import type { StepNode } from "./step-node.ts";

// What the types of steps are made of. Nothing here exists at run time.

/** Steps in order. Those of `chain` have types; those of a plain list are given JSON, and return it. */
export type WorkflowSteps<Previous = Unset, Content = Unset> = readonly WorkflowStep[] & Flow<Previous, Content>;

/** Steps in order, each of which is given what the one before it returns. */
export interface StepChain<Previous, Content> extends ReadonlyArray<StepNode>, Flow<Previous, Content> {}

/** A step that is given `Previous`: a node, a function that returns `Returned`, or an agent, team or workflow. */
export type TypedStep<Previous, Returned> =
  | StepNode<Previous, Returned>
  | ((input: StepInput<Previous>) => Returned)
  | Executor<Returned>;

/** The content of a step whose function returns this. */
export type ContentOf<Returned> = unknown extends Returned ? JsonValue : ContentIn<Awaited<Returned>>;

type ContentIn<Value> =
  Value extends StepResult<infer Content> ? Content : Value extends void | undefined ? null : Value;

/** The contents of several steps. */
export type ContentsOf<Returned extends readonly unknown[]> = {
  -readonly [Index in keyof Returned]: ContentOf<Returned[Index]>;
};

/** A type that a schema names, or else the other one. */
export type NamedOr<Named, Otherwise> = unknown extends Named ? Otherwise : Named;
