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

/** Makes a step with a name and options of its own. */
export function step(options: StepOptions): StepNode {
  return new SingleStep(options);
}

/** Makes one step out of several that run in order. */
export function sequence(name: string, steps: readonly WorkflowStep[]): StepNode {
  return new Sequence(name, steps);
}

/** Makes one step out of several that run concurrently. */
export function parallel(name: string, steps: readonly WorkflowStep[]): StepNode {
  return new ParallelSteps(name, steps);
}

/** Makes a step that runs its steps if a condition holds, and others otherwise. */
export function condition(name: string, options: ConditionOptions): StepNode {
  return new ConditionStep(name, options);
}

/** Makes a step that repeats its steps until a condition holds. */
export function loop(name: string, options: LoopOptions): StepNode {
  return new LoopStep(name, options);
}

/** Makes a step whose function chooses the steps to run. */
export function router(name: string, options: RouterOptions): StepNode {
  return new RouterStep(name, options);
}
