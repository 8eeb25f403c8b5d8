import { CorruptDataError, type Run } from "@sessiondb/core";
import { parseRunRow, type RunQuery, type RunRow } from "@sessiondb/core/adapter";
import { getTableName, sql, type SQL } from "drizzle-orm";
import { legacyRuns, rowOfLegacyRun, withoutRuns, type LegacyRow } from "./legacy-column.ts";
import { notWritten } from "../not-written.ts";
import type { SessionReads } from "../session-reads.ts";
import type { SessionWrites } from "../session-writes.ts";
import type { SqlDialect } from "../sql-dialect.ts";
import type { SqlConnection } from "../sql-driver.ts";
import { insertValues, value } from "../sql-parts.ts";
import { once, StatementSet } from "../statement-set.ts";
import type { Steps } from "../steps.ts";

export type LegacySession = Omit<LegacyRow, "runs">;

/** A session with the runs of its column, as stored and decoded. */
export interface LegacySessionRuns {
  readonly session: LegacyRow;
  readonly runs: readonly Run[];
}

/**
 * The `runs` column of a sessions table that Agno 2 made: one JSON list per session. Reads merge it until
 * `migrateLegacyRuns` has copied all of it, which a row in the schema versions table records.
 */
export class LegacyRuns extends StatementSet {
  readonly #reads: SessionReads;
  readonly #writes: SessionWrites;
  /** The column's name, also used for its row in the schema versions table once it is copied. */
  readonly location: string;

  constructor(dialect: SqlDialect, { reads, writes }: { reads: SessionReads; writes: SessionWrites }) {
    super(dialect);
    this.#reads = reads;
    this.#writes = writes;
    this.location = `${dialect.names.sessions}.runs`;
  }

  /** Whether the runs table also holds everything in the column: the current runs table, not one dropped since. */
  *isCopied(on: SqlConnection): Steps<boolean> {
    const [marker] = yield* this.#versionsOf(on, this.location);
    return marker !== undefined && marker.madeAt === (yield* this.#runsTableOf(on));
  }

  /** The recorded creation time of the runs table; null if none is recorded. */
  *#runsTableOf(on: SqlConnection): Steps<string | null> {
    const [note] = yield* this.#versionsOf(on, this.dialect.names.runs);
    return note?.madeAt ?? null;
  }

  *#versionsOf(on: SqlConnection, name: string): Steps<{ madeAt: string | null }[]> {
    return yield* this.rows(on, this.#versions(), { name });
  }

  readonly #versions = once(() => {
    const { versions } = this.dialect.tables;
    return this.select<{ madeAt: string | null }>(
      { madeAt: sql`${versions.updatedAt}` },
      sql`${versions} where ${versions.tableName} = ${value("name")}`,
    );
  });

  readonly #anySession = once(() => {
    const { sessions } = this.dialect.tables;
    return this.select({ sessionId: sessions.sessionId }, sql`${sessions} where ${this.present} limit 1`);
  });

  /** Whether no session has runs in the column. */
  *isEmpty(on: SqlConnection): Steps<boolean> {
    return (yield* this.rows(on, this.#anySession(), {})).length === 0;
  }

  *runsOf(on: SqlConnection, session: LegacySession): Steps<Run[]> {
    return this.#decode(yield* this.#rowOf(on, session));
  }

  readonly #columnOf = once(() => {
    const { sessions } = this.dialect.tables;
    return this.select<{ runs: unknown }>(
      { runs: this.column },
      sql`${sessions} where ${sessions.sessionId} = ${value("sessionId")}`,
    );
  });

  *#rowOf(on: SqlConnection, session: LegacySession): Steps<LegacyRow> {
    const [row] = yield* this.rows(on, this.#columnOf(), { sessionId: session.sessionId });
    return { ...session, runs: row?.runs ?? null };
  }

  /** Gives a run to be written its place: the place and time of the column's run, or after all runs of both kinds. */
  *place(on: SqlConnection, run: RunRow<string>): Steps<RunRow<string>> {
    const session = yield* this.#reads.session(on, run.sessionId);
    const legacy = session === null ? [] : yield* this.runsOf(on, session);
    if (legacy.length === 0) {
      return run;
    }
    const inColumn = legacy.findIndex(({ runId }) => runId === run.runId);
    if (inColumn >= 0) {
      const createdAt = legacy[inColumn]?.createdAt ?? session?.createdAt ?? run.createdAt;
      return { ...run, runIndex: inColumn, createdAt: Math.floor(createdAt) };
    }
    const merged = new Set(legacy.map(({ runId }) => runId));
    let last = -1;
    for (const { runId, runIndex } of yield* this.#reads.allRuns(on, run.sessionId)) {
      merged.add(runId);
      last = Math.max(last, runIndex ?? 0);
    }
    return { ...run, runIndex: Math.max(merged.size, last + 1) };
  }

  readonly #sessionsLike = once(() => this.#selectLegacy(sql`${this.text} like ${value("pattern")} escape '!'`));

  /**
   * The session whose column holds a run with this id, with all runs of the column. An unreadable column does not stop
   * the search; if no other column has the run, it is an error for users who may read that session.
   */
  *sessionOfRun(on: SqlConnection, { runId, userId }: RunQuery): Steps<LegacySessionRuns | null> {
    // An id of plain characters appears in the text unchanged; others may be escaped there, so every list is searched.
    const pattern = /^[\w-]+$/.test(runId) ? `%${runId.replaceAll("_", "!_")}%` : "%";
    let fault: CorruptDataError | null = null;
    for (const row of yield* this.rows(on, this.#sessionsLike(), { pattern })) {
      try {
        const runs = this.#decode(row);
        if (runs.some((run) => run.runId === runId)) {
          return { session: row, runs };
        }
      } catch (error) {
        if (!(error instanceof CorruptDataError)) {
          throw error;
        }
        fault ??= userId === null || row.userId === userId ? error : null;
      }
    }
    if (fault !== null) {
      throw fault;
    }
    return null;
  }

  readonly #sessionWithRuns = once(() => {
    const { sessionId } = this.dialect.tables.sessions;
    return this.#selectLegacy(sql`${sessionId} = ${value("sessionId")} and ${this.present}`);
  });

  /** A session with the runs of its column, or null if it has none. */
  *sessionWithRuns(on: SqlConnection, sessionId: string): Steps<LegacySessionRuns | null> {
    const [row] = yield* this.rows(on, this.#sessionWithRuns(), { sessionId });
    return row === undefined ? null : { session: row, runs: this.#decode(row) };
  }

  /** The row that a run of the column would have, or null if the run is in no column. */
  *rowOfRun(on: SqlConnection, query: RunQuery): Steps<RunRow | null> {
    const found = yield* this.sessionOfRun(on, query);
    const runs = found === null ? [] : legacyRuns(found.session, this.location);
    const place = runs.findIndex(({ run }) => run.runId === query.runId);
    const run = runs[place];
    return found === null || run === undefined ? null : parseRunRow(rowOfLegacyRun(run, found.session, place));
  }

  readonly #setRuns = once(() => {
    const { sessions } = this.dialect.tables;
    return this.write(
      sql`update ${sessions} set ${sql.identifier("runs")} = ${value("json")}
        where ${sessions.sessionId} = ${value("sessionId")}`,
    );
  });

  /** Removes runs from the column of a locked session permanently. Returns the ids of those that it held. */
  *remove(on: SqlConnection, sessionId: string, runIds: ReadonlySet<string>): Steps<string[]> {
    const found = yield* this.sessionWithRuns(on, sessionId);
    const held = (found?.runs ?? []).map(({ runId }) => runId).filter((runId) => runIds.has(runId));
    if (found === null || held.length === 0) {
      return [];
    }
    const json = withoutRuns(found.session, this.location, runIds);
    if ((yield* this.affected(on, this.#setRuns(), { json, sessionId })) !== 1) {
      throw notWritten(`Runs of session ${JSON.stringify(sessionId)} were not removed from ${this.location}.`);
    }
    return held;
  }

  readonly #markCopied = once(() => {
    const { versions } = this.dialect.tables;
    const { tableName, version, createdAt, updatedAt } = versions;
    const row = insertValues({ tableName, version, createdAt, updatedAt });
    return this.write(sql`insert into ${versions} ${row} ${this.#writes.replaceStored(tableName, updatedAt)}`);
  });

  /** Records that everything is copied into this instance of the runs table. */
  *markCopied(on: SqlConnection): Steps<void> {
    yield* this.affected(on, this.#markCopied(), {
      tableName: this.location,
      version: "copied",
      createdAt: new Date().toISOString(),
      updatedAt: yield* this.#runsTableOf(on),
    });
  }

  #decode(row: LegacyRow): Run[] {
    return legacyRuns(row, this.location).map(({ run }) => run);
  }

  #selectLegacy(where: SQL): ReturnType<typeof this.select<LegacyRow>> {
    const { sessions } = this.dialect.tables;
    const { sessionId, sessionType, userId, createdAt } = sessions;
    return this.select<LegacyRow>(
      { sessionId, sessionType, userId, createdAt, runs: this.column },
      sql`${sessions} where ${where}`,
    );
  }

  get column(): SQL {
    return sql`${sql.identifier(getTableName(this.dialect.tables.sessions))}.${sql.identifier("runs")}`;
  }

  get text(): SQL {
    return sql`cast(${this.column} as ${this.dialect.textType ?? sql`char`})`;
  }

  /** Whether a session has anything in the column. */
  get present(): SQL {
    return sql`${this.column} is not null and ${this.text} not in ('null', '[]', '"[]"')`;
  }
}
