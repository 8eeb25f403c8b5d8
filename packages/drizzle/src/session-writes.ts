import { unixSeconds, type RunRow, type SessionRow } from "@sessiondb/core";
import { getTableColumns, inArray, sql, type Column, type SQL } from "drizzle-orm";
import type { SqlConnection } from "./sql-dialect.ts";
import { bare, chunkPlaceholders, chunks, chunkValues, insertValues, runOrder, value } from "./sql-parts.ts";
import { StatementSet } from "./statement-set.ts";
import type { Steps } from "./steps.ts";

/** Whether a turn was stored at once, or which row stood against it: a missing, unowned or foreign one. */
export type AppendOutcome = "stored" | "session refused" | "run refused";

/** Every statement that writes, in the spelling that SQLite and Postgres share. */
export class SessionWrites extends StatementSet {
  /** Whether `appendRun` is one statement, so that it needs no transaction around it. */
  readonly appendsInOneStatement: boolean = false;

  /** The turn of a session that exists and may be written: touches it and puts the run. Else nothing is written. */
  *appendRun(on: SqlConnection, session: SessionRow<string>, run: RunRow<string>): Steps<AppendOutcome> {
    if (!(yield* this.touchSession(on, session, unixSeconds()))) {
      return "session refused";
    }
    return (yield* this.putRun(on, run)) ? "stored" : "run refused";
  }

  /** Marks a session as just used. False unless it is stored with this type and owner. */
  *touchSession(on: SqlConnection, session: SessionRow<string>, now: number): Steps<boolean> {
    const { sessions } = this.dialect.tables;
    const { sessionId, sessionType, userId } = session;
    const statement = this.once(`touch ${userId === null ? "unowned" : "owned"}`, () => {
      const owner = userId === null ? sql`is null` : sql`= ${value("userId")}`;
      const latest = sql`case when ${sessions.updatedAt} > ${value("now")} then ${sessions.updatedAt} else ${value("now")} end`;
      return this.write(
        sql`update ${sessions} set ${bare(sessions.updatedAt)} = ${latest} where ${sessions.sessionId} = ${value("sessionId")} and ${sessions.sessionType} = ${value("sessionType")} and ${sessions.userId} ${owner}`,
      );
    });
    return (yield* this.affected(on, statement, { sessionId, sessionType, userId, now })) > 0;
  }

  /** False when the session exists. */
  *insertSession(on: SqlConnection, session: SessionRow<string>): Steps<boolean> {
    const { sessions } = this.dialect.tables;
    const statement = this.once("insert session", () =>
      this.write(
        sql`insert into ${sessions} ${insertValues(getTableColumns(sessions))} on conflict (${bare(sessions.sessionId)}) do nothing`,
      ),
    );
    return (yield* this.affected(on, statement, { ...session })) > 0;
  }

  *updateSession(on: SqlConnection, sessionId: string, columns: Partial<SessionRow<string>>): Steps<void> {
    const { sessions } = this.dialect.tables;
    const names = Object.keys(columns) as (keyof SessionRow)[];
    const statement = this.once(`update session ${names.join(" ")}`, () => {
      const assignments = names.map((name) => sql`${bare(sessions[name])} = ${value(name)}`);
      return this.write(
        sql`update ${sessions} set ${sql.join(assignments, sql`, `)} where ${sessions.sessionId} = ${value("id")}`,
      );
    });
    yield* this.affected(on, statement, { ...columns, id: sessionId });
  }

  /**
   * Adds or replaces a run. A run that is stored keeps its place and its creation time; a new one without `runIndex`
   * goes after the last. False when the run id belongs to another session.
   */
  *putRun(on: SqlConnection, run: RunRow<string>): Steps<boolean> {
    const { runs } = this.dialect.tables;
    const statement = this.once("put run", () =>
      this.write(
        sql`insert into ${runs} ${insertValues(getTableColumns(runs), { runIndex: this.placeOfRun() })} ${this.replaceRun()}`,
      ),
    );
    return (yield* this.affected(on, statement, { ...run })) > 0;
  }

  /** The index given to a run, or the one after the session's last. */
  protected placeOfRun(): SQL {
    const { runs } = this.dialect.tables;
    return sql`coalesce(${value("runIndex")}, (select coalesce(max(${runs.runIndex}) + 1, 0) from ${runs} where ${runs.sessionId} = ${value("sessionId")}))`;
  }

  /** What an insert does with a run that is stored: replaces it in its place, unless it is in another session. */
  protected replaceRun(): SQL {
    const { runs } = this.dialect.tables;
    const kept = ["runId", "sessionId", "createdAt", "runIndex"];
    const replaced = Object.entries<Column>(getTableColumns(runs)).filter(([name]) => !kept.includes(name));
    const assignments = [
      ...replaced.map(([, column]) => sql`${bare(column)} = excluded.${bare(column)}`),
      sql`${bare(runs.runIndex)} = coalesce(${runs.runIndex}, excluded.${bare(runs.runIndex)})`,
    ];
    return sql`on conflict (${bare(runs.runId)}) do update set ${sql.join(assignments, sql`, `)} where ${runs.sessionId} = excluded.${bare(runs.sessionId)}`;
  }

  /** Deletes sessions and their runs, also where no foreign key does it. */
  *deleteSessions(on: SqlConnection, sessionIds: readonly string[]): Steps<number> {
    const { sessions, runs } = this.dialect.tables;
    let deleted = 0;
    for (const chunk of chunks(sessionIds)) {
      const ids = chunkPlaceholders(chunk);
      const runsOf = this.once(`delete runs of ${chunk.length}`, () =>
        this.write(sql`delete from ${runs} where ${inArray(runs.sessionId, ids)}`),
      );
      yield* this.affected(on, runsOf, chunkValues(chunk));
      const rows = this.once(`delete sessions ${chunk.length}`, () =>
        this.write(sql`delete from ${sessions} where ${inArray(sessions.sessionId, ids)}`),
      );
      deleted += yield* this.affected(on, rows, chunkValues(chunk));
    }
    return deleted;
  }

  *deleteRuns(on: SqlConnection, runIds: readonly string[]): Steps<void> {
    const { runs } = this.dialect.tables;
    for (const chunk of chunks(runIds)) {
      const statement = this.once(`delete runs ${chunk.length}`, () =>
        this.write(sql`delete from ${runs} where ${inArray(runs.runId, chunkPlaceholders(chunk))}`),
      );
      yield* this.affected(on, statement, chunkValues(chunk));
    }
  }

  /** Numbers the runs of a session 0, 1, 2 … in their order. */
  *renumberRuns(on: SqlConnection, sessionId: string): Steps<void> {
    const { runs } = this.dialect.tables;
    const statement = this.once("renumber runs", () => {
      const ranked = sql`select ${runs.runId} as id, row_number() over (order by ${runs.runIndex} is not null, ${runOrder(this.dialect, "asc")}) - 1 as place from ${runs} where ${runs.sessionId} = ${value("sessionId")}`;
      return this.write(
        sql`update ${runs} set ${bare(runs.runIndex)} = ranked.place from (${ranked}) as ranked where ${runs.runId} = ranked.id and (${runs.runIndex} is null or ${runs.runIndex} <> ranked.place)`,
      );
    });
    yield* this.affected(on, statement, { sessionId });
  }

  *setRunIndex(on: SqlConnection, runId: string, runIndex: number): Steps<void> {
    const { runs } = this.dialect.tables;
    const statement = this.once("set run index", () =>
      this.write(
        sql`update ${runs} set ${bare(runs.runIndex)} = ${value("runIndex")} where ${runs.runId} = ${value("runId")}`,
      ),
    );
    yield* this.affected(on, statement, { runId, runIndex });
  }
}
