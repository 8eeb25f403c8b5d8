import type { GetRunsOptions, SessionFilter, SortOrder, UserScope } from "@sessiondb/core";
import type { PageOptions } from "@sessiondb/core/adapter";

/** The order of a list of sessions. */
export interface ListOrder {
  sortBy?: "createdAt" | "updatedAt";
  sortOrder?: SortOrder;
}

/** What a list of sessions may be asked for, page by page. */
export interface SessionListOptions extends SessionFilter, ListOrder, PageOptions, UserScope {
  includeTotal?: boolean;
  includeRunCount?: boolean;
}

/** What a list of runs may be asked for. */
export interface RunListOptions extends GetRunsOptions, UserScope {}
