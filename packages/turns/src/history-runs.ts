import type { Run, Session, SessionDb, SessionKey, UserScope } from "@sessiondb/core";
import type { SessionAccess } from "./admission.ts";
import { ownRuns } from "./own-runs.ts";
import { runningSince } from "./running-mark.ts";

/** How many more runs to read than before when too few of them were history. */
const growth = 4;
/** The number of runs after which to look no further back: a turn must not grow with its session. */
const mostRead = 1000;

interface HistoryQuery {
  readonly db: SessionDb;
  readonly key: SessionKey & UserScope;
  /** The number of runs wanted. */
  readonly count: number;
  /** The number of runs to read at first. Default: as many as are wanted. */
  readonly atFirst?: number;
  /** Refuses a session. Called before its runs are looked at. */
  readonly admit?: (session: Session) => void;
}

/** A session with the runs that a model may be shown, and the runs as they were read. */
interface HistoryFound {
  readonly session: Session;
  readonly read: readonly Run[];
  /** Whether these are all runs of the session. */
  readonly isWhole: boolean;
}

/**
 * Reads a session with the newest runs that a model may be shown; null if it does not exist. Runs in progress and runs
 * of others take no place from them. Only if there are such runs does this take more than one read.
 */
export async function readHistory(
  component: { readonly access: SessionAccess },
  { db, key, count, atFirst = count, admit = () => {} }: HistoryQuery,
): Promise<HistoryFound | null> {
  for (let runsLimit = atFirst; ; runsLimit *= growth) {
    const session = await db.getSession({ ...key, runsLimit });
    if (session === null) {
      return null;
    }
    admit(session);
    const read = session.runs;
    const runs = (await ownRuns(component, read, { db, session })).filter(hasAnswer);
    if (runs.length >= count || read.length < runsLimit || runsLimit >= mostRead) {
      session.runs = count === 0 ? [] : runs.slice(-count);
      return { session, read, isWhole: read.length < runsLimit };
    }
  }
}

/** Returns whether a run ended with an answer. One without would only confuse a model. */
export function hasAnswer(run: Run): boolean {
  return (run.status ?? "COMPLETED").toUpperCase() === "COMPLETED" || isIntroduction(run);
}

/** Returns whether a run is Agno's introduction: it stays RUNNING without input, and only the assistant speaks. */
function isIntroduction(run: Run): boolean {
  if (run.runType === "workflow" || run.status !== "RUNNING" || runningSince(run) !== null) {
    return false;
  }
  const { input = null, messages } = run;
  const said = messages ?? [];
  return input === null && said.length > 0 && said.every(({ role }) => role === "assistant" || role === "model");
}
