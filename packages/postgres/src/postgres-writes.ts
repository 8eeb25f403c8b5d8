import { unixSeconds, type RunRow, type SessionRow } from "@sessiondb/core/adapter";
import {
  bare,
  byShape,
  list,
  SessionWrites,
  touchShape,
  value,
  type AppendOutcome,
  type SqlConnection,
  type Steps,
  type TouchShape,
} from "@sessiondb/drizzle";
import { getTableColumns, sql, type Column } from "drizzle-orm";

/** The writes of Postgres, with a turn in one round trip. */
export class PostgresWrites extends SessionWrites {
  readonly #append = byShape((shape: TouchShape) => {
    const { sessions, runs } = this.dialect.tables;
    const columns: Record<string, Column> = getTableColumns(runs);
    const values = Object.keys(columns).map((name) => (name === "runIndex" ? this.placeOfRun() : value(name)));
    // A taken run id refuses the turn, and then the session must not look used.
    return this.write(
      sql`with touched as (
          update ${sessions} set ${bare(sessions.updatedAt)} = greatest(${sessions.updatedAt}, ${value("now")})
          where ${this.touchable(shape)} and not exists (
            select 1 from ${runs}
            where ${runs.runId} = ${value("runId")} and ${runs.sessionId} <> ${value("sessionId")})
          returning 1)
        insert into ${runs} (${list(Object.values(columns).map(bare))})
        select ${list(values)} from touched
        ${this.replaceRun()}`,
    );
  });

  /**
   * Uses one statement. Two that run at once may give their runs the same index, since each sees what was committed
   * when it began; one that begins after the other was acknowledged sorts after it.
   */
  override *appendRun(on: SqlConnection, session: SessionRow<string>, run: RunRow<string>): Steps<AppendOutcome> {
    const values = { sessionType: session.sessionType, ownerId: session.userId, now: unixSeconds(), ...run };
    // The transaction that follows finds out which of the two was refused.
    return (yield* this.affected(on, this.#append(touchShape(session)), values)) > 0 ? "stored" : "session refused";
  }
}
