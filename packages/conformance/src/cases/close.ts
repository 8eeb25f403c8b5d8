import assert from "node:assert/strict";
import type { ManagedSchema, SessionDb } from "@sessiondb/core";
import type { Cases } from "../conformance-case.ts";
import { run, session } from "../support/data.ts";
import { methods } from "../support/methods.ts";
import { assertRefusal, rejection } from "../support/refusals.ts";
import { tableCases } from "../support/table-cases.ts";
import { withTables } from "../support/with-tables.ts";

const subject = { sessionId: "s", runId: "r" };

const upkeep: Readonly<Record<string, (db: ManagedSchema) => Promise<unknown>>> = {
  migrate: (db) => db.migrate(),
  planMigration: (db) => db.planMigration(),
  verifySchema: (db) => db.verifySchema(),
  migrateLegacyRuns: (db) => db.migrateLegacyRuns(),
};

async function checkClosed(db: SessionDb, call: () => Promise<unknown>): Promise<void> {
  await db.upsertSession(session("s", { runs: [run("r")] }));
  await db.close();
  assertRefusal(await rejection(call), "CLOSED");
}

export const closeCases: Cases = {
  ...tableCases("%s of a closed store is refused", methods, (db, { call }) =>
    checkClosed(db, () => call(db, subject, {})),
  ),
  ...tableCases("%s of a closed store is refused", upkeep, (db, call) =>
    withTables((tables) => checkClosed(tables, () => call(tables)))(db),
  ),

  "a store that was never used closes": async (db) => {
    await db.close();
    assertRefusal(await rejection(() => db.getSessions()), "CLOSED");
  },

  "closing twice is harmless": async (db) => {
    await db.upsertSession(session("s"));
    await db.close();
    await db.close();
    await Promise.all([db.close(), db.close()]);
  },

  "closing waits for calls under way": async (db) => {
    let settled = 0;
    const writes = Array.from({ length: 10 }, async (_, index) => {
      await db.upsertRun({ session: session(`s${index}`), run: run(`r${index}`) });
      settled += 1;
    });
    const closing = db.close();
    const late = rejection(() => db.upsertSession(session("late")));
    await closing;
    assert.equal(settled, 10, "every earlier call has finished");
    assertRefusal(await late, "CLOSED");
    await Promise.all(writes);
  },

  "await using closes": async (db) => {
    await db.upsertSession(session("s"));
    await db[Symbol.asyncDispose]();
    assertRefusal(await rejection(() => db.getSession({ sessionId: "s" })), "CLOSED");
  },

  "a user's handle closes with its store": async (db) => {
    const handle = db.forUser("me");
    await db.close();
    for (const [name, { call }] of Object.entries(methods)) {
      const error = await rejection(() => call(handle, subject, {}));
      assert.equal((error as { code?: unknown }).code, "CLOSED", name);
    }
  },
};
