import type { RunListQuery, RunsWanted, SessionConditions, SessionListQuery, SessionRow } from "@sessiondb/core";
import { skippedHistoryStatuses } from "@sessiondb/core";
import { asc, desc, inArray, sql, type SQL } from "drizzle-orm";
import { runConditions, runConditionValues, sessionConditions, sessionTimestamp } from "./conditions.ts";
import type { SqlConnection } from "./sql-dialect.ts";
import {
  byBytes,
  chunkPlaceholders,
  chunks,
  chunkValues,
  following,
  parseSession,
  runOrder,
  runSelection,
  sessionSelection,
  value,
  whereOf,
  type RawSession,
  type StoredRun,
} from "./sql-parts.ts";
import type { Statement } from "./statement.ts";
import { StatementSet } from "./statement-set.ts";
import type { Steps } from "./steps.ts";

export type RunOfSession = StoredRun & { readonly ownerId: string | null };
export interface SessionWithRuns {
  readonly session: SessionRow;
  readonly runs: readonly StoredRun[];
}

export type SessionIdentity = Pick<SessionRow, "sessionId" | "userId">;

/** Every statement that reads, on every SQL database. */
export class SessionReads extends StatementSet {
  protected following(columns: readonly SQL[], names: readonly string[], order: "asc" | "desc"): SQL {
    return (this.dialect.following ?? following)(columns, names, order);
  }

  /** A session with the runs wanted of its rows, or null. A dialect may spell it as one statement. */
  *sessionWithRuns(on: SqlConnection, sessionId: string, wanted: RunsWanted): Steps<SessionWithRuns | null> {
    const session = yield* this.session(on, sessionId);
    return session && { session, runs: yield* this.runsOf(on, sessionId, wanted) };
  }

  *runsOf(on: SqlConnection, sessionId: string, wanted: RunsWanted): Steps<StoredRun[]> {
    if (wanted === "none") {
      return [];
    }
    return yield* wanted === "all" ? this.allRuns(on, sessionId) : this.newestRuns(on, sessionId, wanted);
  }

  *session(on: SqlConnection, sessionId: string): Steps<SessionRow | null> {
    const { sessions } = this.dialect.tables;
    const statement = this.once("session", () =>
      this.select(sessionSelection(sessions), sql`${sessions} where ${sessions.sessionId} = ${value("sessionId")}`),
    );
    return (yield* this.#parsed(on, statement, { sessionId }))[0] ?? null;
  }

  *lockSession(on: SqlConnection, sessionId: string): Steps<SessionRow | null> {
    const { tables, lockRows } = this.dialect;
    const { sessions } = tables;
    const statement = this.once("lock session", () =>
      this.select(
        sessionSelection(sessions),
        sql`${sessions} where ${sessions.sessionId} = ${value("sessionId")} ${lockRows}`,
      ),
    );
    return (yield* this.#parsed(on, statement, { sessionId }))[0] ?? null;
  }

  /** Locks a session without looking at its documents: one that cannot be read can still be deleted. */
  *lockIdentity(on: SqlConnection, sessionId: string): Steps<SessionIdentity | null> {
    const { tables, lockRows } = this.dialect;
    const { sessions } = tables;
    const statement = this.once("lock identity", () =>
      this.select<SessionIdentity>(
        { sessionId: sessions.sessionId, userId: sessions.userId },
        sql`${sessions} where ${sessions.sessionId} = ${value("sessionId")} ${lockRows}`,
      ),
    );
    return (yield* this.rows(on, statement, { sessionId }))[0] ?? null;
  }

  *sessions(on: SqlConnection, query: SessionListQuery): Steps<SessionRow[]> {
    const { sessions } = this.dialect.tables;
    const { sortBy, sortOrder, after } = query;
    const byCreation = sortBy === "createdAt";
    const { shape, where } = sessionConditions(this.dialect, query, {
      ordered: true,
      after: after !== null && byCreation ? sortOrder : null,
    });
    const statement = this.once(`sessions ${shape} by ${sortBy} ${sortOrder} ${after === null ? "" : "after"}`, () => {
      const timestamp = sessionTimestamp(sessions, sortBy);
      const id = byBytes(this.dialect, sessions.sessionId);
      const rest = after && this.following([timestamp, id], ["afterTimestamp", "afterSessionId"], sortOrder);
      // SQLite finds no place in the index of an expression by comparing a pair.
      const bound = sql`${timestamp} ${sortOrder === "asc" ? sql`>=` : sql`<=`} ${value("afterTimestamp")}`;
      const direction = sortOrder === "asc" ? asc : desc;
      return this.select(
        sessionSelection(sessions),
        sql`${sessions}${whereOf(where, after && !byCreation ? bound : null, rest)} order by ${direction(timestamp)}, ${direction(id)} ${this.limit("limit")} offset ${value("offset")}`,
      );
    });
    return yield* this.#parsed(on, statement, {
      ...query,
      afterTimestamp: after?.timestamp,
      afterSessionId: after?.sessionId,
    });
  }

  *countSessions(on: SqlConnection, conditions: SessionConditions): Steps<number> {
    const { sessions } = this.dialect.tables;
    const { shape, where } = sessionConditions(this.dialect, conditions);
    const statement = this.once(`count ${shape}`, () =>
      this.select<{ total: unknown }>({ total: sql`count(*)` }, sql`${sessions}${whereOf(where)}`),
    );
    return Number((yield* this.rows(on, statement, { ...conditions }))[0]?.total ?? 0);
  }

  /** Up to `limit` sessions that meet the conditions, locked. */
  *lockSessions(on: SqlConnection, conditions: SessionConditions, limit: number): Steps<SessionIdentity[]> {
    const { tables, lockRows } = this.dialect;
    const { sessionId, userId } = tables.sessions;
    const { shape, where } = sessionConditions(this.dialect, conditions);
    const statement = this.once(`lock sessions ${shape}`, () =>
      this.select<SessionIdentity>(
        { sessionId, userId },
        sql`${tables.sessions}${whereOf(where)} ${this.limit("limit")} ${lockRows}`,
      ),
    );
    return yield* this.rows(on, statement, { ...conditions, limit });
  }

  *allRuns(on: SqlConnection, sessionId: string): Steps<StoredRun[]> {
    const { runs } = this.dialect.tables;
    const statement = this.once("all runs", () =>
      this.select(
        runSelection(runs),
        sql`${runs} where ${runs.sessionId} = ${value("sessionId")} order by ${runOrder(this.dialect, "asc")}`,
      ),
    );
    return yield* this.rows(on, statement, { sessionId });
  }

  /** The newest runs that history uses, oldest first. */
  *newestRuns(on: SqlConnection, sessionId: string, limit: number): Steps<StoredRun[]> {
    const newest = yield* this.#newest(on, sessionId, limit);
    if (newest.length < limit) {
      // Agno may leave run_index empty; such runs come before all others.
      const rest = { sessionId, limit: limit - newest.length };
      newest.push(...(yield* this.rows(on, this.#historyRuns("null", "total order"), rest)));
    }
    return newest.toReversed();
  }

  *#parsed(on: SqlConnection, statement: Statement<RawSession>, values: Record<string, unknown>): Steps<SessionRow[]> {
    const { sessions } = this.dialect.names;
    return (yield* this.rows(on, statement, values)).map((raw) => parseSession(raw, sessions));
  }

  /** By `run_index` alone, which its index gives without sorting; the other keys are asked for only where runs tie. */
  *#newest(on: SqlConnection, sessionId: string, limit: number): Steps<StoredRun[]> {
    const rows = yield* this.rows(on, this.#historyRuns("not null", "index order"), { sessionId, limit: limit + 1 });
    if (rows.some(({ runIndex }, index) => runIndex === rows[index + 1]?.runIndex)) {
      return yield* this.rows(on, this.#historyRuns("not null", "total order"), { sessionId, limit });
    }
    return rows.slice(0, limit);
  }

  /** "not null" makes SQLite take the index on (session_id, run_index) even where it has no statistics. */
  #historyRuns(runIndex: "null" | "not null", order: "index order" | "total order"): Statement<StoredRun> {
    return this.once(`history runs ${runIndex} in ${order}`, () => {
      const { runs } = this.dialect.tables;
      const skipped = sql.raw(skippedHistoryStatuses.map((status) => `'${status}'`).join(", "));
      const keys = order === "total order" ? runOrder(this.dialect, "desc") : desc(runs.runIndex);
      return this.select(
        runSelection(runs),
        sql`${runs} where ${runs.sessionId} = ${value("sessionId")} and ${runs.runIndex} is ${sql.raw(runIndex)} and ${runs.parentRunId} is null and (${runs.status} is null or ${runs.status} not in (${skipped})) order by ${keys} ${this.limit("limit")}`,
      );
    });
  }

  *runs(on: SqlConnection, query: RunListQuery): Steps<StoredRun[]> {
    const { runs } = this.dialect.tables;
    const { sessionId, order, after } = query;
    const inSession = sessionId !== null;
    const condition = runConditions(this.dialect, query);
    const statement = this.once(`runs ${condition.shape} ${order} ${after === null ? "" : "after"}`, () => {
      const id = byBytes(this.dialect, runs.runId);
      const columns = [...(inSession ? [sql`${runs.runIndex}`] : []), sql`${runs.createdAt}`, id];
      const names = [...(inSession ? ["afterRunIndex"] : []), "afterCreatedAt", "afterRunId"];
      const direction = order === "asc" ? asc : desc;
      return this.select(
        runSelection(runs),
        sql`${runs}${whereOf(condition.where, after && this.following(columns, names, order))} order by ${sql.join(
          columns.map((key) => direction(key)),
          sql`, `,
        )} ${this.limit("limit")}`,
      );
    });
    return yield* this.rows(on, statement, {
      ...runConditionValues(query),
      afterRunIndex: after?.runIndex,
      afterCreatedAt: after?.createdAt,
      afterRunId: after?.runId,
    });
  }

  /** The runs of these ids, each with the owner of its session. */
  *runsById(on: SqlConnection, runIds: readonly string[]): Steps<RunOfSession[]> {
    const { runs, sessions } = this.dialect.tables;
    const found: RunOfSession[] = [];
    for (const chunk of chunks(runIds)) {
      const statement = this.once(`runs by id ${chunk.length}`, () =>
        this.select<RunOfSession>(
          { ...runSelection(runs), ownerId: sessions.userId },
          sql`${runs} join ${sessions} on ${sessions.sessionId} = ${runs.sessionId} where ${inArray(runs.runId, chunkPlaceholders(chunk))}`,
        ),
      );
      found.push(...(yield* this.rows(on, statement, chunkValues(chunk))));
    }
    return found;
  }

  *lastRunIndex(on: SqlConnection, sessionId: string): Steps<number | null> {
    const { runs } = this.dialect.tables;
    const statement = this.once("last run index", () =>
      this.select<{ last: unknown }>(
        { last: sql`max(${runs.runIndex})` },
        sql`${runs} where ${runs.sessionId} = ${value("sessionId")}`,
      ),
    );
    const last = (yield* this.rows(on, statement, { sessionId }))[0]?.last ?? null;
    return last === null ? null : Number(last);
  }
}
