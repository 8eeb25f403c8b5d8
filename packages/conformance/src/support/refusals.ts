import assert from "node:assert/strict";
import { inspect } from "node:util";
import { SessionDbError, type SessionDb, type SessionDbErrorCode } from "@sessiondb/core";
import { secret } from "./data.ts";
import { dump } from "./dump.ts";

/**
 * Asserts that a call is refused as the contract says: with that code, and nothing changed.
 *
 * @returns the error.
 */
export async function refuses(
  db: SessionDb,
  code: SessionDbErrorCode,
  call: () => Promise<unknown>,
): Promise<SessionDbError> {
  const before = await dump(db);
  const error = await rejection(call);
  assertRefusal(error, code);
  assert.deepStrictEqual(await dump(db), before, "a refused call changed the store");
  return error;
}

/** {@link refuses} for a bad argument, which the error must name. */
export async function refusesArgument(db: SessionDb, argument: string, call: () => Promise<unknown>): Promise<void> {
  const error = await refuses(db, "INVALID_ARGUMENT", call);
  assertNames(error, argument);
}

/** Returns what a call rejects with, or null if it resolves. */
export function errorOf(call: Promise<unknown>): Promise<unknown> {
  return call.then(
    () => null,
    (error: unknown) => error,
  );
}

/** Returns what a call must reject with. A method that throws before it returns a promise escapes every `catch` handler. */
export async function rejection(call: () => Promise<unknown>): Promise<unknown> {
  let promise: Promise<unknown>;
  try {
    promise = call();
  } catch (error) {
    assert.fail(`the method threw instead of rejecting: ${String(error)}`);
  }
  return promise.then(
    () => assert.fail("the call was accepted"),
    (error: unknown) => error,
  );
}

export function assertRefusal(error: unknown, code: SessionDbErrorCode): asserts error is SessionDbError {
  assert.ok(SessionDbError.isInstance(error), `expected a SessionDbError, not ${inspect(error)}`);
  assert.equal(error.code, code, error.message);
  assert.ok(error.message.length > 0, "an error says what is wrong");
  // Message, properties, stack and cause alike.
  assert.ok(!inspect(error, { depth: 20 }).includes(secret), "an error contains stored content");
}

/** Asserts that an error says which argument it is about. */
export function assertNames(error: SessionDbError, argument: string): void {
  const named: unknown = "argument" in error ? error.argument : undefined;
  assert.ok(typeof named === "string" && named.includes(argument), `the error names ${String(named)}, not ${argument}`);
  assert.ok(error.message.includes(argument), `the message names ${argument}: ${error.message}`);
  const wanted: unknown = "expected" in error ? error.expected : error.message;
  assert.ok(typeof wanted === "string" && wanted !== "", "an error says what is expected");
}
