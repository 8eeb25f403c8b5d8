import { SessionDbError } from "@sessiondb/core";
import { untilAborted, type Signal } from "@sessiondb/core/adapter";
import type { Flows } from "../flows.ts";
import type { SchemaManager } from "../schema-manager.ts";

export interface DoubtOptions<Result> {
  readonly signal: Signal;
  /**
   * Whether a result lacks runs, so that nothing was written either. They may be back in the column of Agno 2 because
   * somebody has recreated the runs table.
   */
  readonly inDoubt?: (result: Result) => boolean;
}

/**
 * Does work on the tables as they were found. If a statement failed or runs are missing, the tables may have changed:
 * looks at them again and, if they have, repeats the work once. Work receives the start of the call.
 */
export async function withFlows<Result>(
  schema: SchemaManager,
  work: (flows: Flows, since: number) => Promise<Result>,
  { signal, inDoubt = () => false }: DoubtOptions<Result>,
): Promise<Result> {
  const since = performance.now();
  const flows = schema.known ?? (await untilAborted(schema.ready(since), signal));
  const lookAgain = async (): Promise<Flows> => {
    schema.forget();
    return untilAborted(schema.ready(since), signal);
  };
  let result: Result;
  try {
    result = await work(flows, since);
  } catch (error) {
    if (!SessionDbError.isInstance(error) || error.code !== "DATABASE_ERROR") {
      throw error;
    }
    const { timesMade } = schema;
    const now = await lookAgain();
    if (now === flows && schema.timesMade === timesMade) {
      throw error;
    }
    return work(now, since);
  }
  const mayDiffer = flows.runs.areAllRows && inDoubt(result) && schema.mayHaveChanged;
  const now = mayDiffer ? await lookAgain() : flows;
  return now === flows ? result : work(now, since);
}
