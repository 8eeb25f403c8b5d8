import type { SessionDb } from "@sessiondb/core";
import { idsOf, runIdsOf } from "./data.ts";
import type { RunListOptions, SessionListOptions } from "./list-options.ts";

/** A page of a list, with the ids of its items. */
export interface IdPage {
  readonly items: readonly string[];
  readonly nextCursor: string | null;
  readonly previousCursor: string | null;
}

/** Reads the page of a list at a cursor, or the first page. */
export type ReadIds = (cursor: { cursor?: string }) => Promise<IdPage>;

export function sessionIdPages(db: SessionDb, options: SessionListOptions): ReadIds {
  return async (cursor) => {
    const { sessions, nextCursor, previousCursor } = await db.getSessions({ ...options, ...cursor });
    return { items: idsOf(sessions), nextCursor, previousCursor };
  };
}

export function runIdPages(db: SessionDb, options: RunListOptions): ReadIds {
  return async (cursor) => {
    const { runs, nextCursor, previousCursor } = await db.getRuns({ ...options, ...cursor });
    return { items: runIdsOf(runs), nextCursor, previousCursor };
  };
}
