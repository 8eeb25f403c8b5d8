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

/** Makes a step with a name and rules of its own. */
export function step(options: StepOptions): StepNode {
  return new SingleStep(options);
}

/** Makes one step of several that run one after another. */
export function sequence(name: string, steps: readonly WorkflowStep[]): StepNode {
  return new Sequence(name, steps);
}

/** Makes one step of several that run at once. */
export function parallel(name: string, steps: readonly WorkflowStep[]): StepNode {
  return new ParallelSteps(name, steps);
}

/** Makes a step that runs its steps if something holds, and others otherwise. */
export function condition(name: string, options: ConditionOptions): StepNode {
  return new ConditionStep(name, options);
}

/** Makes a step that repeats its steps until something holds. */
export function loop(name: string, options: LoopOptions): StepNode {
  return new LoopStep(name, options);
}

/** Makes a step whose function chooses the steps to run. */
export function router(name: string, options: RouterOptions): StepNode {
  return new RouterStep(name, options);
}
