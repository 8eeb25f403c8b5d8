import { SessionDbError } from "@sessiondb/core";
import type { Signal } from "@sessiondb/core/adapter";
import type { Flows } from "../flows.ts";
import type { SchemaManager } from "../schema-manager.ts";
import { untilAborted } from "../until-aborted.ts";

export interface DoubtOptions<Result> {
  readonly signal: Signal;
  /**
   * Whether runs are missing in a result, so that nothing was written either. They may have gone back to the column of
   * Agno 2, together with the runs table, which somebody has made anew.
   */
  readonly inDoubt?: (result: Result) => boolean;
}

/**
 * Does work on the tables as they were found. Where they may be other ones by now, since a statement failed or runs are
 * missing, they are looked at again; and if they are, the work is done once more.
 */
export async function withFlows<Result>(
  schema: SchemaManager,
  work: (flows: Flows) => Promise<Result>,
  { signal, inDoubt = () => false }: DoubtOptions<Result>,
): Promise<Result> {
  const flows = await untilAborted(schema.ready(), signal);
  const lookAgain = async (): Promise<Flows> => {
    schema.forget();
    return untilAborted(schema.ready(), signal);
  };
  let result: Result;
  try {
    result = await work(flows);
  } catch (error) {
    if (!SessionDbError.isInstance(error) || error.code !== "DATABASE_ERROR") {
      throw error;
    }
    const { timesMade } = schema;
    const now = await lookAgain();
    if (now === flows && schema.timesMade === timesMade) {
      throw error;
    }
    return work(now);
  }
  const mayDiffer = flows.runs.areAllRows && inDoubt(result) && schema.mayHaveChanged;
  const now = mayDiffer ? await lookAgain() : flows;
  return now === flows ? result : work(now);
}
