import { AsyncLocalStorage } from "node:async_hooks";
import { channel, subscribe, unsubscribe } from "node:diagnostics_channel";
import { afterEach, describe, expect, test } from "vitest";
import { InMemorySessionDb } from "../src/in-memory-session-db.ts";
import type { ObservedCall } from "../src/observed-calls.ts";
import type { SessionDb } from "../src/session-db.ts";

const secret = "marked secret";
const sessionId = `${secret} session`;
const userId = `${secret} user`;
const session = { sessionId, sessionType: "agent", agentId: "a", userId } as const;
const run = { runType: "agent", runId: `${secret} run`, content: secret } as const;
const starts = "tracing:sessiondb:call:start";
const ends = "tracing:sessiondb:call:asyncEnd";

const endings: (() => void)[] = [];
afterEach(() => {
  for (const end of endings.splice(0)) {
    end();
  }
});

function listen(name: string, listener: (call: ObservedCall) => void): void {
  const subscriber = (message: unknown): void => listener(message as ObservedCall);
  subscribe(name, subscriber);
  endings.push(() => unsubscribe(name, subscriber));
}

function observe(): ObservedCall[] {
  const calls: ObservedCall[] = [];
  listen(ends, (call) => calls.push(call));
  return calls;
}

const methods: Readonly<Record<string, (db: SessionDb) => Promise<unknown>>> = {
  upsertSession: (db) => db.upsertSession(session),
  upsertSessions: (db) => db.upsertSessions([session]),
  getSession: (db) => db.getSession({ sessionId }),
  getSessions: (db) => db.getSessions({ userId }),
  updateSession: (db) => db.updateSession({ sessionId }, { sessionName: secret }),
  renameSession: (db) => db.renameSession({ sessionId, sessionName: secret }),
  upsertRun: (db) => db.upsertRun({ session, run }),
  updateRun: (db) => db.updateRun({ runId: run.runId }, (stored) => stored),
  getRun: (db) => db.getRun({ runId: run.runId }),
  getRuns: (db) => db.getRuns({ sessionId }),
  deleteRuns: (db) => db.deleteRuns({ runIds: [run.runId] }),
  deleteSession: (db) => db.deleteSession({ sessionId }),
  deleteSessions: (db) => db.deleteSessions({ filter: { componentId: "a" } }),
};

/** Calls that fail, each with the outcome and the code that are told. */
const failures: [string, (db: SessionDb) => Promise<unknown>, Pick<ObservedCall, "outcome" | "errorCode">][] = [
  ["a wrong argument", (db) => db.getSession({ sessionId: "" }), { outcome: "failed", errorCode: "INVALID_ARGUMENT" }],
  [
    "another user's session",
    async (db) => {
      await db.upsertSession(session);
      await db.forUser("other").upsertRun({ session: { ...session, userId: "other" }, run });
    },
    { outcome: "failed", errorCode: "SESSION_OWNERSHIP" },
  ],
  [
    "a closed store",
    async (db) => {
      await db.close();
      await db.getSession({ sessionId });
    },
    { outcome: "failed", errorCode: "CLOSED" },
  ],
  [
    "an aborted signal",
    (db) => db.getSession({ sessionId, signal: AbortSignal.abort(new Error(secret)) }),
    { outcome: "aborted", errorCode: null },
  ],
  [
    "an error of the caller's function",
    async (db) => {
      await db.upsertSession(session);
      await db.updateSession({ sessionId }, () => {
        throw new Error(secret);
      });
    },
    { outcome: "failed", errorCode: null },
  ],
];

describe("an observed call", () => {
  test.each(Object.keys(methods))("of %s tells its method and its end, and no content", async (method) => {
    await using db = new InMemorySessionDb();
    await db.upsertRun({ session, run });
    const started: ObservedCall[] = [];
    listen(starts, (call) => {
      expect(call).toMatchObject({ duration: null, outcome: null });
      started.push(call);
    });
    const calls = observe();
    await methods[method]?.(db);
    expect(calls).toEqual([
      {
        store: "memory",
        method,
        duration: expect.any(Number) as number,
        outcome: "succeeded",
        errorCode: null,
        retries: 0,
        statements: 0,
        rows: 0,
        bytes: 0,
      },
    ]);
    expect(calls[0]).toBe(started[0]);
    expect(JSON.stringify(calls)).not.toContain(secret);
  });

  test.each(failures)("that fails because of %s tells its code, and no message", async (_, call, told) => {
    await using db = new InMemorySessionDb();
    const calls = observe();
    await expect(call(db)).rejects.toBeInstanceOf(Error);
    expect(calls.at(-1)).toMatchObject(told);
    expect(JSON.stringify(calls)).not.toContain(secret);
  });

  test("has the context of its caller at both ends, and the store that a listener binds while it works", async () => {
    await using db = new InMemorySessionDb();
    await db.upsertSession(session);
    const request = new AsyncLocalStorage<string>();
    const span = new AsyncLocalStorage<unknown>();
    const seen: unknown[] = [];
    channel(starts).bindStore(span, (call) => (call as ObservedCall).method);
    endings.push(() => channel(starts).unbindStore(span));
    listen(starts, () => seen.push(request.getStore()));
    listen(ends, () => seen.push(request.getStore(), span.getStore()));
    const change = (): { sessionName: string } => {
      seen.push(span.getStore());
      return { sessionName: "n" };
    };
    await request.run("request 1", () => db.updateSession({ sessionId }, change));
    expect(seen).toEqual(["request 1", "updateSession", "request 1", "updateSession"]);
    expect(span.getStore()).toBeUndefined();
  });

  test("is told apart from others at the same time", async () => {
    await using db = new InMemorySessionDb();
    const calls = observe();
    await Promise.allSettled([db.getSession({ sessionId }), db.getSession({ sessionId: "" }), db.getSessions()]);
    expect(calls.map(({ method, outcome }) => `${method} ${outcome}`).toSorted()).toEqual([
      "getSession failed",
      "getSession succeeded",
      "getSessions succeeded",
    ]);
  });
});
