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
import { SingleStep, type StepOptions } from "./single-step.ts";
import type { WorkflowStep } from "./nodes.ts";
import type { StepNode } from "./step-node.ts";

/** A step with a name and rules of its own. */
export function step(options: StepOptions): StepNode {
  return new SingleStep(options);
}

/** Steps one after another, as one step. */
export function sequence(name: string, steps: readonly WorkflowStep[]): StepNode {
  return new Sequence(name, steps);
}

/** Steps at once. */
export function parallel(name: string, steps: readonly WorkflowStep[]): StepNode {
  return new ParallelSteps(name, steps);
}

/** Steps that run if something holds, and others that run otherwise. */
export function condition(name: string, options: ConditionOptions): StepNode {
  return new ConditionStep(name, options);
}

/** Steps that run again until something holds. */
export function loop(name: string, options: LoopOptions): StepNode {
  return new LoopStep(name, options);
}

/** Steps of which a function chooses. */
export function router(name: string, options: RouterOptions): StepNode {
  return new RouterStep(name, options);
}
