import assert from "node:assert/strict";
import type { Cases } from "../conformance-case.ts";
import { run, session } from "../support/data.ts";
import { methods } from "../support/methods.ts";
import { mistakes } from "../support/mistakes.ts";
import { refuses, refusesArgument } from "../support/refusals.ts";
import { byName, tableCases } from "../support/table-cases.ts";

// Untyped callers can pass anything. Each mistake is refused, and the error names the argument.

const withOptions = [
  ["getSession", "upsertSession", "upsertSessions", "updateSession", "renameSession", "deleteSession"],
  ["deleteSessions", "upsertRun", "updateRun", "getRun", "deleteRuns"],
].flat();

export const argumentCases: Cases = {
  ...tableCases("%s refuses anything but an options object", byName(withOptions), async (db, name) => {
    await db.upsertSession(session("s", { runs: [run("r")] }));
    const method = db as unknown as Record<string, (argument: unknown, change?: unknown) => Promise<unknown>>;
    for (const argument of [undefined, null, "s", 1, true]) {
      await refuses(db, "INVALID_ARGUMENT", () => method[name]?.(argument, {}) ?? assert.fail(`no ${name}`));
    }
  }),
  ...tableCases("%s is checked", mistakes, async (db, { argument, values, call }) => {
    await db.upsertSessions([session("s", { runs: [run("r")] }), session("t")]);
    for (const value of values) {
      await refusesArgument(db, argument, () => call(db, value));
    }
  }),

  "leaving out the options means everything": async (db) => {
    await db.upsertSession(session("s", { runs: [run("r")] }));
    assert.equal((await db.getSessions()).sessions.length, 1);
    assert.equal((await db.getRuns()).runs.length, 1);
  },

  "an empty list is a no-op": async (db) => {
    await db.upsertSessions([]);
    assert.equal(await db.deleteSessions({ sessionIds: [] }), 0);
    assert.equal(await db.deleteRuns({ runIds: [] }), 0);
  },

  "10,000 ids at once": async (db) => {
    await db.upsertSession(session("s", { runs: [run("r")] }));
    const none = Array.from({ length: 9999 }, (_, index) => `none ${index}`);
    assert.equal(await db.deleteRuns({ runIds: [...none, "r"] }), 1);
    assert.equal(await db.deleteSessions({ sessionIds: [...none, "s"] }), 1);
  },

  "an id named twice counts once": async (db) => {
    await db.upsertSession(session("s", { runs: [run("r")] }));
    assert.equal(await db.deleteRuns({ runIds: ["r", "r"] }), 1);
    assert.equal(await db.deleteSessions({ sessionIds: ["s", "s"] }), 1);
  },

  "every method returns a promise": async (db) => {
    for (const [name, { call }] of Object.entries(methods)) {
      const result = call(db, { sessionId: "s", runId: "r" }, {});
      assert.ok(result instanceof Promise, name);
      await result;
    }
  },
};
