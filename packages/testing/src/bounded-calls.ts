import { setTimeout as sleep } from "node:timers/promises";
import { SessionDbError, type ManagedSchema, type SessionDb } from "@sessiondb/core";
import { agentRun, agentSession } from "./models.ts";
import type { NetworkProxy } from "./network-proxy.ts";

/** The times of a store under test, in milliseconds, and what they bound every call by. */
export const times = { connectionTimeout: 600, retryTimeout: 800, statementTimeout: 600 };
export const bound = times.connectionTimeout + times.retryTimeout + times.statementTimeout;

/** What a slow machine may add. */
const slack = 2000;

type Store = SessionDb & ManagedSchema;

const session = agentSession("s");

/** Stores what the calls work on. */
export async function fill(db: Store): Promise<void> {
  await db.upsertSessions([session, agentSession("t"), agentSession("u"), agentSession("v", { agentId: "leaver" })]);
  await db.upsertRun({ session, run: agentRun("a") });
  await db.upsertRun({ session, run: agentRun("b") });
  // Pages of runs continue from one, which must not be deleted meanwhile.
  await db.upsertRun({ session: agentSession("u"), run: agentRun("gone") });
}

/** Breaks something, and returns what mends it. */
type Fault = (proxy: NetworkProxy) => Promise<() => Promise<void>>;

/** What may befall a server, or the network before it. */
export function serverFaults(server: () => { pause(): void; resume(): void }): Readonly<Record<string, Fault>> {
  return {
    "nothing passes any more": async (proxy) => {
      proxy.isBlackHole = true;
      return async () => {
        proxy.isBlackHole = false;
        proxy.cutAll();
      };
    },
    "connections are half-open": async (proxy) => {
      proxy.halfOpenAll();
      return async () => {};
    },
    "the server is stopped": async () => {
      server().pause();
      return async () => server().resume();
    },
    "connections are refused": async (proxy) => {
      proxy.reachable = false;
      proxy.cutAll();
      return async () => {
        proxy.reachable = true;
      };
    },
  };
}

/** Every call of a store, as users make it. */
export const calls: Readonly<Record<string, (db: Store) => Promise<unknown>>> = {
  getSession: (db) => db.getSession({ sessionId: "s" }),
  getSessions: (db) => db.getSessions({ includeTotal: true }),
  sessionPages: (db) => allOf(db.sessionPages({ limit: 1 })),
  runPages: (db) => allOf(db.runPages({ sessionId: "s", limit: 1 })),
  upsertSession: (db) => db.upsertSession({ ...session, metadata: { changed: true } }),
  upsertSessions: (db) => db.upsertSessions([session, agentSession("u"), agentSession("new")]),
  updateSession: (db) => db.updateSession({ sessionId: "s" }, () => ({ metadata: { changed: true } })),
  renameSession: (db) => db.renameSession({ sessionId: "s", sessionName: "Trip" }),
  deleteSession: (db) => db.deleteSession({ sessionId: "t" }),
  "deleteSessions by filter": (db) => db.deleteSessions({ filter: { componentId: "leaver" } }),
  upsertRun: (db) => db.upsertRun({ session, run: agentRun("c") }),
  "upsertRun with a change": (db) => db.upsertRun({ session, run: agentRun("d"), change: { metadata: { n: 1 } } }),
  updateRun: (db) => db.updateRun({ runId: "a" }, (run) => ({ ...run, content: "changed" })),
  getRun: (db) => db.getRun({ runId: "a" }),
  getRuns: (db) => db.getRuns(),
  deleteRuns: (db) => db.deleteRuns({ runIds: ["gone"] }),
  verifySchema: (db) => db.verifySchema(),
  planMigration: (db) => db.planMigration(),
  migrate: (db) => db.migrate(),
  migrateLegacyRuns: (db) => db.migrateLegacyRuns(),
};

async function allOf(pages: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of pages) {
    // Each page is read on demand.
  }
}

/** Makes every call at once. Resolves with what is wrong: calls that took too long, and errors without a right code. */
export async function faultsOf(db: Store, codes: readonly string[], longest = bound): Promise<string[]> {
  const outcomes = Object.entries(calls).map(([name, call]) => outcomeOf(name, call(db), { codes, longest }));
  return (await Promise.all(outcomes)).flat();
}

interface Expected {
  readonly codes: readonly string[];
  /** The time that the call may take, in milliseconds, on a machine that is not slow. */
  readonly longest?: number;
}

/** Waits for a call that has just been made. Resolves with what is wrong with how it ended. */
export async function outcomeOf(
  name: string,
  call: Promise<unknown>,
  { codes, longest = bound }: Expected,
): Promise<string[]> {
  const start = performance.now();
  const error: unknown = await Promise.race([
    call.then(
      () => null,
      (cause: unknown) => cause,
    ),
    sleep(longest + slack * 2, new Error("It has not ended."), { ref: false }),
  ]);
  const took = Math.round(performance.now() - start);
  if (took > longest + slack) {
    return [`${name} took ${took} ms: ${text(error)}`];
  }
  const isRight = error === null || (SessionDbError.isInstance(error) && codes.includes(error.code));
  return isRight ? [] : [`${name} failed with ${text(error)}`];
}

function text(error: unknown): string {
  return error instanceof Error ? `${error.name}: ${error.message}` : "no error";
}
