import type { GetRunsOptions, SessionFilter, SortOrder, UserScope } from "@sessiondb/core";
import type { PageOptions } from "@sessiondb/core/adapter";

/** The order of a list of sessions. */
export interface ListOrder {
  sortBy?: "createdAt" | "updatedAt";
  sortOrder?: SortOrder;
}

/** The options of a list of sessions that is read page by page. */
export interface SessionListOptions extends SessionFilter, ListOrder, PageOptions, UserScope {
  includeTotal?: boolean;
  includeRunCount?: boolean;
}

/** The options of a list of runs. */
export interface RunListOptions extends GetRunsOptions, UserScope {}
