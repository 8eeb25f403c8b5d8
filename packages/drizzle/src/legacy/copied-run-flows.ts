import type { RunSelection } from "@sessiondb/core/adapter";
import { RunFlows } from "../run-flows.ts";
import type { RunOfSession } from "../session-reads.ts";
import type { SqlConnection } from "../sql-driver.ts";
import type { StatementSets } from "../statement-sets.ts";
import type { Steps } from "../steps.ts";
import type { LegacyRuns, LegacySessionRuns } from "./legacy-runs.ts";

/** The flows for a column of Agno 2 whose runs are all in the runs table too: deletes apply to both. */
export class CopiedRunFlows extends RunFlows {
  protected readonly legacy: LegacyRuns;

  constructor(sets: StatementSets, legacy: LegacyRuns) {
    super(sets);
    this.legacy = legacy;
  }

  override *deleteRuns(on: SqlConnection, sessionId: string, runIds: readonly string[]): Steps<void> {
    yield* super.deleteRuns(on, sessionId, runIds);
    const legacy = runIds.length === 0 ? null : yield* this.legacy.sessionWithRuns(on, sessionId);
    if (legacy !== null) {
      yield* this.legacy.remove(on, legacy.session, new Set(runIds));
    }
  }

  override *removeRuns(on: SqlConnection, selection: RunSelection): Steps<ReadonlySet<string>> {
    const rows = yield* this.reads.runsById(on, selection.runIds);
    const found = yield* this.columnsWith(on, selection, rows);
    const further = [...found.keys()];
    const { removed, sessionIds } = yield* this.removeRows(on, rows, { ...selection, sessionIds: further });
    const wanted = new Set(selection.runIds);
    for (const { session, runs } of found.values()) {
      if (sessionIds.has(session.sessionId)) {
        for (const { runId } of runs.filter((run) => wanted.has(run.runId))) {
          removed.add(runId);
        }
        yield* this.legacy.remove(on, session, wanted);
      }
    }
    return removed;
  }

  /**
   * The sessions whose column holds any of the runs, by id. Each run of the column has a row too, so only the sessions
   * of the rows found are read; those of other users are refused unread.
   */
  protected *columnsWith(
    on: SqlConnection,
    { userId }: RunSelection,
    rows: readonly RunOfSession[],
  ): Steps<Map<string, LegacySessionRuns>> {
    const found = new Map<string, LegacySessionRuns>();
    const owned = rows.filter(({ ownerId }) => userId === null || ownerId === userId);
    for (const sessionId of new Set(owned.map((row) => row.sessionId))) {
      const legacy = yield* this.legacy.sessionWithRuns(on, sessionId);
      if (legacy !== null) {
        found.set(sessionId, legacy);
      }
    }
    return found;
  }
}
