import type { AgentRun, SessionDb, SessionType, TeamRun } from "@sessiondb/core";
import { anySignal, untilAborted } from "@sessiondb/core/adapter";
import type { RunScope, SessionAccess } from "@sessiondb/turns";
import { reportFailure, type FollowUp } from "./follow-up.ts";
import type { ModelComponentSettings } from "./model-component-options.ts";
import { SessionSummaryManager } from "./summary.ts";
import { updateSummary } from "./summary-update.ts";

interface Place {
  readonly settings: ModelComponentSettings;
  readonly access: SessionAccess;
  readonly sessionType: SessionType;
  readonly scope: RunScope;
  readonly db: SessionDb;
  readonly followUp: FollowUp;
}

/** Has a session summarized after a run. Rejects with the summary's error only if results wait for it. */
export async function summarizeAfter(run: AgentRun | TeamRun, place: Place): Promise<void> {
  const { settings, access, sessionType, scope, db, followUp } = place;
  const { model, awaitSummaries, summaryTimeout, sessionSummaryManager, addStoppedRunsToContext } = settings;
  const { sessionId, signal } = scope;
  const update = async (): Promise<void> => {
    const timeout = AbortSignal.timeout(summaryTimeout);
    await updateSummary(sessionSummaryManager ?? new SessionSummaryManager(), {
      db,
      sessionId,
      sessionType,
      run,
      addStoppedRunsToContext,
      model,
      prices: scope.prices,
      access,
      // Once the answer is given, a signal of the request says nothing about what follows.
      signal: awaitSummaries ? anySignal(signal, timeout) : timeout,
    });
  };
  if (awaitSummaries) {
    let isMade = false;
    const work = async (): Promise<void> => {
      isMade = true;
      await update();
    };
    const done = followUp.add({ on: db, key: sessionId, work }).catch(async (error: unknown) => {
      if (isMade || signal.aborted) {
        throw error;
      }
      // The summary of another run took the place of this one's, and that run's signal may have ended it.
      await followUp.add({ on: db, key: sessionId, work });
    });
    await untilAborted(done, signal);
    return;
  }
  const to = { onSummaryError: settings.onSummaryError };
  const report = (error: unknown): void =>
    reportFailure(error, { sessionId, runId: run.runId }, { of: "A summary", to });
  void followUp.add({ on: db, key: sessionId, work: async () => update().catch(report) });
}
