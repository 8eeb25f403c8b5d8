import assert from "node:assert/strict";
import { hasManagedSchema, type ManagedSchema, type SessionDb } from "@sessiondb/core";
import { leaveOut } from "./leave-out.ts";

/** A check of what only stores with tables do. On a store without tables it is left out. */
export function withTables(check: (db: SessionDb & ManagedSchema) => Promise<void>): (db: SessionDb) => Promise<void> {
  return async (db) => {
    if (!hasManagedSchema(db)) {
      leaveOut("the store does not implement ManagedSchema");
    }
    await check(db);
  };
}

/** The store with what it does for its tables, which it must have. */
export function tablesOf(db: SessionDb): SessionDb & ManagedSchema {
  assert.ok(hasManagedSchema(db), "a store that reads tables of Agno 2 implements ManagedSchema");
  return db;
}
