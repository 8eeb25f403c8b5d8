import type { LegacyRunsProgress } from "@sessiondb/core";
import type { RunRow } from "@sessiondb/core/adapter";
import { sql } from "drizzle-orm";
import { notWritten } from "../not-written.ts";
import type { SessionReads } from "../session-reads.ts";
import type { SessionWrites } from "../session-writes.ts";
import type { SqlDialect } from "../sql-dialect.ts";
import type { SqlConnection } from "../sql-driver.ts";
import { idChunks, idPlaceholders, list, value } from "../sql-parts.ts";
import { byShape, StatementSet } from "../statement-set.ts";
import type { Steps } from "../steps.ts";
import { legacyRuns, rowOfLegacyRun, type LegacyRow } from "./legacy-column.ts";
import type { LegacyRuns } from "./legacy-runs.ts";

/** The most that one transaction copies: other writers wait for it, and clusters limit what it may write. */
const mostAtOnce: Limits = { count: 1000, size: 2 ** 20 };
/** The most that one statement inserts. */
const mostPerStatement: Limits = { count: 256, size: 2 ** 19 };

/** A session with runs in its column. */
interface ListedSession {
  readonly sessionId: string;
  /** The length of the column, as returned by the driver. */
  readonly size: unknown;
}

/** The start of a batch. */
export interface CopyStart {
  /** The next sessions, as far as they are listed already: measuring a column costs as much as reading it. */
  readonly listed: readonly ListedSession[];
  /** The last listed session, after which the next list begins; null at the beginning. */
  readonly after: string | null;
  /** Whether no sessions follow those listed. */
  readonly isEnd: boolean;
}

export const firstBatch: CopyStart = { listed: [], after: null, isEnd: false };

export interface CopiedBatch extends LegacyRunsProgress {
  /** The start of the next batch; null after the last. */
  readonly next: CopyStart | null;
}

interface Sets {
  readonly reads: SessionReads;
  readonly writes: SessionWrites;
  readonly legacy: LegacyRuns;
}

/** One session of a batch. */
interface SessionCopy {
  readonly sessionId: string;
  /** The runs that have no row yet, with their places. */
  readonly missing: readonly Missing[];
  /** Rows that are not in their place. */
  readonly misplaced: readonly (readonly [runId: string, place: number])[];
  /** The number of runs whose id another session has. */
  skipped: number;
}

/** A session with the rows that the runs of its column would have. */
interface ParsedSession {
  readonly session: LegacyRow;
  readonly runs: readonly RunRow<string>[];
}

interface Missing {
  readonly session: SessionCopy;
  readonly run: RunRow<string>;
}

/** What was copied of some sessions. */
interface Copied {
  readonly sessions: readonly SessionCopy[];
  readonly stored: readonly Missing[];
  /** Whether all was copied that the limits allow. */
  readonly isWhole: boolean;
  /** The first session that was not copied to its end. */
  readonly open: SessionCopy | undefined;
}

interface Limits {
  readonly count: number;
  readonly size: number;
}

/** Copies the `runs` column of Agno 2 into rows, from one batch to the next. */
export class LegacyCopy extends StatementSet {
  readonly #reads: SessionReads;
  readonly #writes: SessionWrites;
  readonly #legacy: LegacyRuns;
  /** The sessions of the last batch, which the next one begins with if not all of their runs were copied. */
  #parsed = new Map<string, ParsedSession>();
  /** Whether ids are looked for before runs are inserted: only once another session had one, since that is rare. */
  #looksForIds = false;

  constructor(dialect: SqlDialect, { reads, writes, legacy }: Sets) {
    super(dialect);
    this.#reads = reads;
    this.#writes = writes;
    this.#legacy = legacy;
  }

  readonly #sizes = byShape(({ isFirst }: { isFirst: boolean }) => {
    const { sessions } = this.dialect.tables;
    const { sessionId } = sessions;
    const next = isFirst ? sql`` : sql` and ${sessionId} > ${value("after")}`;
    return this.select<ListedSession>(
      { sessionId, size: sql`length(${this.#legacy.text})` },
      sql`${sessions} where ${this.#legacy.present}${next} order by ${sessionId} ${this.limit("batchSize")}`,
    );
  });

  readonly #lock = byShape((count: number) => {
    const { tables, lockRows } = this.dialect;
    const { sessionId, sessionType, userId, createdAt } = tables.sessions;
    return this.select<LegacyRow>(
      { sessionId, sessionType, userId, createdAt, runs: this.#legacy.column },
      sql`${tables.sessions} where ${sessionId} in (${list(idPlaceholders(count))}) order by ${sessionId} ${lockRows}`,
    );
  });

  /**
   * Copies the next runs into rows, in their merged order. A session of many runs is continued by the next batch.
   * `batchSize` is the most sessions to list at once.
   */
  *copyBatch(on: SqlConnection, start: CopyStart, batchSize: number): Steps<CopiedBatch> {
    const { listed, after, isEnd } = start.listed.length > 0 ? start : yield* this.#list(on, start.after, batchSize);
    const batch = portion(listed, ({ size }) => Number(size), mostAtOnce);
    const sessionIds = batch.map(({ sessionId }) => sessionId);
    const first = yield* this.#copy(on, sessionIds, mostAtOnce);
    const last = first.isWhole ? first : yield* this.#copyRest(on, sessionIds, first.stored);
    const { sessions, open } = last;
    const complete = open === undefined ? sessions : sessions.slice(0, sessions.indexOf(open));
    for (const [runId, place] of complete.flatMap(({ misplaced }) => misplaced)) {
      yield* this.#writes.setRunIndex(on, runId, place);
    }
    const done = open === undefined ? batch.length : batch.findIndex(({ sessionId }) => sessionId === open.sessionId);
    const rest = listed.slice(done);
    return {
      sessions: done,
      runs: first.stored.length + (last === first ? 0 : last.stored.length),
      skipped: complete.reduce((sum, { skipped }) => sum + skipped, 0),
      next: rest.length === 0 && isEnd ? null : { listed: rest, after, isEnd },
    };
  }

  /** Lists the next sessions with their sizes. */
  *#list(on: SqlConnection, after: string | null, batchSize: number): Steps<CopyStart> {
    const listed = yield* this.rows(on, this.#sizes({ isFirst: after === null }), { after, batchSize });
    return { listed, after: listed.at(-1)?.sessionId ?? after, isEnd: listed.length < batchSize };
  }

  /** Copies what is missing of some sessions, within limits. */
  *#copy(on: SqlConnection, sessionIds: readonly string[], most: Limits): Steps<Copied> {
    const sessions = yield* this.#sessions(on, sessionIds);
    const missing = sessions.flatMap((session) => session.missing);
    const tried = portion(missing, sizeOf, most);
    const stored = yield* this.#insert(on, tried);
    const isWhole = stored.length === tried.length || this.#looksForIds;
    return { sessions, stored, isWhole, open: missing[tried.length]?.session };
  }

  /** Copies on after another session turned out to have some of the ids: they leave no gaps between the others. */
  *#copyRest(on: SqlConnection, sessionIds: readonly string[], stored: readonly Missing[]): Steps<Copied> {
    this.#looksForIds = true;
    const size = stored.reduce((sum, each) => sum + sizeOf(each), 0);
    return yield* this.#copy(on, sessionIds, {
      count: mostAtOnce.count - stored.length,
      size: mostAtOnce.size - size,
    });
  }

  /** Locks sessions and finds out what there is to copy. */
  *#sessions(on: SqlConnection, sessionIds: readonly string[]): Steps<SessionCopy[]> {
    const locked: LegacyRow[] = [];
    for (const { size, values } of idChunks(sessionIds)) {
      // Read under the lock: a run deleted meanwhile must not reappear.
      locked.push(...(yield* this.rows(on, this.#lock(size), values)));
    }
    const rows = new Map(locked.map(({ sessionId }) => [sessionId, new Map<string, number | null>()]));
    for (const { sessionId, runId, runIndex } of yield* this.#reads.runsInOrder(on, [...rows.keys()])) {
      rows.get(sessionId)?.set(runId, runIndex);
    }
    this.#parsed = new Map(locked.map((session) => [session.sessionId, this.#parse(session)]));
    const withoutRow = [...(this.#looksForIds ? this.#parsed : [])].flatMap(([sessionId, { runs }]) =>
      runs.map(({ runId }) => runId).filter((runId) => rows.get(sessionId)?.has(runId) !== true),
    );
    const taken = new Set((yield* this.#reads.namedRuns(on, withoutRow)).map(({ runId }) => runId));
    return [...this.#parsed].map(([sessionId, parsed]) =>
      copyOf(parsed, { rows: rows.get(sessionId) ?? new Map<string, number | null>(), taken }),
    );
  }

  /** The rows of a column's runs. The runs themselves are not kept, since they take more memory. */
  #parse(session: LegacyRow): ParsedSession {
    const parsed = this.#parsed.get(session.sessionId);
    if (parsed !== undefined && parsed.session.runs === session.runs && parsed.session.userId === session.userId) {
      return parsed;
    }
    const runs = legacyRuns(session, this.#legacy.location);
    return { session, runs: runs.map((run, place) => rowOfLegacyRun(run, session, place)) };
  }

  /** Inserts the runs, and returns those that are stored now. */
  *#insert(on: SqlConnection, runs: readonly Missing[]): Steps<Missing[]> {
    const stored: Missing[] = [];
    for (let rest = runs; rest.length > 0;) {
      const some = portion(rest, sizeOf, mostPerStatement);
      const areNew = yield* this.#writes.insertRuns(
        on,
        some.map(({ run }) => run),
      );
      stored.push(...(areNew ? some : yield* this.#storedOf(on, some)));
      rest = rest.slice(some.length);
    }
    return stored;
  }

  /** Those of the inserted runs that are stored. Another session may have the ids of the others. */
  *#storedOf(on: SqlConnection, runs: readonly Missing[]): Steps<Missing[]> {
    const runIds = runs.map(({ run }) => run.runId);
    const places = new Map((yield* this.#reads.namedRuns(on, runIds)).map((row) => [row.runId, row.sessionId]));
    return runs.filter(({ session, run: { runId } }) => {
      const sessionId = places.get(runId);
      if (sessionId === undefined) {
        throw notWritten(`Run ${JSON.stringify(runId)} was not copied out of ${this.#legacy.location}.`);
      }
      session.skipped += sessionId === session.sessionId ? 0 : 1;
      return sessionId === session.sessionId;
    });
  }
}

/** Plans the copy of a session. `taken` are the ids of runs that other sessions have; those of this one are added. */
function copyOf(
  { session: { sessionId }, runs }: ParsedSession,
  { rows, taken }: { readonly rows: ReadonlyMap<string, number | null>; readonly taken: Set<string> },
): SessionCopy {
  const session: SessionCopy & { missing: Missing[]; misplaced: [string, number][] } = {
    sessionId,
    missing: [],
    misplaced: [],
    skipped: 0,
  };
  const inColumn = new Set(runs.map(({ runId }) => runId));
  const copies = runs.filter(({ runId }) => rows.has(runId) || !taken.has(runId));
  session.skipped = runs.length - copies.length;
  // In the merged order: first the column's, then the rows that are not in it.
  for (const [place, run] of copies.entries()) {
    const { runId } = run;
    if (!rows.has(runId)) {
      session.missing.push({ session, run: { ...run, runIndex: place } });
      taken.add(runId);
    } else if (rows.get(runId) !== place) {
      session.misplaced.push([runId, place]);
    }
  }
  const others = [...rows].filter(([runId]) => !inColumn.has(runId));
  for (const [index, [runId, place]] of others.entries()) {
    if (place !== copies.length + index) {
      session.misplaced.push([runId, copies.length + index]);
    }
  }
  return session;
}

function sizeOf({ run }: Missing): number {
  return run.runData.length;
}

/** The first items that are within the limits, and at least one. */
function portion<Item>(items: readonly Item[], measure: (item: Item) => number, most: Limits): Item[] {
  let size = 0;
  let count = 0;
  for (const item of items) {
    size += measure(item);
    if (count > 0 && (count === most.count || size > most.size)) {
      break;
    }
    count += 1;
  }
  return items.slice(0, count);
}
