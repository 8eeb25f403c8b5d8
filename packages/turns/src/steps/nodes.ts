import { InvalidArgumentError } from "@sessiondb/core";
import type { Executor } from "../executor.ts";
import { SingleStep, workOf } from "./single-step.ts";
import type { StepFunction } from "./step-input.ts";
import { StepNode } from "./step-node.ts";

/** A step of a workflow: one made by `step` and the like, or simply a function, agent, team or workflow. */
export type WorkflowStep = StepNode | StepFunction | Executor;

/** Converts steps to nodes. A function without a name is named after its position. */
export function nodesOf(steps: readonly WorkflowStep[], argument: string): StepNode[] {
  if (!Array.isArray(steps) || steps.length === 0) {
    throw new InvalidArgumentError(argument, "a non-empty list of steps");
  }
  return steps.map((each: WorkflowStep, index) => {
    if (StepNode.isInstance(each)) {
      return each;
    }
    const run = workOf(each, `${argument}[${index}]`);
    const own = typeof run === "function" ? run.name : (run.name ?? run.id);
    return new SingleStep({ name: own === "" ? `step ${index + 1}` : own, run });
  });
}
