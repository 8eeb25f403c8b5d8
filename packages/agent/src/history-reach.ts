import type { Run, Session } from "@sessiondb/core";
import { ownRuns, type SessionAccess, type Turn } from "@sessiondb/turns";
import type { ModelComponentSettings } from "./model-component-options.ts";
import { historyRunsOf, showsSummary, makesSummaries } from "./prompt.ts";
import { shownRuns } from "./stopped-runs.ts";
import { coverageOf, isMarked } from "./summary-coverage.ts";

/** The most runs to reach back to: without them a turn would grow with its session while no summary succeeds. */
const mostReached = 100;
/** The runs to reach back to before there is a summary, though it is due after fewer: it may be under way. */
const leastReached = 10;
/** The runs after which to look no further back for those that a model may be shown. */
const mostRead = 1000;

interface Reach {
  readonly settings: ModelComponentSettings;
  readonly access: SessionAccess;
  /** The run that continues, whose messages are no history; null for a new one. */
  readonly resumedId: string | null;
}

/**
 * Returns the runs that are a turn's history, oldest first: the newest ones, and those before them that the summary lacks.
 * Only if these are not among the runs that the turn has read does this read more.
 */
export async function historyRuns(turn: Turn, reach: Reach): Promise<readonly Run[]> {
  const { settings, access, resumedId } = reach;
  const { session, signal } = turn.scope;
  const newest = await newestRuns(turn, reach);
  const isHistory = shownRuns(settings);
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
    const reaches =
      turn.isReplacing ||
      (!settings.addStoppedRunsToContext &&
        (turn.newest.isWhole || read.some(isEnd) || (coverage === null && read.length >= wanted)));
    const runs = reaches
      ? read
      : (
          await db.getRuns({ sessionId, parentRunId: null, sortOrder: "desc", limit: wanted, signal })
        ).runs.toReversed();
    const end = runs.findLastIndex(isEnd);
    const found = runs.filter(({ runId }, index) => index > end || coverage?.open.includes(runId) === true);
    const own = await ownRuns({ access }, found, { db, session });
    return own.filter((run) => isHistory(run) && run.runId !== resumedId).slice(-wanted);
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

/** Returns the newest runs that the model is shown, oldest first. The contract reads those with an answer with the session. */
async function newestRuns(turn: Turn, { settings, access, resumedId }: Reach): Promise<readonly Run[]> {
  const { session, signal } = turn.scope;
  const count = historyRunsOf(settings);
  if (count === 0 || session === null) {
    return [];
  }
  if (!settings.addStoppedRunsToContext) {
    return turn.runs.slice(-count);
  }
  const isHistory = shownRuns(settings);
  if (turn.isReplacing) {
    return turn.newest.runs.filter(isHistory).slice(-count);
  }
  const found = await turn.look(async (db) => {
    const newest: Run[] = [];
    let read = 0;
    for await (const { runs } of db.runPages({
      ...newestFirst(session),
      limit: Math.max(count, leastReached),
      signal,
    })) {
      const own = await ownRuns({ access }, runs.toReversed(), { db, session });
      newest.unshift(...own.filter((run) => isHistory(run) && run.runId !== resumedId));
      read += runs.length;
      if (newest.length >= count || read >= mostRead) {
        break;
      }
    }
    return newest.slice(-count);
  });
  return found ?? [];
}

function newestFirst({ sessionId }: Session) {
  return { sessionId, parentRunId: null, sortOrder: "desc", onUnreadable: "throw" } as const;
}
