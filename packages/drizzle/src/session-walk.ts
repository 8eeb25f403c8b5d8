import type { SessionType } from "@sessiondb/core";
import { sessionJsonColumns, type MatchingSelection, type SessionConditions } from "@sessiondb/core/adapter";
import { and, sql, type Column, type SQL } from "drizzle-orm";
import {
  equals,
  fixedIf,
  fixedOfSessions,
  isRare,
  isUsual,
  sessionConditions,
  sessionConditionValues,
  sessionShape,
  type SessionShape,
} from "./conditions.ts";
import type { SqlConnection } from "./sql-driver.ts";
import { byBytes, directed, goesOn, idChunks, idPlaceholders, list, whereOf } from "./sql-parts.ts";
import { Statement } from "./statement.ts";
import { byShape, StatementSet } from "./statement-set.ts";
import type { Steps } from "./steps.ts";

/**
 * The most rows and bytes of sessions and runs that one transaction of a delete by filter deletes: clusters and cloud
 * services refuse larger ones. A session that is larger is deleted alone, since nothing may be half-deleted.
 */
const rowsInBatch = 2500;
const mostBytes = 8 * 1024 * 1024;

/** The most sessions whose size one statement asks for. */
const mostSized = 512;

/** An index to walk along, and the condition that it serves. The other conditions are tested on the way. */
type Lane =
  | { readonly by: "sessions"; readonly components?: readonly SessionType[] }
  | { readonly by: "participant" }
  | { readonly by: "status"; readonly status: string };

/** The end of a batch: a lane, and the key of its last row there; null at the beginning of the lane. */
interface Place {
  readonly lane: number;
  readonly after: readonly unknown[] | null;
}

/** The sessions of a batch, and where the next one begins; null after the last. */
export interface FoundBatch {
  readonly sessionIds: readonly string[];
  readonly next: string | null;
}

/** A session, and its key in the lane. */
type Found = [sessionId: string, ...key: unknown[]];

/** Finds the sessions that meet conditions in batches: each goes on along an index from where the last one ended. */
export class SessionWalk extends StatementSet {
  *batch(on: SqlConnection, { conditions, limit, start }: MatchingSelection): Steps<FoundBatch> {
    const lanes = lanesOf(conditions);
    const first: Place = start === null ? { lane: 0, after: null } : (JSON.parse(start) as Place);
    for (let { lane, after }: Place = first; lane < lanes.length; lane += 1, after = null) {
      const found = yield* this.#found(on, conditions, { lane: lanes[lane] as Lane, after, limit });
      const batch = yield* this.#withinBounds(on, found);
      const [, ...key] = batch.at(-1) ?? [];
      if (batch.length > 0) {
        const isLaneOver = batch.length === found.length && found.length < limit;
        const next = isLaneOver ? { lane: lane + 1, after: null } : { lane, after: key };
        const sessionIds = [...new Set(batch.map(([sessionId]) => sessionId))];
        return { sessionIds, next: next.lane < lanes.length ? JSON.stringify(next) : null };
      }
    }
    return { sessionIds: [], next: null };
  }

  *#found(
    on: SqlConnection,
    conditions: SessionConditions,
    { lane, after, limit }: { readonly lane: Lane; readonly after: Place["after"]; readonly limit: number },
  ): Steps<Found[]> {
    const statement = this.#page({
      by: lane.by,
      where: sessionShape(restOf(conditions, lane), {
        by: "index",
        isResumed: after !== null,
        after: after !== null && lane.by === "sessions" ? "asc" : null,
        ...(lane.by === "sessions" && lane.components !== undefined && { components: lane.components }),
      }),
      isResumed: after !== null,
    });
    const values = {
      ...sessionConditionValues(conditions),
      ...(lane.by === "status" && { status0: lane.status }),
      ...Object.fromEntries((after ?? []).map((key, index) => [afterNames[index], key])),
      limit,
    };
    return (yield* this.raw(on, statement, values)) as Found[];
  }

  readonly #page = byShape(({ by, where, isResumed }: PageShape) => {
    const { sessions, runs } = this.dialect.tables;
    const keys = this.#keys(by);
    const [driving, fixed] = this.#driving(by, where);
    const rest = isResumed ? goesOn(this.dialect)(keys, afterNames.slice(0, keys.length), "asc") : null;
    const from =
      by === "sessions" ? sql`${sessions}` : sql`${runs} join ${sessions} on ${sessions.sessionId} = ${runs.sessionId}`;
    const once = by === "participant" ? sql` group by ${list([...fixed, ...keys])}` : sql``;
    return this.write(
      sql`select ${by === "participant" ? runs.sessionId : sessions.sessionId}, ${list(keys)}
        from ${from}${whereOf(driving, sessionConditions(this.dialect, where), rest)}${once}
        order by ${directed([...fixed, ...keys], "asc")}
        ${this.limit("limit")}`,
    ).plannedAnew();
  });

  /** The condition that the index serves, unless it is one of the others, and the columns that it fixes. */
  #driving(by: Lane["by"], where: SessionShape): readonly [SQL | undefined, readonly Column[]] {
    const { userId, status } = this.dialect.tables.runs;
    if (by === "sessions") {
      return [undefined, fixedOfSessions(this.dialect, where)];
    }
    const fixed = fixedIf(this.dialect, where, by === "participant" ? userId : status);
    return by === "participant"
      ? [equals(this.dialect, { column: userId, name: "participantId", fixed }), fixed]
      : [and(equals(this.dialect, { column: status, name: "status0", fixed }), isRare(this.dialect)), fixed];
  }

  #keys(by: Lane["by"]): SQL[] {
    const { sessions, runs } = this.dialect.tables;
    return {
      sessions: [sql`${sessions.createdAt}`, byBytes(this.dialect, sessions.sessionId)],
      participant: [sql`${runs.sessionId}`],
      status: [sql`${runs.createdAt}`, byBytes(this.dialect, runs.runId)],
    }[by];
  }

  /** The first of the sessions, as many as one transaction may delete; at least one. */
  *#withinBounds(on: SqlConnection, found: readonly Found[]): Steps<readonly Found[]> {
    const sizes = new Map<unknown, { rows: number; bytes: number }>();
    const named = [...new Set(found.map(([sessionId]) => sessionId))];
    for (const { size, values } of idChunks(named, mostSized)) {
      for (const [sessionId, rows, bytes] of yield* this.raw(on, this.#sizes(size), values)) {
        const before = sizes.get(sessionId) ?? { rows: 0, bytes: 0 };
        sizes.set(sessionId, { rows: before.rows + Number(rows), bytes: before.bytes + Number(bytes) });
      }
    }
    const mostRows = this.dialect.rowsInBatch ?? rowsInBatch;
    let [rows, bytes] = [0, 0];
    const end = found.findIndex(([sessionId], index) => {
      const size = sizes.get(sessionId);
      sizes.delete(sessionId);
      rows += size?.rows ?? 0;
      bytes += size?.bytes ?? 0;
      return index > 0 && (rows > mostRows || bytes > mostBytes);
    });
    return end === -1 ? found : found.slice(0, end);
  }

  /** The rows and bytes of this many sessions, each in a row for itself and a row for its runs. */
  readonly #sizes = byShape((count: number) => {
    const { sessions, runs } = this.dialect.tables;
    const bytes = (column: Parameters<typeof this.dialect.bytesOf>[0]): SQL =>
      sql`coalesce(${this.dialect.bytesOf(column)}, 0)`;
    const documents = sessionJsonColumns.map((name) => bytes(sessions[name]));
    const ids = list(idPlaceholders(count));
    return new Statement<never>(
      this.dialect,
      sql`select ${sessions.sessionId}, 1, ${sql.join(documents, sql` + `)}
        from ${sessions} where ${sessions.sessionId} in (${ids})
        union all
        select ${runs.sessionId}, count(*), sum(${bytes(runs.runData)})
        from ${runs} where ${runs.sessionId} in (${ids}) group by ${runs.sessionId}`,
    );
  });
}

interface PageShape {
  readonly by: Lane["by"];
  readonly where: SessionShape;
  readonly isResumed: boolean;
}

const afterNames = ["after0", "after1"] as const;

/** The indexes that together lead to all sessions that meet the conditions. */
function lanesOf({ userId, participantId, runStatuses, componentId, sessionType }: SessionConditions): Lane[] {
  if (userId === null && participantId !== null) {
    return [{ by: "participant" }];
  }
  if (userId === null && runStatuses !== null && !isUsual(runStatuses)) {
    return runStatuses.map((status) => ({ by: "status", status }));
  }
  // One index leads to the sessions of all kinds of components only after sorting.
  return userId === null && componentId !== null && sessionType === null
    ? (["agent", "team", "workflow"] as const).map((kind) => ({ by: "sessions", components: [kind] }))
    : [{ by: "sessions" }];
}

/** The conditions other than the one that a lane serves. */
function restOf(conditions: SessionConditions, { by }: Lane): SessionConditions {
  return {
    ...conditions,
    ...(by === "participant" && { participantId: null }),
    ...(by === "status" && { runStatuses: null }),
  };
}
