import type { SessionType } from "@sessiondb/core";
import { componentColumns, unixSeconds, type RunRow, type SessionRow } from "@sessiondb/core/adapter";
import { getTableColumns, inArray, sql, type Column, type SQL } from "drizzle-orm";
import type { ClearedRows, Deletion } from "./cleared-tables.ts";
import { notWritten } from "./not-written.ts";
import { PlaceWrites } from "./place-writes.ts";
import type { SqlConnection, StatementResult } from "./sql-driver.ts";
import { bare, chunks, idValues, idPlaceholders, insertValues, list, orphansOf, value } from "./sql-parts.ts";
import type { Statement } from "./statement.ts";
import { byShape, once } from "./statement-set.ts";
import type { Steps } from "./steps.ts";

/**
 * Whether a turn was stored at once, or which row prevented it: a session that is missing, unowned, foreign or without
 * the component that the turn fills in, or a run of another session.
 */
export type AppendOutcome = "stored" | "session refused" | "run refused";

/** The properties that distinguish turns which may be stored at once. */
export interface TouchShape {
  readonly isOwned: boolean;
  /** The columns that the turn would fill in. */
  readonly filled: readonly (typeof componentColumns)[SessionType][number][];
}

/** Every statement that writes, in the spelling that SQLite and Postgres share. */
export class SessionWrites extends PlaceWrites {
  /** Stores a turn of a session that exists and may be written: touches it and puts the run. Else writes nothing. */
  *appendRun(on: SqlConnection, session: SessionRow<string>, run: RunRow<string>): Steps<AppendOutcome> {
    if (!(yield* this.touchSession(on, session, unixSeconds()))) {
      return "session refused";
    }
    return (yield* this.putRun(on, run)) ? "stored" : "run refused";
  }

  readonly #touch = byShape((shape: TouchShape) => {
    const { sessions } = this.dialect.tables;
    const { updatedAt } = sessions;
    const now = value("now");
    return this.write(
      sql`update ${sessions}
        set ${bare(updatedAt)} = case when ${updatedAt} > ${now} then ${updatedAt} else ${now} end
        where ${this.touchable(shape)}`,
    );
  });

  /** Marks a session as just used. False unless it is stored with this type and owner and has nothing to fill in. */
  *touchSession(on: SqlConnection, session: SessionRow<string>, now: number): Steps<boolean> {
    const { sessionId, sessionType, userId: ownerId } = session;
    const values = { sessionId, sessionType, ownerId, now };
    return (yield* this.affected(on, this.#touch(touchShape(session)), values)) > 0;
  }

  /** The condition on a stored session that a turn may touch at once. */
  protected touchable({ isOwned, filled }: TouchShape): SQL {
    const { sessionId, sessionType, userId } = this.dialect.tables.sessions;
    const owner = isOwned ? sql`= ${value("ownerId")}` : sql`is null`;
    const complete = filled.map((name) => sql` and ${this.#isFilled(name)}`);
    return sql`${sessionId} = ${value("sessionId")} and ${sessionType} = ${value("sessionType")}
      and ${userId} ${owner}${sql.join(complete, sql``)}`;
  }

  /** Agno writes JSON null where a component has no data. */
  #isFilled(name: (typeof componentColumns)[SessionType][number]): SQL {
    const column = this.dialect.tables.sessions[name];
    return name.endsWith("Data")
      ? sql`cast(${column} as ${this.dialect.textType ?? sql`char`}) <> 'null'`
      : sql`${column} is not null`;
  }

  /** Used by an insert whose key is stored: takes over one column of the new row. */
  replaceStored(key: Column, column: Column): SQL {
    return sql`on conflict (${bare(key)}) do update set ${bare(column)} = excluded.${bare(column)}`;
  }

  readonly #insertSession = once(() => {
    const { sessions } = this.dialect.tables;
    const { sessionId, createdAt } = sessions;
    // An update that changes nothing still locks the row; "do nothing" would leave it to whoever deletes it next.
    return this.write(
      sql`insert into ${sessions} ${this.newSession()}
        on conflict (${bare(sessionId)}) do update set ${bare(createdAt)} = ${createdAt} where false`,
    );
  });

  /**
   * False if the session exists, which is then locked, or if orphaned runs are stored under its id, which would become
   * its own.
   */
  *insertSession(on: SqlConnection, session: SessionRow<string>): Steps<boolean> {
    return (yield* this.affected(on, this.#insertSession(), { ...session })) > 0;
  }

  /** The row to insert for a session, or none if its id has orphaned runs. */
  protected newSession(): SQL {
    const columns: Record<string, Column> = getTableColumns(this.dialect.tables.sessions);
    return sql`(${list(Object.values(columns).map(bare))})
      select ${list(Object.keys(columns).map(value))} where not exists (select 1 from ${orphansOf(this.dialect)})`;
  }

  readonly #updateSession = byShape((names: readonly (keyof SessionRow)[]) => {
    const { sessions } = this.dialect.tables;
    const assignments = names.map((name) => sql`${bare(sessions[name])} = ${value(name)}`);
    return this.write(sql`update ${sessions} set ${list(assignments)} where ${sessions.sessionId} = ${value("id")}`);
  });

  /** Changes a locked session. */
  *updateSession(on: SqlConnection, sessionId: string, columns: Partial<SessionRow<string>>): Steps<void> {
    const statement = this.#updateSession(Object.keys(columns) as (keyof SessionRow)[]);
    if ((yield* this.affected(on, statement, { ...columns, id: sessionId })) !== 1) {
      throw notWritten(`Session ${JSON.stringify(sessionId)} was not updated in ${this.dialect.names.sessions}.`);
    }
  }

  readonly #putRun = byShape(({ keepsTime }: { keepsTime: boolean }) => {
    const { runs } = this.dialect.tables;
    const row = insertValues(getTableColumns(runs), { runIndex: this.placeOfRun() });
    return this.write(sql`insert into ${runs} ${row} ${this.replaceRun(keepsTime)}`);
  });

  /**
   * Adds or replaces a run. A stored run keeps its place and, unless `keepsTime`, its creation time; a new one without
   * `runIndex` goes after the last. False if nothing was written, most likely because the run id belongs to another
   * session.
   */
  *putRun(on: SqlConnection, run: RunRow<string>, keepsTime = false): Steps<boolean> {
    return (yield* this.affected(on, this.#putRun({ keepsTime }), { ...run })) > 0;
  }

  readonly #insertRuns = byShape((count: number) => {
    const { runs } = this.dialect.tables;
    const columns: Record<string, Column> = getTableColumns(runs);
    const row = sql`(${list(Object.keys(columns).map(value))})`;
    return this.write(
      sql`insert into ${runs} (${list(Object.values(columns).map(bare))})
        values ${list(Array.from({ length: count }, () => row))} ${this.keepStored()}`,
    );
  });

  /** Adds runs with their places. A row that is stored already stays as it is. Whether all were new. */
  *insertRuns(on: SqlConnection, runs: readonly RunRow<string>[]): Steps<boolean> {
    const one = this.#insertRuns(1);
    let areNew = true;
    // In chunks whose lengths are powers of two, so that few statements are prepared.
    for (let rest = runs; rest.length > 0;) {
      const chunk = rest.slice(0, 2 ** Math.floor(Math.log2(rest.length)));
      const values = chunk.flatMap((run) => one.bind({ ...run }));
      const result = yield* this.execute(on, this.#insertRuns(chunk.length), values);
      areNew &&= this.hasInserted(result, chunk.length);
      rest = rest.slice(chunk.length);
    }
    return areNew;
  }

  /** Whether an insert that leaves stored rows as they are has met none. */
  protected hasInserted({ affected }: StatementResult, rows: number): boolean {
    return affected === rows;
  }

  /** Used by an insert whose run is stored: leaves it as it is. */
  protected keepStored(): SQL {
    return sql`on conflict (${bare(this.dialect.tables.runs.runId)}) do nothing`;
  }

  /** The given index of a run, or the one after the session's last. */
  protected placeOfRun(): SQL {
    const { runs } = this.dialect.tables;
    // A readable whole number, whatever another program has stored as the last place.
    const last = sql`max(${runs.runIndex})`;
    const most = sql.raw(String(Number.MAX_SAFE_INTEGER));
    const next = sql`case when ${last} >= ${most} then ${most} else coalesce(cast(${last} as bigint) + 1, 0) end`;
    return sql`coalesce(${value("runIndex")}, (
      select ${next} from ${runs} where ${runs.sessionId} = ${value("sessionId")}))`;
  }

  /** Used by an insert whose run is stored: replaces it in its place, unless it is in another session. */
  protected replaceRun(keepsTime = false): SQL {
    const { runs } = this.dialect.tables;
    const assignments = [
      ...this.replacedColumns(keepsTime).map((column) => sql`${bare(column)} = excluded.${bare(column)}`),
      sql`${bare(runs.runIndex)} = coalesce(${runs.runIndex}, excluded.${bare(runs.runIndex)})`,
    ];
    return sql`on conflict (${bare(runs.runId)}) do update set ${list(assignments)}
      where ${runs.sessionId} = excluded.${bare(runs.sessionId)}`;
  }

  /** The columns that a stored run takes over from the written one. */
  protected replacedColumns(keepsTime: boolean): Column[] {
    const kept = ["runId", "sessionId", "runIndex", ...(keepsTime ? [] : ["createdAt"])];
    return Object.entries<Column>(getTableColumns(this.dialect.tables.runs)).flatMap(([name, column]) =>
      kept.includes(name) ? [] : [column],
    );
  }

  readonly #deleteSessions = byShape((count: number) => {
    const { sessions } = this.dialect.tables;
    return this.write(sql`delete from ${sessions} where ${inArray(sessions.sessionId, idPlaceholders(count))}`);
  });

  /** Deletes sessions and their rows in other tables, even where no foreign key does so. */
  *deleteSessions(on: SqlConnection, sessionIds: readonly string[], deletion: Deletion): Steps<number> {
    const { before, after } = yield* deletion.clearing(on);
    let deleted = 0;
    for (const chunk of chunks(sessionIds)) {
      yield* this.#clear(on, chunk, { rows: before, deletion });
      deleted += yield* this.affected(on, this.#deleteSessions(chunk.length), idValues(chunk));
      yield* this.#clear(on, chunk, { rows: after, deletion });
    }
    return deleted;
  }

  /** Deletes sessions that this transaction has inserted. */
  withdrawSessions(on: SqlConnection, sessionIds: readonly string[]): Steps<number> {
    return this.#deleteAll(on, sessionIds, this.#deleteSessions);
  }

  *#clear(
    on: SqlConnection,
    chunk: readonly string[],
    { rows, deletion }: { rows: readonly ClearedRows[]; deletion: Deletion },
  ): Steps<void> {
    for (const { tables, remove } of rows) {
      deletion.clears = tables[0].name;
      yield* this.affected(on, remove(chunk.length), idValues(chunk));
    }
    deletion.clears = null;
  }

  readonly #deleteRuns = byShape((count: number) => {
    const { runs } = this.dialect.tables;
    return this.write(sql`delete from ${runs} where ${inArray(runs.runId, idPlaceholders(count))}`);
  });

  deleteRuns(on: SqlConnection, runIds: readonly string[]): Steps<number> {
    return this.#deleteAll(on, runIds, this.#deleteRuns);
  }

  *#deleteAll(
    on: SqlConnection,
    ids: readonly string[],
    statement: (count: number) => Statement<never>,
  ): Steps<number> {
    let deleted = 0;
    for (const chunk of chunks(ids)) {
      deleted += yield* this.affected(on, statement(chunk.length), idValues(chunk));
    }
    return deleted;
  }
}

export function touchShape(session: SessionRow<string>): TouchShape {
  const columns = componentColumns[session.sessionType as SessionType];
  return { isOwned: session.userId !== null, filled: columns.filter((name) => session[name] !== null) };
}
