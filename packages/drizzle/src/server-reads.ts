import type { RunsWanted } from "@sessiondb/core/adapter";
import { sql, type Column, type SQL } from "drizzle-orm";
import { SessionReads, type SessionWithRuns } from "./session-reads.ts";
import type { SqlConnection } from "./sql-driver.ts";
import {
  list,
  runSelection,
  sessionSelection,
  value,
  type ListedRow,
  type RawSession,
  type StoredRun,
} from "./sql-parts.ts";
import { byShape, once } from "./statement-set.ts";
import { Statement } from "./statement.ts";
import type { Steps } from "./steps.ts";

/** A selection of a session's runs. */
export interface WantedRuns {
  readonly sessionId: string;
  readonly wanted: Exclude<RunsWanted, "none">;
}

/**
 * The reads of databases where each statement costs a round trip. One statement reads sessions with their runs: a row
 * for each session, and one for each run with the session's columns empty, so that nothing is repeated.
 */
export abstract class ServerReads extends SessionReads {
  /** Selects the newest runs, after a condition on their session: `limit` of them, and enough to show if more tie. */
  protected abstract get newest(): SQL;

  /** The wanted runs among those read, in the session's order. */
  protected abstract inOrder(on: SqlConnection, runs: StoredRun[], wanted: WantedRuns): Steps<StoredRun[]>;

  /** Statements, made by `union`, that together read the sessions of a page and their runs. */
  protected abstract ofPage(
    page: readonly ListedRow[],
    isAll: boolean,
  ): readonly { readonly statement: Statement<RawSession>; readonly values: Record<string, unknown> }[];

  protected union(parts: readonly SQL[]): Statement<RawSession> {
    const { sessions } = this.dialect.tables;
    return new Statement(this.dialect, sql.join([...parts], sql` union all `), sessionSelection(sessions));
  }

  /** The columns of a session's row in the union. */
  protected get sessionColumns(): SQL {
    const { sessions, runs } = this.dialect.tables;
    return list([...Object.values(sessionSelection(sessions)), ...nulls(runSelection(runs))]);
  }

  /** The columns of a run's row in the union. */
  protected runColumns(spell: (column: Column) => SQL = (column) => sql`${column}`): SQL {
    const { sessions, runs } = this.dialect.tables;
    const columns = Object.values<Column>(runSelection(runs) as never);
    return list([...nulls(sessionSelection(sessions)), ...columns.map(spell)]);
  }

  readonly #sessionWithRuns = byShape(({ isAll }: { isAll: boolean }) => {
    const { sessions, runs } = this.dialect.tables;
    const newest = isAll ? sql`` : sql` and ${this.newest}`;
    return this.union([
      sql`select ${this.sessionColumns} from ${sessions} where ${sessions.sessionId} = ${value("sessionId")}`,
      sql`(
        select ${this.runColumns()} from ${runs}
        where ${runs.sessionId} = ${value("sessionId")}${newest})`,
    ]);
  });

  override *sessionWithRuns(on: SqlConnection, sessionId: string, wanted: RunsWanted): Steps<SessionWithRuns | null> {
    if (wanted === "none") {
      return yield* super.sessionWithRuns(on, sessionId, wanted);
    }
    const statement = this.#sessionWithRuns({ isAll: wanted === "all" });
    const { sessions, runs } = this.#split(statement, yield* this.raw(on, statement, { sessionId, ...limits(wanted) }));
    const [session] = sessions;
    return session === undefined ? null : { session, runs: yield* this.inOrder(on, runs, { sessionId, wanted }) };
  }

  override *withRuns(
    on: SqlConnection,
    page: readonly ListedRow[],
    wanted: WantedRuns["wanted"],
  ): Steps<ReadonlyMap<string, SessionWithRuns>> {
    const found = new Map<string, SessionWithRuns>();
    for (const { statement, values } of this.ofPage(page, wanted === "all")) {
      const rows = yield* this.raw(on, statement, { ...values, ...limits(wanted) });
      const { sessions, runs } = this.#split(statement, rows);
      const runsOf = new Map(sessions.map(({ sessionId }): [string, StoredRun[]] => [sessionId, []]));
      for (const run of runs) {
        const ofSession = runsOf.get(run.sessionId);
        if (ofSession === undefined) {
          // Agno's tables may compare ids without case, so a run may spell its session's id differently.
          return yield* super.withRuns(on, page, wanted);
        }
        ofSession.push(run);
      }
      for (const session of sessions) {
        const { sessionId } = session;
        const ordered = yield* this.inOrder(on, runsOf.get(sessionId) ?? [], { sessionId, wanted });
        found.set(sessionId, { session, runs: ordered });
      }
    }
    return found;
  }

  readonly #runOfRow = once(
    () => new Statement<StoredRun>(this.dialect, sql``, runSelection(this.dialect.tables.runs)),
  );

  #split(statement: Statement<RawSession>, rows: readonly unknown[][]): { sessions: RawSession[]; runs: StoredRun[] } {
    const { width } = statement;
    const run = this.#runOfRow();
    return {
      sessions: rows.filter((row) => row[width] === null).map((row) => statement.decode(row)),
      runs: rows.filter((row) => row[width] !== null).map((row) => run.decode(row.slice(width))),
    };
  }
}

const nulls = (selection: object): SQL[] => Object.keys(selection).map(() => sql`null`);

function limits(wanted: WantedRuns["wanted"]): { limit: number | null; oneMore: number | null } {
  return wanted === "all" ? { limit: null, oneMore: null } : { limit: wanted, oneMore: wanted + 1 };
}
