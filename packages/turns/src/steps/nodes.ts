import { InvalidArgumentError } from "@sessiondb/core";
import type { Executor } from "../executor.ts";
import { SingleStep, workOf } from "./single-step.ts";
import type { StepFunction } from "./step-input.ts";
import { StepNode } from "./step-node.ts";

/** A step of a workflow: made by `step` and its like, or a function, an agent, a team or a workflow as it is. */
export type WorkflowStep = StepNode | StepFunction | Executor;

/** Makes nodes of steps. A step without a name is named after its place. */
export function nodesOf(steps: readonly WorkflowStep[], argument: string): StepNode[] {
  if (!Array.isArray(steps) || steps.length === 0) {
    throw new InvalidArgumentError(argument, "a list of steps that is not empty");
  }
  return steps.map((each: WorkflowStep, index) => {
    if (each instanceof StepNode) {
      return each;
    }
    const run = workOf(each, `${argument}[${index}]`);
    const own = typeof run === "function" ? run.name : (run.name ?? run.id);
    return new SingleStep({ name: own === "" ? `step ${index + 1}` : own, run });
  });
}
