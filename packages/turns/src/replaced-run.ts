import { InvalidArgumentError, type Run, type SessionDb, type Session, type UserSessionDb } from "@sessiondb/core";
import type { SessionAccess } from "./admission.ts";
import { hasAnswer } from "./history-runs.ts";
import { ownRuns } from "./own-runs.ts";
import { isMarked, isStale } from "./running-mark.ts";

/** The run that a turn replaces, with all that follow it. */
export interface ReplacedRun {
  readonly runId: string;
  /** The run after which everything goes, in the session's order; null to delete all. */
  readonly after: string | null;
}

/** The key in a run's metadata of the run that it is to replace. */
const replacesKey = "sessiondb_replaces";

interface Replacement {
  readonly db: SessionDb;
  readonly session: Session;
  readonly component: { readonly access: SessionAccess };
  readonly runId: string;
  /** The number of runs before it that a model may be shown. */
  readonly count: number;
  readonly staleAfter: number | undefined;
  readonly signal: AbortSignal | undefined;
}

/** The number of runs to read at a time. */
const pageLength = 50;

/** The number of runs before a replaced one that are read at least: a history may reach back so far to what a summary lacks. */
const leastBefore = 100;

/** The place of a run in its session. */
export interface RunPlace {
  readonly run: Run;
  /** The run before it in the session's order, of whatever kind; null if it is the first. */
  readonly after: string | null;
  /** The newest runs before it that are not members', oldest first. */
  readonly before: readonly Run[];
}

/**
 * Finds a run of a session, and the runs before it: as many as `isEnough` wants, if there are as many. Null if there is no such run. The
 * cost grows with the number of runs that follow it.
 */
export async function findPlace(
  db: RunReader,
  { sessionId, isMeant, isEnough, most = Infinity, signal }: PlaceQuery,
): Promise<RunPlace | null> {
  let run: Run | null = null;
  let after: string | null = null;
  const before: Run[] = [];
  let read = 0;
  const pages = db.runPages({
    sessionId,
    sortOrder: "desc",
    limit: pageLength,
    ...(signal !== undefined && { signal }),
  });
  for await (const { runs } of pages) {
    for (const each of runs) {
      if (run !== null) {
        after ??= each.runId;
        if ((each.parentRunId ?? null) === null) {
          before.unshift(each);
        }
      } else if ((each.parentRunId ?? null) === null && isMeant(each)) {
        run = each;
      }
    }
    read += runs.length;
    if ((after !== null && isEnough(before)) || (run === null && read >= most)) {
      break;
    }
  }
  return run === null ? null : { run, after, before };
}

type RunReader = Pick<SessionDb | UserSessionDb, "runPages">;

interface PlaceQuery {
  readonly sessionId: string;
  readonly isMeant: (run: Run) => boolean;
  readonly isEnough: (before: readonly Run[]) => boolean;
  /** The number of newest runs among which it is looked for. Default: all. */
  readonly most?: number;
  readonly signal: AbortSignal | undefined;
}

/**
 * Finds a run to replace, with the runs before it that a model may be shown, oldest first.
 *
 * @throws InvalidArgumentError when the session has no such run, or when it is in progress.
 */
export async function findReplaced({
  db,
  session,
  component,
  runId,
  count,
  staleAfter,
  signal,
}: Replacement): Promise<{ readonly replaced: ReplacedRun; readonly runs: Run[]; readonly before: readonly Run[] }> {
  const place = await findPlace(db, {
    sessionId: session.sessionId,
    isMeant: (run) => run.runId === runId,
    isEnough: (before) => before.filter(hasAnswer).length >= Math.max(count, leastBefore),
    signal,
  });
  const isOwn = place !== null && (await ownRuns(component, [place.run], { db, session })).length > 0;
  if (place === null || !isOwn) {
    throw new InvalidArgumentError("replaces", "the id of a run of this session");
  }
  const { run, after, before } = place;
  if (isMarked(run) && !isStale(run, staleAfter)) {
    throw new InvalidArgumentError("replaces", "the id of a run that has ended: cancel it first, or wait for its end");
  }
  const runs = (await ownRuns(component, before, { db, session })).filter(hasAnswer);
  return { replaced: { runId, after }, runs: count === 0 ? [] : runs.slice(-count), before };
}

/** Returns the row of a run that has not replaced another one, or not yet, with the id of that. */
export function replacing<Row extends Run>(run: Row, runId: string): Row {
  return { ...run, metadata: { ...run.metadata, [replacesKey]: runId } };
}

/** Returns the id of the run that a run is to replace, or did not come to replace; null for any other run. */
export function runToReplace({ metadata }: Run): string | null {
  const id = metadata?.[replacesKey];
  return typeof id === "string" ? id : null;
}

/** Returns whether a run that ended replaces another one: if it failed before it said anything, it does not. */
export function hasReplaced(run: Run): boolean {
  const failed = run.status === "ERROR" || run.status === "CANCELLED";
  const messages = run.runType === "workflow" ? [] : (run.messages ?? []);
  return (
    !failed || messages.some(({ role, fromHistory }) => role !== "user" && role !== "system" && fromHistory !== true)
  );
}
