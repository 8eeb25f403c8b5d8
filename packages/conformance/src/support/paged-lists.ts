import type { SessionDb } from "@sessiondb/core";
import { combinations } from "./combinations.ts";
import { run, session, start } from "./data.ts";
import type { ListOrder, RunListOptions } from "./list-options.ts";

// The lists that are read page by page, by name: sessions in each order, and runs of two sessions.

export const sessionOrders: Readonly<Record<string, ListOrder>> = {
  "createdAt desc": { sortBy: "createdAt", sortOrder: "desc" },
  "createdAt asc": { sortBy: "createdAt", sortOrder: "asc" },
  "updatedAt desc": { sortBy: "updatedAt", sortOrder: "desc" },
  "updatedAt asc": { sortBy: "updatedAt", sortOrder: "asc" },
};

/** Stores runs whose times are in a different order than their writes. */
export async function storeRuns(db: SessionDb): Promise<void> {
  for (const sessionId of ["one", "two"]) {
    const runs = Array.from({ length: 9 }, (_, index) =>
      run(`${sessionId} ${(index * 4) % 9}`, {
        createdAt: start + ((index * 5) % 4),
        status: index % 3 === 0 ? "PAUSED" : "COMPLETED",
      }),
    );
    await db.upsertSession(session(sessionId, { userId: sessionId, runs }));
  }
}

export const runLists: Readonly<Record<string, RunListOptions>> = Object.fromEntries(
  combinations<RunListOptions>([
    [{}, { sessionId: "one" }, { userId: "two" }, { status: "COMPLETED" }, { sessionId: "two", status: "COMPLETED" }],
    [{ sortOrder: "asc" }, { sortOrder: "desc" }],
  ]).map((options) => [JSON.stringify(options), options]),
);
