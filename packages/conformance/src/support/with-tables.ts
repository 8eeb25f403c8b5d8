import assert from "node:assert/strict";
import { hasManagedSchema, type ManagedSchema, type SessionDb } from "@sessiondb/core";
import { leaveOut } from "./leave-out.ts";

/** Returns a check for stores with tables. It is left out on a store without tables. */
export function withTables(check: (db: SessionDb & ManagedSchema) => Promise<void>): (db: SessionDb) => Promise<void> {
  return async (db) => {
    if (!hasManagedSchema(db)) {
      leaveOut("the store does not implement ManagedSchema");
    }
    await check(db);
  };
}

/** Returns a store that must have tables, with its methods for them. */
export function tablesOf(db: SessionDb): SessionDb & ManagedSchema {
  assert.ok(hasManagedSchema(db), "a store that reads tables of Agno 2 implements ManagedSchema");
  return db;
}
