import assert from "node:assert/strict";
import { inspect, isDeepStrictEqual } from "node:util";
import { SessionDbError, type SessionDb } from "@sessiondb/core";
import { dump, plain } from "./dump.ts";

/** Asserts that two values are the same. The message begins with `what` and shows both. */
export function same(actual: unknown, expected: unknown, what: string): void {
  if (!isDeepStrictEqual(actual, expected)) {
    assert.fail(`${what} ${shown(actual)}, not ${shown(expected)}`);
  }
}

function shown(value: unknown): string {
  return inspect(value, { depth: 8, breakLength: Infinity, maxArrayLength: 40, maxStringLength: 200 });
}

/** Makes the error of a call say what was asked, which a store's own error does not. */
export async function described<Result>(asked: string, call: () => Promise<Result>): Promise<Result> {
  try {
    return await call();
  } catch (cause) {
    const code = SessionDbError.isInstance(cause) ? `${cause.code}: ` : "";
    const message = cause instanceof Error ? cause.message : String(cause);
    throw message.startsWith(asked) ? cause : new Error(`${asked} failed: ${code}${message}`, { cause });
  }
}

/** Asserts that reads of single sessions return the same as in the reference. */
export async function sameById(
  db: SessionDb,
  reference: SessionDb,
  { sessionIds, what }: { sessionIds: readonly string[]; what: string },
): Promise<void> {
  const read = async (from: SessionDb, sessionId: string, includeRuns: boolean): Promise<unknown> => {
    const session = await (includeRuns ? from.getSession({ sessionId }) : from.getSession({ sessionId, includeRuns }));
    return session && withoutNow(plain(session));
  };
  for (const sessionId of sessionIds) {
    for (const includeRuns of [true, false]) {
      const options = `{ sessionId: "${sessionId}"${includeRuns ? "" : ", includeRuns: false"} }`;
      const expected = await read(reference, sessionId, includeRuns);
      same(await read(db, sessionId, includeRuns), expected, `${what}: getSession(${options}) returned`);
    }
  }
}

/** Asserts that a store has the expected content. The message names the first difference. */
export async function sameContent(db: SessionDb, expected: SettledDump, what: string): Promise<void> {
  const actual = await settledDump(db);
  const idsOf = ({ sessions }: SettledDump): unknown[] => sessions.map(({ sessionId }) => sessionId);
  same(idsOf(actual), idsOf(expected), `${what} the sessions`);
  for (const [place, session] of expected.sessions.entries()) {
    const of = `of session ${JSON.stringify(session["sessionId"])}`;
    const found = actual.sessions[place] ?? {};
    same(runIdsOf(found), runIdsOf(session), `${what}, ${of}, the runs`);
    for (const name of Object.keys(session)) {
      same(found[name], session[name], `${what}, ${of}, as ${name},`);
    }
  }
  same(actual.runIds, expected.runIds, `${what} the runs`);
}

/** Everything in a store, with `"now"` for every time that is about now. */
export interface SettledDump {
  readonly sessions: readonly Readonly<Record<string, unknown>>[];
  readonly runIds: readonly string[];
}

export async function settledDump(db: SessionDb): Promise<SettledDump> {
  return withoutNow(await dump(db)) as SettledDump;
}

function runIdsOf({ runs }: Readonly<Record<string, unknown>>): unknown {
  return Array.isArray(runs) ? runs.map((run: { runId?: unknown }) => run.runId) : runs;
}

const seconds = (): number => Math.floor(Date.now() / 1000);
const loaded = seconds() - 1;

/** Returns a value as JSON holds it, with `"now"` for every time about now: two stores may write it a second apart. */
export function withoutNow(value: unknown): unknown {
  if (value === undefined) {
    return null;
  }
  return JSON.parse(JSON.stringify(value), (_, each: unknown) =>
    typeof each === "number" && each >= loaded && each <= seconds() + 1 ? "now" : each,
  );
}

export type Call = (db: SessionDb) => Promise<unknown>;

/** Returns the outcome of a call, to compare with that of the same call elsewhere: a result, or an error's code. */
export async function outcomeOf(db: SessionDb, call: Call): Promise<unknown> {
  try {
    return { result: withoutNow(await call(db)) };
  } catch (error) {
    if (SessionDbError.isInstance(error)) {
      return { refused: error.code };
    }
    if (error instanceof DeliberateError) {
      return { threw: error.message };
    }
    throw error;
  }
}

/** The error of a change that is meant to fail. */
export class DeliberateError extends Error {
  override readonly name = "DeliberateError";
}
