import type { CorruptDataError, Run } from "@sessiondb/core";
import {
  decodeRows,
  goneCursor,
  isHistoryRun,
  meetsRunConditions,
  mergeRuns,
  pageOfRows,
  readingOrder,
  type PageOf,
  type RunListQuery,
  type RunPosition,
  type RunRow,
  type RunsWanted,
} from "@sessiondb/core/adapter";
import { listedColumns } from "./legacy-column.ts";

/** The wanted runs of a session whose runs come from both places. */
export function mergedRuns(legacy: readonly Run[], rows: readonly Run[], wanted: Exclude<RunsWanted, "none">): Run[] {
  const runs = mergeRuns(legacy, rows);
  return wanted === "all" ? runs : runs.filter(isHistoryRun).slice(-wanted);
}

/** The columns of a run that a list examines. */
type ListedColumns = ReturnType<typeof listedColumns> & Pick<RunRow<unknown>, "createdAt">;

/** A run of a list, or the columns of an unreadable one, with the reason. */
export type ListedRun = Run | { readonly columns: ListedColumns; readonly error: CorruptDataError };

const columnsOf = (listed: ListedRun): ListedColumns => {
  if ("error" in listed) {
    return listed.columns;
  }
  return { ...listedColumns(listed), createdAt: listed.createdAt ?? 0 };
};

/** One page of a session's merged runs; a position's `runIndex` is the place in the merged order. */
export function pageOfRuns(
  legacy: readonly Run[],
  rows: readonly ListedRun[],
  query: RunListQuery,
): PageOf<Run, RunPosition> {
  const merged = new Map<string, { readonly columns: ListedColumns; readonly listed: ListedRun }>();
  // In the order of `mergeRuns`: a Map keeps the place of a key that is set again.
  for (const listed of [...legacy, ...rows]) {
    const columns = columnsOf(listed);
    merged.set(columns.runId, { columns, listed });
  }
  const places = [...merged.values()].map((place, runIndex) => ({ ...place, runIndex }));
  const ordered = readingOrder(query) === "asc" ? places : places.toReversed();
  const { start } = query;
  const first = start === null ? 0 : ordered.findIndex(({ columns }) => columns.runId === start.position.runId) + 1;
  if (start !== null && first === 0) {
    throw goneCursor();
  }
  const rest = ordered.slice(first).filter(({ columns }) => meetsRunConditions(columns, query));
  const page = pageOfRows(rest, query, ({ runIndex, columns: { createdAt, runId } }) => ({
    runIndex,
    createdAt,
    runId,
  }));
  return decodeRows(page, query, {
    decode: ({ listed }) => {
      if ("error" in listed) {
        throw listed.error;
      }
      return listed;
    },
    idOf: ({ columns }) => columns.runId,
  });
}
