import { RunNotContinuableError, type StepOutput } from "@sessiondb/core";
import type { StepNode } from "./step-node.ts";
import { isDone } from "./stored-steps.ts";

/** A step without its output, and what is stored of it. */
export interface OpenStep {
  readonly node: StepNode;
  readonly output: StepOutput;
}

/**
 * Returns the steps that have begun and do not contain others, but for those that are done.
 *
 * @throws RunNotContinuableError when the workflow no longer has a step where the run had it.
 */
export function openSteps(nodes: readonly StepNode[], outputs: readonly StepOutput[], runId: string): OpenStep[] {
  return outputs.flatMap((output, index) => {
    const node = nodes[index];
    if (node === undefined || node.name !== output.stepName) {
      throw new RunNotContinuableError(runId, {
        why: `the workflow no longer has the step ${JSON.stringify(output.stepName ?? "")} in its place`,
        advice: "Run the workflow again.",
      });
    }
    return isDone(output)
      ? []
      : output.steps
        ? openSteps(node.nodesOf(output), output.steps, runId)
        : [{ node, output }];
  });
}
