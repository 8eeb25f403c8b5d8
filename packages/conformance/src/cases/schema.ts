import assert from "node:assert/strict";
import type { Cases } from "../conformance-case.ts";
import { run, session, untyped } from "../support/data.ts";
import { dump } from "../support/dump.ts";
import { brokenSignals } from "../support/wrong-values.ts";
import { refusesArgument, rejection } from "../support/refusals.ts";
import { withTables } from "../support/with-tables.ts";

export const schemaCases: Cases = {
  "migrate makes a fresh store usable, and is safe to repeat": withTables(async (db) => {
    await db.migrate();
    await db.migrate();
    await db.upsertRun({ session: session("s"), run: run("r") });
    const before = await dump(db);
    await db.migrate();
    assert.deepStrictEqual(await dump(db), before);
  }),

  "any number of migrations at once": withTables(async (db) => {
    await Promise.all(Array.from({ length: 8 }, () => db.migrate()));
    assert.deepStrictEqual(await db.planMigration(), []);
  }),

  "after migrate there is nothing to do and nothing wrong": withTables(async (db) => {
    await db.migrate();
    assert.deepStrictEqual(await db.planMigration(), []);
    assert.deepStrictEqual(await db.verifySchema(), []);
  }),

  "planning and verifying change nothing": withTables(async (db) => {
    const plan = await db.planMigration();
    const problems = await db.verifySchema();
    // Statements may contain the time at which they were made.
    assert.equal((await db.planMigration()).length, plan.length);
    assert.deepStrictEqual(await db.verifySchema(), problems);
    assert.equal(plan.length > 0, problems.length > 0, "what is missing is both planned and reported");
    assert.ok(plan.every((statement) => typeof statement === "string" && statement.trim() !== ""));
  }),

  "the first write needs no migrate": withTables(async (db) => {
    await db.upsertRun({ session: session("s"), run: run("r") });
    assert.deepStrictEqual(await db.planMigration(), []);
  }),

  "the first calls may come at once, even with a migration": withTables(async (db) => {
    await Promise.all([
      ...Array.from({ length: 5 }, (_, index) => db.upsertRun({ session: session("s"), run: run(`r${index}`) })),
      db.getSessions(),
      db.migrate(),
    ]);
    assert.equal((await dump(db)).runIds.length, 5);
  }),

  "the first calls may come at once": async (db) => {
    await Promise.all([
      ...Array.from({ length: 5 }, (_, index) => db.upsertRun({ session: session("s"), run: run(`r${index}`) })),
      db.getSessions(),
    ]);
    assert.equal((await dump(db)).runIds.length, 5);
  },

  "the limits are known": async (db) => {
    assert.ok(Number.isInteger(db.limits.maxIdLength) && db.limits.maxIdLength >= 36, "a UUID is an id");
    assert.ok(Number.isInteger(db.limits.maxPayloadBytes) && db.limits.maxPayloadBytes > 0);
  },

  "without legacy runs there are none to copy": withTables(async (db) => {
    await db.upsertSession(session("s", { runs: [run("r")] }));
    const before = await dump(db);
    assert.equal((await db.migrateLegacyRuns()).runs, 0);
    assert.deepStrictEqual(await dump(db), before);
  }),

  "methods for the schema check their options": withTables(async (db) => {
    const calls: Readonly<Record<string, (options: object) => Promise<unknown>>> = {
      migrate: (options) => db.migrate(options),
      planMigration: (options) => db.planMigration(options),
      verifySchema: (options) => db.verifySchema(options),
      migrateLegacyRuns: (options) => db.migrateLegacyRuns(options),
    };
    for (const [name, call] of Object.entries(calls)) {
      const reason = new Error("enough");
      assert.equal(await rejection(() => call({ signal: AbortSignal.abort(reason) })), reason, name);
      for (const signal of brokenSignals) {
        await refusesArgument(db, "signal", () => call({ signal }));
      }
      await refusesArgument(db, "dryrun", () => call({ dryrun: true }));
    }
    for (const batchSize of [0, -1, 1.5, Number.NaN, "1", null]) {
      await refusesArgument(db, "batchSize", () => db.migrateLegacyRuns({ batchSize: untyped(batchSize) }));
    }
  }),
};
