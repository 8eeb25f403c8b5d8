import type { RunSelection } from "@sessiondb/core/adapter";
import { RunFlows } from "../run-flows.ts";
import type { SqlConnection } from "../sql-driver.ts";
import type { StatementSets } from "../statement-sets.ts";
import type { Steps } from "../steps.ts";
import type { LegacyRuns } from "./legacy-runs.ts";

/** The flows for a column of Agno 2 whose runs are all in the runs table too: deletes apply to both. */
export class CopiedRunFlows extends RunFlows {
  protected readonly legacy: LegacyRuns;

  constructor(sets: StatementSets, legacy: LegacyRuns) {
    super(sets);
    this.legacy = legacy;
  }

  override *deleteRuns(on: SqlConnection, sessionId: string, runIds: readonly string[]): Steps<void> {
    yield* super.deleteRuns(on, sessionId, runIds);
    if (runIds.length > 0) {
      yield* this.legacy.remove(on, sessionId, new Set(runIds));
    }
  }

  override *removeRuns(on: SqlConnection, selection: RunSelection): Steps<ReadonlySet<string>> {
    const { removed, sessionIds } = yield* this.removeRows(on, selection);
    const wanted = new Set(selection.runIds);
    for (const sessionId of sessionIds) {
      for (const runId of yield* this.legacy.remove(on, sessionId, wanted)) {
        removed.add(runId);
      }
    }
    return removed;
  }
}
