import { isDeepStrictEqual } from "node:util";
import {
  DatabaseError,
  type AgentRun,
  type Metrics,
  type Run,
  type Session,
  type SessionSummary,
  type SessionType,
  type TeamRun,
} from "@sessiondb/core";
import { withMetrics } from "@sessiondb/turns";
import { messagesIn } from "./spoken.ts";
import { shownRuns } from "./stopped-runs.ts";
import { coverageOf, firstRead, uncovered, withCoverage, type Coverage, type Uncovered } from "./summary-coverage.ts";
import type { SessionSummaryManager, SummaryRequest } from "./summary.ts";

/** A summary that is built on the previous one would lose what others have added meanwhile. */
const mostTries = 10;

/** A manager, or what an application has in its place. */
type Manager = Pick<SessionSummaryManager, "createSummary"> &
  Partial<Pick<SessionSummaryManager, "incremental" | "isDue">>;

interface SummaryUpdate extends Omit<SummaryRequest, "previous" | "messages"> {
  readonly sessionType: SessionType;
  /** The run that has just ended. */
  readonly run: AgentRun | TeamRun;
  /** Whether it also tells of runs that failed or were cancelled. */
  readonly addStoppedRunsToContext: boolean;
}

interface Stored {
  readonly summary: SessionSummary | null;
  readonly coverage: Coverage | null;
}

/**
 * Makes a summary of what the stored one lacks, if that is enough, and stores it under the session's lock if the one that it
 * follows is still stored. If not, begins again. Until it is stored, the next one covers these runs too.
 */
export async function updateSummary(manager: Manager, update: SummaryUpdate): Promise<void> {
  const { db, sessionId, access = "owner", run, addStoppedRunsToContext, signal } = update;
  const isTold = shownRuns({ addStoppedRunsToContext });
  const unstored: Metrics[] = [];
  try {
    for (let tries = 0; tries < mostTries; tries += 1) {
      signal?.throwIfAborted();
      const session = await db.getSession({ sessionId, runsLimit: firstRead, ...(signal && { signal }) });
      if (session === null) {
        return;
      }
      if (addStoppedRunsToContext) {
        // The contract reads no others with the session.
        const newest = { sessionId, parentRunId: null, sortOrder: "desc", limit: firstRead } as const;
        session.runs = (await db.getRuns({ ...newest, ...(signal && { signal }) })).runs.toReversed();
      }
      const batches = uncovered(session, { db, access, run, isTold, signal });
      const parts = manager.incremental === false ? whole(batches) : batches;
      if (await summarized(manager, { update, session, parts, unstored })) {
        return;
      }
    }
    throw new DatabaseError(
      `The summary of session ${JSON.stringify(sessionId)} was not stored: others changed it ${mostTries} times meanwhile.`,
    );
  } catch (error) {
    // An answer that is no summary has its cost too.
    await write(update, unstored).catch(() => {});
    throw error;
  }
}

interface Work {
  readonly update: SummaryUpdate;
  readonly session: Session;
  readonly parts: AsyncIterable<Uncovered>;
  /** The tokens that are not stored yet. */
  readonly unstored: Metrics[];
}

/** Summarizes one part after the other. Returns whether all are stored; else others have stored a summary meanwhile. */
async function summarized(manager: Manager, { update, session, parts, unstored }: Work): Promise<boolean> {
  const { sessionType: _type, run: _run, addStoppedRunsToContext: _stopped, ...request } = update;
  let stored: Stored = storedIn(session);
  let isFirst = true;
  for await (const { runs, coverage, isLast } of parts) {
    const messages = messagesIn(runs);
    const isDue = !(isFirst && isLast) || (manager.isDue?.({ runs: runs.length, messages }) ?? true);
    if (runs.length === 0 || !isDue) {
      continue;
    }
    isFirst = false;
    const summary = await manager.createSummary({
      ...request,
      previous: stored.summary,
      messages,
      count: (used) => unstored.push(used),
    });
    const after = await write(update, unstored, { from: stored, to: { summary: summary ?? stored.summary, coverage } });
    if (after === null) {
      return false;
    }
    stored = after;
  }
  return true;
}

/** Writes a summary in the place of another, and the tokens. Returns null if that is no longer there. */
async function write(
  { db, sessionId, sessionType }: SummaryUpdate,
  unstored: Metrics[],
  change: { readonly from: Stored; readonly to: Stored } | null = null,
): Promise<Stored | null> {
  if (change === null && unstored.length === 0) {
    return null;
  }
  let isReplaced = false;
  const after = await db.updateSession({ sessionId, sessionType }, (session) => {
    isReplaced = change !== null && isDeepStrictEqual(storedIn(session), change.from);
    const { summary = null, coverage = null } = isReplaced && change !== null ? change.to : {};
    return {
      ...(summary !== null && { summary }),
      sessionData: withMetrics(
        coverage === null ? session.sessionData : withCoverage(session.sessionData, coverage),
        unstored,
      ),
    };
  });
  unstored.length = 0;
  return after !== null && isReplaced ? storedIn(after) : null;
}

/** Returns everything as one part: a summary that is made anew reads what it needs itself. */
async function* whole(parts: AsyncIterable<Uncovered>): AsyncGenerator<Uncovered> {
  const runs: Run[] = [];
  for await (const part of parts) {
    runs.push(...part.runs);
    if (part.isLast) {
      yield { ...part, runs };
    }
  }
}

function storedIn(session: Pick<Session, "getSummary" | "sessionData">): Stored {
  return { summary: session.getSummary(), coverage: coverageOf(session) };
}
