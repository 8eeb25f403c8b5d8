import assert from "node:assert/strict";
import type { SessionDb } from "@sessiondb/core";
import type { Cases } from "../conformance-case.ts";
import type { Call } from "../support/compare.ts";
import { run, session, start, throwing } from "../support/data.ts";
import { plain, stored } from "../support/dump.ts";
import { future } from "../support/kinds-of-writes.ts";
import { methods } from "../support/methods.ts";
import { rejection } from "../support/refusals.ts";
import { tableCases } from "../support/table-cases.ts";

const own = session("s", { userId: "me" });

/** Writes that store something in the session `s`. */
const touching: Readonly<Record<string, Call>> = {
  upsertSession: (db) => db.upsertSession(own),
  "upsertSession of a run": (db) => db.upsertSession({ ...own, runs: [run("new")] }),
  upsertSessions: (db) => db.upsertSessions([session("another"), own]),
  "upsertRun of a new run": (db) => db.upsertRun({ session: own, run: run("new") }),
  "upsertRun of a known run": (db) => db.upsertRun({ session: own, run: run("r", { content: "second" }) }),
  "upsertRun with a condition that holds": (db) => db.upsertRun({ session: own, run: run("r"), onlyIfExists: "run" }),
  "upsertRun that replaces the end": (db) => db.upsertRun({ session: own, run: run("r"), deleteRunsAfter: "r" }),
  "upsertRun of a further session": (db) =>
    db.upsertRun({ session: session("another"), run: run("new"), also: [{ session: own, change: {} }] }),
  "upsertRun of a user's handle": (db) => db.forUser("me").upsertRun({ session: session("s"), run: run("new") }),
  updateSession: (db) => db.updateSession({ sessionId: "s" }, { metadata: { changed: true } }),
  "updateSession by a function": (db) => db.updateSession({ sessionId: "s" }, () => ({ summary: null })),
  renameSession: (db) => db.renameSession({ sessionId: "s", sessionName: "changed" }),
  updateRun: (db) => db.updateRun({ runId: "r" }, (current) => ({ ...current, content: "changed" })),
  "updateRun that deletes": (db) => db.updateRun({ runId: "r" }, () => null),
};

/** Calls that store nothing in it. */
const leaving: Readonly<Record<string, Call>> = {
  ...Object.fromEntries(
    Object.entries(methods)
      .filter(([, { writes }]) => !writes)
      .map(([name, { call }]) => [name, (db: SessionDb) => call(db, { sessionId: "s", runId: "r" }, {})]),
  ),
  deleteRuns: (db) => db.deleteRuns({ runIds: ["r"] }),
  "upsertRun with a condition that does not hold": (db) =>
    db.upsertRun({ session: own, run: run("r"), onlyIfStatus: "PAUSED", change: { metadata: {} } }),
  "upsertRun of another session": (db) => db.upsertRun({ session: session("another"), run: run("new") }),
  "upsertRun that is refused": (db) => rejection(() => db.upsertRun({ session: session("s"), run: run("new") })),
  "updateSession that throws": (db) =>
    rejection(() => db.updateSession({ sessionId: "s" }, throwing(new Error("enough")))),
  "updateRun of a missing run": (db) => db.updateRun({ runId: "r", sessionId: "other" }, () => null),
  "deleteSession of another session": (db) => db.deleteSession({ sessionId: "other" }),
  "deleteSessions by a filter that it does not match": (db) => db.deleteSessions({ filter: { componentId: "none" } }),
};

async function prepare(db: SessionDb, updatedAt: number): Promise<void> {
  await db.upsertSession({ ...own, updatedAt, runs: [run("r"), run("q")] });
  await db.upsertSession(session("other", { agentId: "other agent", runs: [run("other run")] }));
}

const times: Readonly<Record<string, { createdAt?: number; updatedAt?: number }>> = {
  "both times": { createdAt: start - 5, updatedAt: start - 3 },
  "createdAt alone": { createdAt: start - 5 },
  "updatedAt alone": { updatedAt: start - 3 },
  "no time": {},
};

export const touchCases: Cases = {
  ...tableCases("%s sets updatedAt to now and keeps createdAt", touching, async (db, call, name) => {
    await prepare(db, start);
    await call(db);
    const { createdAt, updatedAt } = await stored(db, "s");
    assert.equal(createdAt, start, `${name} changes createdAt`);
    assert.ok(Math.abs((updatedAt ?? 0) - Date.now() / 1000) < 120, `updatedAt is ${updatedAt}`);
    assert.equal((await stored(db, "other")).updatedAt, start, "other sessions stay");
  }),
  ...tableCases("%s never sets updatedAt back", touching, async (db, call) => {
    await prepare(db, future);
    await call(db);
    assert.equal((await stored(db, "s")).updatedAt, future, "another machine's clock was ahead");
  }),
  ...tableCases("%s keeps updatedAt", leaving, async (db, call, name) => {
    await prepare(db, start);
    await call(db);
    const { createdAt, updatedAt } = await stored(db, "s");
    assert.deepStrictEqual([createdAt, updatedAt], [start, start], `${name} stores nothing, but touches the session`);
  }),
  ...tableCases(
    "a session with %s is the same whether a turn or upsertSession creates it",
    times,
    async (db, given) => {
      const { createdAt: _createdAt, updatedAt: _updatedAt, ...rest } = session("s", { userId: "me", teamId: "t" });
      const init = { ...rest, ...given };
      const before = Math.floor(Date.now() / 1000) - 120;
      await db.upsertSession({ ...init, sessionId: "whole" });
      await db.upsertRun({ session: init, run: run("r") });
      await db.upsertRun({ session: { ...init, sessionId: "changed" }, run: run("r2"), change: { metadata: null } });
      const also = [{ session: { ...init, sessionId: "further" }, change: {} }];
      await db.upsertRun({ session: session("another"), run: run("r3"), also });
      const whole = plain(await stored(db, "whole"));
      for (const sessionId of ["s", "changed", "further"]) {
        const read = plain(await stored(db, sessionId));
        const metadata = sessionId === "changed" ? null : whole["metadata"];
        for (const name of ["createdAt", "updatedAt"] as const) {
          const time = read[name];
          assert.ok(typeof time === "number", `${sessionId}: ${name}`);
          const wanted = given[name] ?? (name === "updatedAt" ? given.createdAt : undefined);
          assert.ok(wanted === undefined ? time > before : time === wanted, `${sessionId}: ${name} is ${time}`);
        }
        const same = { sessionId: "", createdAt: 0, updatedAt: 0, runs: [] };
        assert.deepStrictEqual({ ...read, ...same }, { ...whole, ...same, metadata }, sessionId);
      }
    },
  ),
};
