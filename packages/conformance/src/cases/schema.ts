import assert from "node:assert/strict";
import type { Cases } from "../conformance-case.ts";
import { run, session } from "../support/data.ts";
import { dump } from "../support/dump.ts";

export const schemaCases: Cases = {
  "migrate makes a fresh store usable, and is safe to repeat": async (db) => {
    await db.migrate();
    await db.migrate();
    await db.upsertRun({ session: session("s"), run: run("r") });
    const before = await dump(db);
    await db.migrate();
    assert.deepStrictEqual(await dump(db), before);
  },

  "any number of migrations at once": async (db) => {
    await Promise.all(Array.from({ length: 8 }, () => db.migrate()));
    assert.deepStrictEqual(await db.planMigration(), []);
  },

  "after migrate there is nothing to do and nothing wrong": async (db) => {
    await db.migrate();
    assert.deepStrictEqual(await db.planMigration(), []);
    assert.deepStrictEqual(await db.verifySchema(), []);
  },

  "planning and verifying change nothing": async (db) => {
    const plan = await db.planMigration();
    const problems = await db.verifySchema();
    // Statements may hold the time of their making.
    assert.equal((await db.planMigration()).length, plan.length);
    assert.deepStrictEqual(await db.verifySchema(), problems);
    assert.equal(plan.length > 0, problems.length > 0, "what is missing is both planned and reported");
    assert.ok(plan.every((statement) => typeof statement === "string" && statement.trim() !== ""));
  },

  "the first write needs no migrate": async (db) => {
    await db.upsertRun({ session: session("s"), run: run("r") });
    assert.deepStrictEqual(await db.planMigration(), []);
  },

  "the first calls may come at once": async (db) => {
    await Promise.all([
      ...Array.from({ length: 5 }, (_, index) => db.upsertRun({ session: session("s"), run: run(`r${index}`) })),
      db.getSessions(),
      db.migrate(),
    ]);
    assert.equal((await dump(db)).runIds.length, 5);
  },

  "the limits are told": async (db) => {
    assert.ok(Number.isInteger(db.limits.idLength) && db.limits.idLength >= 36, "a UUID is an id");
    assert.ok(Number.isInteger(db.limits.payloadBytes) && db.limits.payloadBytes > 0);
  },

  "without legacy runs there are none to copy": async (db) => {
    await db.upsertSession(session("s", { runs: [run("r")] }));
    const before = await dump(db);
    assert.equal((await db.migrateLegacyRuns()).runs, 0);
    assert.deepStrictEqual(await dump(db), before);
  },
};
