import type { Run, StepOutput } from "@sessiondb/core";

/** Returns the runs that are stored inside a run: those of members, or those of steps. */
function runsInside(run: Run): readonly Run[] {
  return (
    (run.runType === "team" ? run.memberResponses : run.runType === "workflow" ? run.stepExecutorRuns : null) ?? []
  );
}

/** Returns a run with the runs directly inside it changed; the same object if none changes. */
export function withRunsInside(run: Run, change: (inside: Run) => Run): Run {
  const before = runsInside(run);
  const after = before.map(change);
  if (after.every((each, index) => each === before[index])) {
    return run;
  }
  return run.runType === "team"
    ? { ...run, memberResponses: after }
    : run.runType === "workflow"
      ? { ...run, stepExecutorRuns: after }
      : run;
}

/** Returns a run in which the run with this id, at any depth, is changed; the same object if it is not there. */
export function withRunChanged(run: Run, runId: string, change: (run: Run) => Run): Run {
  return run.runId === runId ? change(run) : withRunsInside(run, (inside) => withRunChanged(inside, runId, change));
}

/** Returns the ids of a run and of the runs inside it, at any depth. */
export function runIdsIn(run: Run): string[] {
  return [run.runId, ...runsInside(run).flatMap(runIdsIn)];
}

/** Returns a workflow's run in which the output with this id, at any depth, is changed; the same object if it is not there. */
export function withStepChanged(run: Run, stepId: unknown, change: (output: StepOutput) => StepOutput): Run {
  const changed = (output: StepOutput): StepOutput => {
    const steps = output.steps?.map(changed);
    return output.stepId === stepId
      ? change(output)
      : steps?.some((step, index) => step !== output.steps?.[index]) === true
        ? { ...output, steps }
        : output;
  };
  const before = run.runType === "workflow" ? (run.stepResults ?? []) : [];
  const stepResults = before.map(changed);
  return run.runType === "workflow" && stepResults.some((step, index) => step !== before[index])
    ? { ...run, stepResults }
    : run;
}
