import type { SessionType } from "@sessiondb/core";
import { componentColumns, unixSeconds, type RunRow, type SessionRow } from "@sessiondb/core/adapter";
import { getTableColumns, getTableName, inArray, sql, type Column, type SQL } from "drizzle-orm";
import type { ClearedRows, Deletion } from "./cleared-tables.ts";
import { notWritten } from "./not-written.ts";
import type { SqlConnection } from "./sql-driver.ts";
import { bare, chunkPlaceholders, chunks, chunkValues, insertValues, list, runOrder, value } from "./sql-parts.ts";
import { StatementSet } from "./statement-set.ts";
import type { Steps } from "./steps.ts";

/**
 * Whether a turn was stored at once, or which row stood against it: a session that is missing, unowned, foreign or without
 * the component that the turn fills in, or a run of another session.
 */
export type AppendOutcome = "stored" | "session refused" | "run refused";

/** Every statement that writes, in the spelling that SQLite and Postgres share. */
export class SessionWrites extends StatementSet {
  /** The turn of a session that exists and may be written: touches it and puts the run. Else nothing is written. */
  *appendRun(on: SqlConnection, session: SessionRow<string>, run: RunRow<string>): Steps<AppendOutcome> {
    if (!(yield* this.touchSession(on, session, unixSeconds()))) {
      return "session refused";
    }
    return (yield* this.putRun(on, run)) ? "stored" : "run refused";
  }

  /** Marks a session as just used. False unless it is stored with this type and owner, and lacks nothing to fill in. */
  *touchSession(on: SqlConnection, session: SessionRow<string>, now: number): Steps<boolean> {
    const { sessions } = this.dialect.tables;
    const { sessionId, sessionType, userId } = session;
    const { shape, where } = this.touchable(session);
    const statement = this.once(`touch ${shape}`, () => {
      const latest = sql`case when ${sessions.updatedAt} > ${value("now")} then ${sessions.updatedAt} else ${value("now")} end`;
      return this.write(sql`update ${sessions} set ${bare(sessions.updatedAt)} = ${latest} where ${where()}`);
    });
    return (yield* this.affected(on, statement, { sessionId, sessionType, ownerId: userId, now })) > 0;
  }

  /** Which stored session a turn may touch at once. */
  protected touchable(session: SessionRow<string>): { readonly shape: string; readonly where: () => SQL } {
    const { sessions } = this.dialect.tables;
    const isOwned = session.userId !== null;
    const present = componentColumns[session.sessionType as SessionType].filter((name) => session[name] !== null);
    return {
      shape: `${isOwned ? "owned" : "unowned"} ${present.join(" ")}`,
      where: () => {
        const owner = isOwned ? sql`= ${value("ownerId")}` : sql`is null`;
        const complete = present.map((name) => sql` and ${this.#isFilled(name)}`);
        return sql`${sessions.sessionId} = ${value("sessionId")} and ${sessions.sessionType} = ${value("sessionType")} and ${sessions.userId} ${owner}${sql.join(complete, sql``)}`;
      },
    };
  }

  /** Agno writes JSON null where a component has no data. */
  #isFilled(name: (typeof componentColumns)[SessionType][number]): SQL {
    const column = this.dialect.tables.sessions[name];
    return name.endsWith("Data")
      ? sql`cast(${column} as ${this.dialect.textType ?? sql`char`}) <> 'null'`
      : sql`${column} is not null`;
  }

  /** What an insert does with a row whose key is stored: takes over one column of the new row. */
  replaceStored(key: Column, column: Column): SQL {
    return sql`on conflict (${bare(key)}) do update set ${bare(column)} = excluded.${bare(column)}`;
  }

  /** False when the session exists, and when runs are stored under its id without it, which would become its own. */
  *insertSession(on: SqlConnection, session: SessionRow<string>): Steps<boolean> {
    const { sessions } = this.dialect.tables;
    const statement = this.once("insert session", () =>
      this.write(
        sql`insert into ${sessions} ${this.newSession()} on conflict (${bare(sessions.sessionId)}) do nothing`,
      ),
    );
    return (yield* this.affected(on, statement, { ...session })) > 0;
  }

  /** What is inserted for a session: a row, or none where its id has runs. */
  protected newSession(): SQL {
    const { sessions, runs } = this.dialect.tables;
    const columns: Record<string, Column> = getTableColumns(sessions);
    const runsOfId = sql`select 1 from ${runs} where ${runs.sessionId} = ${value("sessionId")}`;
    return sql`(${list(Object.values(columns).map(bare))}) select ${list(Object.keys(columns).map(value))} where not exists (${runsOfId})`;
  }

  /** Changes a session that is locked. */
  *updateSession(on: SqlConnection, sessionId: string, columns: Partial<SessionRow<string>>): Steps<void> {
    const { sessions } = this.dialect.tables;
    const names = Object.keys(columns) as (keyof SessionRow)[];
    const statement = this.once(`update session ${names.join(" ")}`, () => {
      const assignments = names.map((name) => sql`${bare(sessions[name])} = ${value(name)}`);
      return this.write(
        sql`update ${sessions} set ${sql.join(assignments, sql`, `)} where ${sessions.sessionId} = ${value("id")}`,
      );
    });
    if ((yield* this.affected(on, statement, { ...columns, id: sessionId })) !== 1) {
      throw notWritten(`Session ${JSON.stringify(sessionId)} was not updated in ${getTableName(sessions)}.`);
    }
  }

  /**
   * Adds or replaces a run. A run that is stored keeps its place and, unless `keepsTime`, its creation time; a new one
   * without `runIndex` goes after the last. False when nothing was written, most likely since the run id belongs to another
   * session.
   */
  *putRun(on: SqlConnection, run: RunRow<string>, keepsTime = false): Steps<boolean> {
    const { runs } = this.dialect.tables;
    const statement = this.once(`put run ${keepsTime ? "with its time" : ""}`, () =>
      this.write(
        sql`insert into ${runs} ${insertValues(getTableColumns(runs), { runIndex: this.placeOfRun() })} ${this.replaceRun(keepsTime)}`,
      ),
    );
    return (yield* this.affected(on, statement, { ...run })) > 0;
  }

  /** The index given to a run, or the one after the session's last. */
  protected placeOfRun(): SQL {
    const { runs } = this.dialect.tables;
    // A whole number that can be read, whatever another program has stored as the last place.
    const last = sql`max(${runs.runIndex})`;
    const most = sql.raw(String(Number.MAX_SAFE_INTEGER));
    const next = sql`case when ${last} >= ${most} then ${most} else coalesce(cast(${last} as bigint) + 1, 0) end`;
    return sql`coalesce(${value("runIndex")}, (select ${next} from ${runs} where ${runs.sessionId} = ${value("sessionId")}))`;
  }

  /** What an insert does with a run that is stored: replaces it in its place, unless it is in another session. */
  protected replaceRun(keepsTime = false): SQL {
    const { runs } = this.dialect.tables;
    const assignments = [
      ...this.replacedColumns(keepsTime).map((column) => sql`${bare(column)} = excluded.${bare(column)}`),
      sql`${bare(runs.runIndex)} = coalesce(${runs.runIndex}, excluded.${bare(runs.runIndex)})`,
    ];
    return sql`on conflict (${bare(runs.runId)}) do update set ${sql.join(assignments, sql`, `)} where ${runs.sessionId} = excluded.${bare(runs.sessionId)}`;
  }

  /** The columns that a run which is stored takes over from the one written. */
  protected replacedColumns(keepsTime: boolean): Column[] {
    const kept = ["runId", "sessionId", "runIndex", ...(keepsTime ? [] : ["createdAt"])];
    return Object.entries<Column>(getTableColumns(this.dialect.tables.runs)).flatMap(([name, column]) =>
      kept.includes(name) ? [] : [column],
    );
  }

  /** Deletes sessions with the rows of other tables that go with them, also where no foreign key does it. */
  *deleteSessions(on: SqlConnection, sessionIds: readonly string[], deletion: Deletion): Steps<number> {
    const { sessions } = this.dialect.tables;
    const { before, after } = yield* deletion.clearing(on);
    let deleted = 0;
    for (const chunk of chunks(sessionIds)) {
      yield* this.#clear(on, chunk, { rows: before, deletion });
      const rows = this.once(`delete sessions ${chunk.length}`, () =>
        this.write(sql`delete from ${sessions} where ${inArray(sessions.sessionId, chunkPlaceholders(chunk))}`),
      );
      deleted += yield* this.affected(on, rows, chunkValues(chunk));
      yield* this.#clear(on, chunk, { rows: after, deletion });
    }
    return deleted;
  }

  *#clear(
    on: SqlConnection,
    chunk: readonly string[],
    { rows, deletion }: { rows: readonly ClearedRows[]; deletion: Deletion },
  ): Steps<void> {
    for (const { key, tables, remove } of rows) {
      const statement = this.once(`clear ${key} of ${chunk.length}`, () =>
        this.write(remove(chunkPlaceholders(chunk))),
      );
      deletion.clears = tables[0].name;
      yield* this.affected(on, statement, chunkValues(chunk));
    }
    deletion.clears = null;
  }

  *deleteRuns(on: SqlConnection, runIds: readonly string[]): Steps<number> {
    const { runs } = this.dialect.tables;
    let deleted = 0;
    for (const chunk of chunks(runIds)) {
      const statement = this.once(`delete runs ${chunk.length}`, () =>
        this.write(sql`delete from ${runs} where ${inArray(runs.runId, chunkPlaceholders(chunk))}`),
      );
      deleted += yield* this.affected(on, statement, chunkValues(chunk));
    }
    return deleted;
  }

  /** Numbers the runs of a session 0, 1, 2 … in their order. */
  *renumberRuns(on: SqlConnection, sessionId: string): Steps<void> {
    const { runs } = this.dialect.tables;
    const statement = this.once("renumber runs", () => this.write(this.renumbering(this.#ranked)));
    if ((yield* this.affected(on, statement, { sessionId })) > 0) {
      return;
    }
    // Nothing to do, or nothing done.
    const misplaced = this.once("misplaced runs", () =>
      this.select<{ id: string }>(
        { id: sql`ranked.id` },
        sql`(${this.#ranked}) as ranked where ranked.place <> ranked.place_now or ranked.place_now is null limit 1`,
      ),
    );
    if ((yield* this.rows(on, misplaced, { sessionId })).length > 0) {
      throw notWritten(`The runs of session ${JSON.stringify(sessionId)} were not numbered in ${getTableName(runs)}.`);
    }
  }

  /** Puts each run that is not in its place there. `ranked` are the runs of the session, with their places. */
  protected renumbering(ranked: SQL): SQL {
    const { runs } = this.dialect.tables;
    return sql`update ${runs} set ${bare(runs.runIndex)} = ranked.place from (${ranked}) as ranked where ${runs.runId} = ranked.id and (${runs.runIndex} is null or ${runs.runIndex} <> ranked.place)`;
  }

  get #ranked(): SQL {
    const { runs } = this.dialect.tables;
    return sql`select ${runs.runId} as id, ${runs.runIndex} as place_now, row_number() over (order by ${runs.runIndex} is not null, ${runOrder(this.dialect, "asc")}) - 1 as place from ${runs} where ${runs.sessionId} = ${value("sessionId")}`;
  }

  *setRunIndex(on: SqlConnection, runId: string, runIndex: number): Steps<void> {
    const { runs } = this.dialect.tables;
    const statement = this.once("set run index", () =>
      this.write(
        sql`update ${runs} set ${bare(runs.runIndex)} = ${value("runIndex")} where ${runs.runId} = ${value("runId")}`,
      ),
    );
    if ((yield* this.affected(on, statement, { runId, runIndex })) !== 1) {
      throw notWritten(`Run ${JSON.stringify(runId)} was not moved in ${getTableName(runs)}.`);
    }
  }
}
