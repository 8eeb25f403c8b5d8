import assert from "node:assert/strict";
import { setImmediate as turnOfLoop } from "node:timers/promises";
import type { SessionDb } from "@sessiondb/core";
import type { Cases } from "../conformance-case.ts";
import { run, runIdsIn, session } from "../support/data.ts";
import { dump } from "../support/dump.ts";
import { methodCases, methods } from "../support/methods.ts";
import { brokenSignals } from "../support/wrong-values.ts";
import { refusesArgument, rejection } from "../support/refusals.ts";
import { abortCases } from "./aborts.ts";

const subject = { sessionId: "s", runId: "r" };

async function prepare(db: SessionDb): Promise<void> {
  await db.upsertSession(session("s", { userId: "me", runs: [run("r"), run("q")] }));
}

const scope = { userId: "me" };

const everyMethod = methodCases({
  "rejects with the reason of an already aborted signal": async (db, { call }) => {
    await prepare(db);
    const before = await dump(db);
    for (const reason of [new Error("enough"), "text", 0, { own: true }]) {
      const options = { signal: AbortSignal.abort(reason) };
      assert.equal(await rejection(() => call(db, { ...subject, options }, scope)), reason);
      assert.equal(
        await rejection(() => call(db.forUser("me"), { ...subject, options }, {})),
        reason,
        "on a user's handle",
      );
    }
    const { signal, error } = abortedByDefault();
    assert.equal(
      await rejection(() => call(db, { ...subject, options: { signal } }, scope)),
      error,
      "without a reason of one's own",
    );
    assert.deepStrictEqual(await dump(db), before);
  },

  "refuses anything but a signal": async (db, { call }) => {
    await prepare(db);
    for (const signal of brokenSignals) {
      await refusesArgument(db, "signal", () => call(db, { ...subject, options: { signal } }, scope));
      await refusesArgument(db, "signal", () => call(db.forUser("me"), { ...subject, options: { signal } }, {}));
    }
  },

  "works with a signal that aborts afterwards or never": async (db, { call }) => {
    await prepare(db);
    const controller = new AbortController();
    await call(db, { ...subject, options: { signal: controller.signal } }, scope);
    const after = await dump(db);
    controller.abort(new Error("too late"));
    await turnOfLoop();
    assert.deepStrictEqual(await dump(db), after, "an abort after the call undoes nothing");
    await call(db, { ...subject, options: { signal: undefined } }, scope);
  },
});

function abortedByDefault(): { signal: AbortSignal; error: unknown } {
  const controller = new AbortController();
  controller.abort();
  return { signal: controller.signal, error: controller.signal.reason };
}

export const signalCases: Cases = {
  ...everyMethod,
  ...abortCases,

  "one signal aborts many calls": async (db) => {
    await prepare(db);
    const controller = new AbortController();
    const { signal } = controller;
    await Promise.all(Array.from({ length: 30 }, () => db.getSession({ sessionId: "s", signal })));
    const reason = new Error("enough");
    controller.abort(reason);
    for (const { call } of Object.values(methods)) {
      assert.equal(await rejection(() => call(db, { ...subject, options: { signal } }, scope)), reason);
    }
    assert.deepStrictEqual(await runIdsIn(db, "s"), ["r", "q"]);
  },

  "a walk ends at the aborted page": async (db) => {
    await db.upsertSessions(["a", "b", "c"].map((sessionId) => session(sessionId, { runs: [run(`${sessionId}1`)] })));
    const walks = {
      sessionPages: (signal: AbortSignal): AsyncIterable<unknown> => db.sessionPages({ limit: 1, signal }),
      runPages: (signal: AbortSignal): AsyncIterable<unknown> => db.runPages({ limit: 1, signal }),
    };
    for (const [name, walk] of Object.entries(walks)) {
      const controller = new AbortController();
      const reason = new Error("enough");
      let pages = 0;
      const error = await rejection(async () => {
        for await (const _ of walk(controller.signal)) {
          pages += 1;
          controller.abort(reason);
        }
      });
      assert.deepStrictEqual([error, pages], [reason, 1], name);
    }
  },
};
