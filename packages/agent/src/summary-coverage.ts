import type { JsonObject, JsonValue, Run, Session, SessionDb } from "@sessiondb/core";
import { isJsonObject } from "@sessiondb/core/adapter";
import { mayContinue, ownRuns, type SessionAccess } from "@sessiondb/turns";
import { messagesIn, spokenTokens } from "./spoken.ts";

/** The key in a session's data for what its summary covers: Agno refuses further keys in the summary. */
const coverageKey = "summarized_runs";

/** The ids that are kept of each kind: a session's data must not grow with it. */
const mostIds = 20;

/** The most runs that are read at once, and that one call of the model is told. */
const batchSize = 100;

/** The tokens, estimated, after which the next run is left to another call: models take only so many. */
const batchTokens = 20_000;

/** The runs to read at first: usually the newest alone is not covered. */
export const firstRead = 5;

/** The runs that a summary covers: all up to the newest of these, but for the open ones. */
export interface Coverage {
  /** The newest ones. Several, since any of them may be deleted. */
  readonly newest: readonly string[];
  /** Those before them that had not ended. */
  readonly open: readonly string[];
}

const nothing: Coverage = { newest: [], open: [] };

/** Returns what the summary of a session covers; null if nobody has noted it. */
export function coverageOf({ sessionData }: Pick<Session, "sessionData">): Coverage | null {
  const noted = sessionData[coverageKey];
  return isJsonObject(noted) ? { newest: idsIn(noted["newest"]), open: idsIn(noted["open"]) } : null;
}

export function withCoverage(data: JsonObject, { newest, open }: Coverage): JsonObject {
  return { ...data, [coverageKey]: { newest: [...newest], open: [...open] } };
}

function idsIn(value: JsonValue | undefined): string[] {
  return Array.isArray(value) ? value.filter((id) => typeof id === "string") : [];
}

/** Returns whether a run stands where the coverage ends, or before. A copy stands where its original did. */
export function isMarked({ newest, open }: Coverage, run: Run): boolean {
  const ids = [run.runId, ...("forkedFromRunId" in run ? [run.forkedFromRunId] : [])];
  return ids.some((id) => typeof id === "string" && (newest.includes(id) || open.includes(id)));
}

/** Some of the runs that a summary lacks. */
export interface Uncovered {
  /** Those to tell of, oldest first. */
  readonly runs: readonly Run[];
  /** What a summary covers that has them. */
  readonly coverage: Coverage;
  /** Whether no more follow. */
  readonly isLast: boolean;
}

interface Source {
  readonly db: SessionDb;
  readonly access: SessionAccess;
  /** The run that has just ended. */
  readonly run: Run;
  /** Returns whether a summary tells of a run that nobody can continue. */
  readonly isTold: (run: Run) => boolean;
  readonly signal?: AbortSignal | undefined;
}

/** Reads the runs that the summary of a session lacks, oldest first. `session` has the newest `firstRead` runs. */
export async function* uncovered(
  session: Session,
  { db, access, run, isTold, signal }: Source,
): AsyncGenerator<Uncovered> {
  const { sessionId } = session;
  const until = signal === undefined ? {} : { signal };
  const noted = coverageOf(session);
  let coverage = noted ?? nothing;
  const isOfSession = (found: Run | null): found is Run => found?.sessionId === sessionId;
  const late = (await Promise.all(coverage.open.map((runId) => db.getRun({ runId, ...until })))).filter(isOfSession);
  const stillOpen = late.filter(mayContinue).map(({ runId }) => runId);
  const seen = new Set(late.map(({ runId }) => runId));
  let ended = late.filter((each) => !mayContinue(each));
  coverage = { newest: coverage.newest, open: stillOpen };

  const take = async (found: readonly Run[], isLast: boolean): Promise<Uncovered> => {
    const runs = [...found];
    runs.forEach(({ runId }) => seen.add(runId));
    if (isLast && !seen.has(run.runId) && !isMarked(noted ?? nothing, run)) {
      // Turns at once may be stored in any order, also behind what is covered.
      runs.push(...[await db.getRun({ runId: run.runId, ...until })].filter(isOfSession));
    }
    const open = runs.filter(mayContinue).map(({ runId }) => runId);
    const closed = runs.map(({ runId }) => runId).filter((id) => !open.includes(id));
    coverage = {
      newest: [...coverage.newest, ...closed].slice(-mostIds),
      open: [...coverage.open, ...open].slice(-mostIds),
    };
    const own = await ownRuns({ access }, runs, { db, session });
    return { runs: own.filter((each) => isTold(each) && !open.includes(each.runId)), coverage, isLast };
  };

  const takeAll = async function* (found: readonly Run[], isLast: boolean): AsyncGenerator<Uncovered> {
    const parts = partsOf([...ended, ...found]);
    ended = [];
    for (const [index, part] of parts.entries()) {
      yield await take(part, isLast && index === parts.length - 1);
    }
  };

  const newest = (session.runs ?? []).filter(({ parentRunId = null }) => parentRunId === null);
  const end = newest.findLastIndex((each) => isMarked(noted ?? nothing, each));
  const isWhole = (session.runs ?? []).length < firstRead;
  // Nobody knows what a summary of Agno covers; it made one after each run.
  const isOfOthers = noted === null && session.getSummary() !== null;
  if (end !== -1 || isWhole || isOfOthers) {
    yield* takeAll(newest.slice(end + 1), true);
    return;
  }
  const query = { sessionId, parentRunId: null, sortOrder: "desc", limit: batchSize, ...until } as const;
  let page = await db.getRuns(query);
  const endIn = (): number => page.runs.findIndex((each) => isMarked(noted ?? nothing, each));
  while (endIn() === -1 && page.nextCursor !== null) {
    page = await db.getRuns({ ...query, cursor: page.nextCursor });
  }
  for (;;) {
    const covered = endIn();
    yield* takeAll(page.runs.slice(0, covered === -1 ? undefined : covered).toReversed(), page.previousCursor === null);
    if (page.previousCursor === null) {
      return;
    }
    page = await db.getRuns({ ...query, cursor: page.previousCursor });
  }
}

/** Returns runs in parts that a model may be told at once; at least one part. */
function partsOf(runs: readonly Run[]): Run[][] {
  const parts: Run[][] = [[]];
  let tokens = 0;
  for (const run of runs) {
    const more = spokenTokens(messagesIn([run]));
    if (tokens > 0 && tokens + more > batchTokens) {
      parts.push([]);
      tokens = 0;
    }
    parts.at(-1)?.push(run);
    tokens += more;
  }
  return parts;
}
