import type { StandardSchemaV1 } from "@standard-schema/spec";
import type { JsonValue } from "@sessiondb/core";
import type { Executor } from "../executor.ts";
import {
  ConditionStep,
  LoopStep,
  ParallelSteps,
  RouterStep,
  Sequence,
  type ConditionOptions,
  type LoopOptions,
  type RouterOptions,
} from "./containers.ts";
import { nodesOf, type WorkflowStep } from "./nodes.ts";
import { SingleStep, type StepOptions } from "./single-step.ts";
import type { StepInput } from "./step-input.ts";
import type { StepNode } from "./step-node.ts";
import type { ContentOf, ContentsOf, NamedOr, StepChain, TypedStep, WorkflowSteps } from "./step-types.ts";

/** The options of a step, with the types of its schemas. */
interface TypedStepOptions<Run, Given, Value, Content, Resume, Skips extends boolean> extends Omit<
  StepOptions,
  "run" | "inputSchema" | "outputSchema" | "resumeSchema" | "skipOnFailure"
> {
  run: Run;
  inputSchema?: StandardSchemaV1<Given, Value> | undefined;
  outputSchema?: StandardSchemaV1<unknown, Content> | undefined;
  resumeSchema?: StandardSchemaV1<unknown, Resume> | undefined;
  skipOnFailure?: Skips | undefined;
}

/** The content that the next step gets: if a failure is skipped, it may be the content of the step before. */
type Passed<Content, Previous, Skips extends boolean> = Content | (true extends Skips ? Previous : never);

/** A step whose types follow from its parts alone: a list of steps in general must not make them general. */
type Made<Previous, Content> = StepNode<NoInfer<Previous>, NoInfer<Content>>;

/** Makes a step with a name and options of its own. Its types are those of its schemas, or else of its function. */
export function step<
  Value = JsonValue,
  Returned = unknown,
  Resume = JsonValue,
  Given = unknown,
  Content = unknown,
  Skips extends boolean = false,
>(
  options: TypedStepOptions<(input: StepInput<Value, Resume>) => Returned, Given, Value, Content, Resume, Skips>,
): Made<NamedOr<Given, Value>, Passed<NamedOr<Content, ContentOf<Returned>>, NamedOr<Given, Value>, Skips>>;
export function step<
  Value = JsonValue,
  Answer = JsonValue,
  Resume = JsonValue,
  Given = unknown,
  Content = unknown,
  Skips extends boolean = false,
>(
  options: TypedStepOptions<Executor<Answer>, Given, Value, Content, Resume, Skips>,
): Made<NamedOr<Given, Value>, Passed<NamedOr<Content, ContentOf<Answer>>, NamedOr<Given, Value>, Skips>>;
export function step(options: StepOptions): StepNode;
export function step(options: unknown): StepNode {
  return new SingleStep(options as StepOptions);
}

/**
 * Makes a list of steps of which each is given what the one before it returns, by their types too: `previous` has the type
 * that the step before returns. It takes up to six; nest `sequence` for more. A step that ends the workflow early is to
 * return what the last one does.
 */
export function chain<A = JsonValue, B = unknown>(first: TypedStep<A, B>): StepChain<A, ContentOf<B>>;
export function chain<A = JsonValue, B = unknown, C = unknown>(
  ...steps: readonly [TypedStep<A, B>, TypedStep<ContentOf<B>, C>]
): StepChain<A, ContentOf<C>>;
export function chain<A = JsonValue, B = unknown, C = unknown, D = unknown>(
  ...steps: readonly [TypedStep<A, B>, TypedStep<ContentOf<B>, C>, TypedStep<ContentOf<C>, D>]
): StepChain<A, ContentOf<D>>;
export function chain<A = JsonValue, B = unknown, C = unknown, D = unknown, E = unknown>(
  ...steps: readonly [
    TypedStep<A, B>,
    TypedStep<ContentOf<B>, C>,
    TypedStep<ContentOf<C>, D>,
    TypedStep<ContentOf<D>, E>,
  ]
): StepChain<A, ContentOf<E>>;
export function chain<A = JsonValue, B = unknown, C = unknown, D = unknown, E = unknown, F = unknown>(
  ...steps: readonly [
    TypedStep<A, B>,
    TypedStep<ContentOf<B>, C>,
    TypedStep<ContentOf<C>, D>,
    TypedStep<ContentOf<D>, E>,
    TypedStep<ContentOf<E>, F>,
  ]
): StepChain<A, ContentOf<F>>;
export function chain<A = JsonValue, B = unknown, C = unknown, D = unknown, E = unknown, F = unknown, G = unknown>(
  ...steps: readonly [
    TypedStep<A, B>,
    TypedStep<ContentOf<B>, C>,
    TypedStep<ContentOf<C>, D>,
    TypedStep<ContentOf<D>, E>,
    TypedStep<ContentOf<E>, F>,
    TypedStep<ContentOf<F>, G>,
  ]
): StepChain<A, ContentOf<G>>;
export function chain(...steps: readonly WorkflowStep[]): StepChain<never, unknown> {
  return nodesOf(steps, "steps");
}

/** Makes one step out of several that run in order. */
export function sequence<Previous = JsonValue, Content = JsonValue>(
  name: string,
  steps: WorkflowSteps<Previous, Content>,
): Made<Previous, Content> {
  return new Sequence(name, steps);
}

/** Makes one step out of several that run concurrently. Its content lists theirs. */
export function parallel<Previous = JsonValue, Returned extends readonly unknown[] | [] = JsonValue[]>(
  name: string,
  steps: { readonly [Index in keyof Returned]: TypedStep<Previous, Returned[Index]> },
): Made<Previous, ContentsOf<Returned>> {
  return new ParallelSteps(name, steps as unknown as readonly WorkflowStep[]);
}

/** Makes a step that runs its steps if a condition holds, and others otherwise. */
export function condition<Previous = JsonValue, Content = JsonValue, Otherwise = Previous>(
  name: string,
  options: ConditionOptions<Previous, Content, Otherwise>,
): Made<Previous, Content | Otherwise> {
  return new ConditionStep(name, options as ConditionOptions);
}

/** Makes a step that repeats its steps until a condition holds. Each round is given what the one before returns. */
export function loop<Previous = JsonValue, Content = JsonValue>(
  name: string,
  options: LoopOptions<Previous, Content>,
): Made<Previous, Content> {
  return new LoopStep(name, options);
}

/** Makes a step whose function chooses the steps to run. The types of routes can be named, and are JSON otherwise. */
export function router<Previous = JsonValue, Content = JsonValue>(
  name: string,
  options: RouterOptions<Previous>,
): Made<Previous, Content> {
  return new RouterStep(name, options as RouterOptions);
}
