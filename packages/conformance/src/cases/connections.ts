import assert from "node:assert/strict";
import { inspect, isDeepStrictEqual } from "node:util";
import type { SessionDb } from "@sessiondb/core";
import type { Cases, CutMoment, OpenCut } from "../conformance-case.ts";
import {
  DeliberateError,
  described,
  outcomeOf,
  same,
  sameContent,
  settledDump,
  withoutNow,
  type Call,
} from "../support/compare.ts";
import { run, session } from "../support/data.ts";
import { repeatableWrites, singleWrites, storeContent } from "../support/kinds-of-writes.ts";
import { assertRefusal } from "../support/refusals.ts";
import { tableCases } from "../support/table-cases.ts";
import { usingOpened, usingReference } from "../support/using-store.ts";
import { compareViews } from "../support/views.ts";

// When a connection breaks, a call either succeeds by a retry or rejects with an error that says so. Its writes are
// stored whole or not at all, once at most, and the store keeps working.

const moments: readonly CutMoment[] = ["before request", "before answer", "before answer to commit"];
/** The last is the error of a delete by filter after some batches were committed. */
const lost = ["DATABASE_UNREACHABLE", "DATABASE_BUSY", "PARTIAL_DELETE"] as const;

interface Settled {
  readonly outcome: unknown;
  /** Null for a call with its ordinary outcome. */
  readonly error: unknown;
}

/** Returns what a call did while the connection broke: its ordinary outcome, or the error of a lost connection. */
async function settle(db: SessionDb, call: Call): Promise<Settled> {
  try {
    return { outcome: { result: withoutNow(await call(db)) }, error: null };
  } catch (error) {
    if (error instanceof DeliberateError) {
      return { outcome: { threw: error.message }, error: null };
    }
    const code = codeOf(error);
    return lost.some((each) => each === code) || typeof code !== "string"
      ? { outcome: null, error }
      : { outcome: { refused: code }, error: null };
  }
}

function codeOf(error: unknown): unknown {
  return typeof error === "object" && error !== null && "code" in error ? error.code : undefined;
}

function assertLost(error: unknown, what: string): void {
  const accepted = lost.find((each) => each === codeOf(error));
  assert.ok(accepted !== undefined, `${what} rejects with ${String(error)}, not with ${lost.join(" or ")}`);
  assertRefusal(error, accepted);
}

async function checkWrite(openCut: OpenCut, write: Call, name: string): Promise<void> {
  for (const moment of moments) {
    await usingOpened(openCut, async ({ db, cut }) => {
      await usingReference(async (reference) => {
        await storeContent(db);
        await storeContent(reference);
        const before = await settledDump(reference);
        const expected = await outcomeOf(reference, write);
        const after = await settledDump(reference);
        const mayRepeat = moment !== "before request" && repeatableWrites.has(name);
        const repeated = mayRepeat
          ? { outcome: await outcomeOf(reference, write), held: await settledDump(reference) }
          : null;
        const what = `${name}, with the connection cut ${moment},`;
        await cut(moment);
        const { outcome, error } = await settle(db, write);
        // Uses up a cut that the call did not: a refusal may come without a commit.
        await db.getSession({ sessionId: "a" }).catch(() => {});
        await db.updateSession({ sessionId: "nothing" }, {}).catch(() => {});
        await db.upsertRun({ session: session("g"), run: run("g1") }).catch(() => {});
        await db.deleteSession({ sessionId: "g" });
        const held = await settledDump(db);
        if (error === null && isDeepStrictEqual({ outcome, held }, repeated)) {
          // The first attempt was committed and its answer lost; the second did the same.
        } else if (error === null) {
          same(outcome, expected, `${what} resulted in`);
          await sameContent(db, after, `${what} resolved, and the store holds`);
        } else {
          assertLost(error, what);
          const states = [before, ...(moment === "before request" ? [] : [after])];
          const whole = states.some((state) => isDeepStrictEqual(state, held));
          if (!whole) {
            await sameContent(db, after, `${what} rejected, but it is half-written or written twice: the store holds`);
          }
        }
        await compareViews(db, `after ${what}`, 0);
      });
    });
  }
}

const reads: Readonly<Record<string, Call>> = {
  getSession: (db) => db.getSession({ sessionId: "a" }),
  "getSession with runsLimit": (db) => db.getSession({ sessionId: "a", runsLimit: 1 }),
  getSessions: (db) => db.getSessions({ includeRuns: true, includeTotal: true }),
  getRun: (db) => db.getRun({ runId: "a1" }),
  getRuns: (db) => db.getRuns({ sessionId: "a" }),
};

async function checkRead(openCut: OpenCut, read: Call, name: string): Promise<void> {
  for (const moment of ["before request", "before answer"] as const) {
    await usingOpened(openCut, async ({ db, cut }) => {
      await storeContent(db);
      const expected = await outcomeOf(db, read);
      await cut(moment);
      const what = `${name}, with the connection cut ${moment},`;
      const { outcome, error } = await settle(db, read);
      if (error === null) {
        same(outcome, expected, `${what} resulted in`);
      } else {
        assertLost(error, what);
      }
      same(await outcomeOf(db, read), expected, `${name}, once the connection is back, resulted in`);
    });
  }
}

const outages: Readonly<Record<string, Call>> = {
  ...reads,
  upsertRun: (db) => db.upsertRun({ session: session("a", { userId: "alice" }), run: run("a5") }),
  upsertSession: (db) => db.upsertSession(session("f")),
  updateSession: (db) => db.updateSession({ sessionId: "a" }, { metadata: { changed: true } }),
  updateRun: (db) => db.updateRun({ runId: "a1" }, () => null),
  deleteRuns: (db) => db.deleteRuns({ runIds: ["a1"] }),
  deleteSession: (db) => db.deleteSession({ sessionId: "a" }),
  "deleteSessions by filter": (db) => db.deleteSessions({ filter: { sessionName: "trip" } }),
};

export const connectionCases: Cases<OpenCut> = {
  ...tableCases("%s is stored once, or not at all, when the connection breaks", singleWrites, checkWrite),
  ...tableCases("%s is right, or says that the connection broke", reads, checkRead),
  ...tableCases("%s says that the database cannot be reached", outages, (openCut: OpenCut, call, name) =>
    usingOpened(openCut, async ({ db, setReachable }) => {
      await storeContent(db);
      const before = await settledDump(db);
      await setReachable(false);
      const { outcome, error } = await settle(db, call);
      await setReachable(true);
      if (error === null) {
        assert.fail(`${name} resulted in ${inspect(outcome)} without a database`);
      }
      assertLost(error, `${name}, without a database,`);
      const what = `after ${name}, without a database, the store holds`;
      await described(what, () => sameContent(db, before, what));
      assert.ok((await outcomeOf(db, call)) !== null, `${name} works once the database is back`);
    }),
  ),
};
