import { unixSeconds, type RunRow, type SessionRow } from "@sessiondb/core/adapter";
import {
  bare,
  list,
  SessionWrites,
  value,
  type AppendOutcome,
  type SqlConnection,
  type Steps,
} from "@sessiondb/drizzle";
import { getTableColumns, sql, type Column } from "drizzle-orm";

/** The turn in one round trip. */
export class PostgresWrites extends SessionWrites {
  /**
   * One statement. Two that run at once may give their runs one index, since each sees what was committed when it began;
   * one that begins after the other was acknowledged sorts after it.
   */
  override *appendRun(on: SqlConnection, session: SessionRow<string>, run: RunRow<string>): Steps<AppendOutcome> {
    const { sessionId, sessionType, userId: ownerId } = session;
    const { sessions, runs } = this.dialect.tables;
    const { shape, where } = this.touchable(session);
    const statement = this.once(`append ${shape}`, () => {
      // A run id that is taken refuses the turn, and then the session must not look used.
      const taken = sql`select 1 from ${runs}
        where ${runs.runId} = ${value("runId")} and ${runs.sessionId} <> ${value("sessionId")}`;
      const touched = sql`update ${sessions}
        set ${bare(sessions.updatedAt)} = greatest(${sessions.updatedAt}, ${value("now")})
        where ${where()} and not exists (${taken}) returning 1`;
      const columns: Record<string, Column> = getTableColumns(runs);
      const values = Object.keys(columns).map((name) => (name === "runIndex" ? this.placeOfRun() : value(name)));
      const names = list(Object.values(columns).map((column) => bare(column)));
      return this.write(
        sql`with touched as (${touched}) insert into ${runs} (${names})
          select ${list(values)} from touched ${this.replaceRun()}`,
      );
    });
    const values = { ...run, sessionId, sessionType, ownerId, now: unixSeconds() };
    // Which of the two was refused, the transaction that follows finds out.
    return (yield* this.affected(on, statement, values)) > 0 ? "stored" : "session refused";
  }
}
