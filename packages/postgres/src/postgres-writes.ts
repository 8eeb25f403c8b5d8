import { unixSeconds, type RunRow, type SessionRow } from "@sessiondb/core/adapter";
import {
  bare,
  byShape,
  list,
  lockWait,
  SessionWrites,
  touchShape,
  value,
  type AppendOutcome,
  type SqlConnection,
  type Steps,
  type TouchShape,
} from "@sessiondb/drizzle";
import { getTableColumns, sql, type Column } from "drizzle-orm";
import { PostgresConnection } from "./postgres-connection.ts";

interface AppendShape extends TouchShape {
  /** Whether the statement bounds its own wait for the session's lock. */
  readonly isBounded: boolean;
}

/** True, evaluated before any row is locked: the setting ends with the statement's transaction. */
const boundsWait = sql.raw(`(select set_config('lock_timeout', '${lockWait}', true)) is not null`);

/** The writes of Postgres, with a turn in one round trip. */
export class PostgresWrites extends SessionWrites {
  readonly #append = byShape(({ isBounded, ...shape }: AppendShape) => {
    const { sessions, runs } = this.dialect.tables;
    const columns: Record<string, Column> = getTableColumns(runs);
    const values = Object.keys(columns).map((name) => (name === "runIndex" ? this.placeOfRun() : value(name)));
    // A taken run id refuses the turn, and then the session must not look used.
    return this.write(
      sql`with touched as (
          update ${sessions} set ${bare(sessions.updatedAt)} = greatest(${sessions.updatedAt}, ${value("now")})
          where ${this.touchable(shape)}${isBounded ? sql` and ${boundsWait}` : sql``} and not exists (
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
    // A statement that is a transaction by itself. In another, the setting would outlast it.
    const isBounded = on instanceof PostgresConnection && on.unbounded.includes("lock_timeout");
    const statement = this.#append({ ...touchShape(session), isBounded });
    // The transaction that follows finds out which of the two was refused.
    return (yield* this.affected(on, statement, values)) > 0 ? "stored" : "session refused";
  }
}
