import { sql, type SQL } from "drizzle-orm";
import { notWritten } from "./not-written.ts";
import type { SqlConnection } from "./sql-driver.ts";
import { bare, chunks, idPlaceholders, idValues, list, runOrder, value } from "./sql-parts.ts";
import { byShape, once, StatementSet } from "./statement-set.ts";
import type { Steps } from "./steps.ts";

/** The most moves of runs between two gaps; with more gaps, all runs are numbered anew. */
const mostMoves = 100;

/** The statements that change the places of a session's runs. */
export abstract class PlaceWrites extends StatementSet {
  readonly #takenPlaces = byShape((count: number) => {
    const { runs } = this.dialect.tables;
    return this.select<{ runIndex: number }>(
      { runIndex: runs.runIndex },
      sql`${runs} where ${runs.sessionId} = ${value("sessionId")} and ${runs.runIndex} in (${list(idPlaceholders(count))})`,
    );
  });

  readonly #moveUp = once(() => {
    const { runs } = this.dialect.tables;
    return this.write(
      sql`update ${runs} set ${bare(runs.runIndex)} = ${runs.runIndex} - ${value("by")}
        where ${runs.sessionId} = ${value("sessionId")}
          and ${runs.runIndex} > ${value("after")} and ${runs.runIndex} < ${value("before")}`,
    );
  });

  readonly #lastPlace = once(() => {
    const { runs } = this.dialect.tables;
    return this.select<{ runCount: number; placed: unknown; runIndex: number | null }>(
      { runCount: sql`count(*)`, placed: sql`count(${runs.runIndex})`, runIndex: sql`max(${runs.runIndex})` },
      sql`${runs} where ${runs.sessionId} = ${value("sessionId")}`,
    );
  });

  /**
   * Moves the runs of a session up to the places of those deleted. If there are other gaps, left by another program or
   * by a write at the same time, all runs are numbered anew: Agno places its next run by their number.
   */
  *closeGaps(on: SqlConnection, sessionId: string, places: readonly (number | null)[]): Steps<void> {
    const gaps = yield* this.#gapsAt(on, sessionId, places);
    const moves = gaps
      .map((after, index) => ({ after, by: index + 1, before: gaps[index + 1] ?? Number.MAX_SAFE_INTEGER }))
      .filter(({ after, before }) => before > after + 1);
    for (const move of moves.length > mostMoves ? [] : moves) {
      yield* this.affected(on, this.#moveUp(), { sessionId, ...move });
    }
    const [found] = yield* this.rows(on, this.#lastPlace(), { sessionId });
    const { runCount = 0, placed = 0, runIndex = null } = found ?? {};
    if (Number(placed) < runCount || (runIndex ?? -1) >= runCount) {
      yield* this.renumberRuns(on, sessionId);
    }
  }

  /** Those of the places that no run has, in order. */
  *#gapsAt(on: SqlConnection, sessionId: string, places: readonly (number | null)[]): Steps<number[]> {
    const gaps = new Set(places.filter((place) => place !== null));
    for (const chunk of chunks([...gaps])) {
      const values = { sessionId, ...idValues(chunk) };
      for (const { runIndex } of yield* this.rows(on, this.#takenPlaces(chunk.length), values)) {
        gaps.delete(runIndex);
      }
    }
    return [...gaps].toSorted((a, b) => a - b);
  }

  readonly #renumberRuns = once(() => this.write(this.renumbering(this.#ranked)));

  readonly #misplacedRuns = once(() =>
    this.select<{ id: string }>(
      { id: sql`ranked.id` },
      sql`(${this.#ranked}) as ranked
        where ranked.place <> ranked.place_now or ranked.place_now is null limit 1`,
    ),
  );

  /** Numbers the runs of a session 0, 1, 2 … in their order. */
  *renumberRuns(on: SqlConnection, sessionId: string): Steps<void> {
    if ((yield* this.affected(on, this.#renumberRuns(), { sessionId })) > 0) {
      return;
    }
    // Nothing to do, or nothing done.
    if ((yield* this.rows(on, this.#misplacedRuns(), { sessionId })).length > 0) {
      const { runs } = this.dialect.names;
      throw notWritten(`The runs of session ${JSON.stringify(sessionId)} were not numbered in ${runs}.`);
    }
  }

  /** Moves each misplaced run to its place. `ranked` are the session's runs with their places. */
  protected renumbering(ranked: SQL): SQL {
    const { runs } = this.dialect.tables;
    return sql`update ${runs} set ${bare(runs.runIndex)} = ranked.place
      from (${ranked}) as ranked
      where ${runs.runId} = ranked.id and (${runs.runIndex} is null or ${runs.runIndex} <> ranked.place)`;
  }

  get #ranked(): SQL {
    const { runs } = this.dialect.tables;
    const order = sql`${runs.runIndex} is not null, ${runOrder(this.dialect, "asc")}`;
    return sql`select ${runs.runId} as id, ${runs.runIndex} as place_now,
        row_number() over (order by ${order}) - 1 as place
      from ${runs} where ${runs.sessionId} = ${value("sessionId")}`;
  }

  readonly #setRunIndex = once(() => {
    const { runs } = this.dialect.tables;
    return this.write(
      sql`update ${runs} set ${bare(runs.runIndex)} = ${value("runIndex")} where ${runs.runId} = ${value("runId")}`,
    );
  });

  *setRunIndex(on: SqlConnection, runId: string, runIndex: number): Steps<void> {
    if ((yield* this.affected(on, this.#setRunIndex(), { runId, runIndex })) !== 1) {
      throw notWritten(`Run ${JSON.stringify(runId)} was not moved in ${this.dialect.names.runs}.`);
    }
  }
}
