import type { Run } from "@sessiondb/core";
import { hasAnswer, ownRuns, type SessionAccess, type Turn } from "@sessiondb/turns";
import type { ModelComponentSettings } from "./model-component-options.ts";
import { historyRunsOf, showsSummary, makesSummaries } from "./prompt.ts";
import { coverageOf, isMarked } from "./summary-coverage.ts";

/** The most runs to reach back to: without them a turn would grow with its session while no summary succeeds. */
const mostReached = 100;
/** The runs to reach back to before there is a summary, though it is due after fewer: it may be under way. */
const leastReached = 10;

interface Reach {
  readonly settings: ModelComponentSettings;
  readonly access: SessionAccess;
}

/**
 * Returns the runs that are a turn's history, oldest first: the newest ones, and those before them that the summary lacks.
 * Only if these are not among the runs that the turn has read does this read more.
 */
export async function historyRuns(turn: Turn, { settings, access }: Reach): Promise<readonly Run[]> {
  const { session, signal } = turn.scope;
  const count = historyRunsOf(settings);
  const newest = count === 0 ? [] : turn.runs.slice(-count);
  if (session === null || !settings.addHistoryToContext || !makesSummaries(settings) || !showsSummary(settings)) {
    return newest;
  }
  const { sessionId } = session;
  const coverage = coverageOf(session);
  if (coverage === null && session.getSummary() !== null) {
    // Nobody knows what a summary of Agno covers.
    return newest;
  }
  const wanted =
    coverage === null
      ? Math.min(Math.max(settings.sessionSummaryManager?.every ?? 1, leastReached), mostReached)
      : mostReached;
  const isEnd = (run: Run): boolean => coverage !== null && isMarked(coverage, run);
  const read = turn.newest.runs.filter(({ parentRunId = null }) => parentRunId === null);
  const lacking = await turn.look(async (db) => {
    const reaches = turn.newest.isWhole || read.some(isEnd) || (coverage === null && read.length >= wanted);
    const runs = reaches
      ? read
      : (
          await db.getRuns({ sessionId, parentRunId: null, sortOrder: "desc", limit: wanted, signal })
        ).runs.toReversed();
    const end = runs.findLastIndex(isEnd);
    const found = runs.filter(({ runId }, index) => index > end || coverage?.open.includes(runId) === true);
    return (await ownRuns({ access }, found, { db, session })).filter(hasAnswer).slice(-wanted);
  });
  if (lacking === null) {
    return newest;
  }
  const shown = new Set(newest.map(({ runId }) => runId));
  const isLacking = new Set(lacking.map(({ runId }) => runId));
  return [
    ...lacking.filter(({ runId }) => !shown.has(runId)),
    ...(settings.addSummarizedRunsToContext ? newest : newest.filter(({ runId }) => isLacking.has(runId))),
  ];
}
