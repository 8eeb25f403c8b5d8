import type { Signal } from "@sessiondb/core/adapter";

/** A value, or the promise of one: what a statement returns on a synchronous or an asynchronous driver. */
export type Awaitable<Value> = Value | Promise<Value>;

/**
 * The body of a transaction, written once for both kinds of driver: a generator that yields what its statements return.
 * better-sqlite3 runs it to its end without yielding the thread, so nothing else can slip into the transaction.
 */
export type Steps<Result> = Generator<Awaitable<unknown>, Result, unknown>;

/** Waits for one statement in steps: `const row = yield* step(statements.lockSession(id))`. */
export function* step<Value>(statement: Awaitable<Value>): Generator<Awaitable<unknown>, Value, unknown> {
  return (yield statement) as Value;
}

/** Runs steps whose statements return values synchronously. */
export function runSync<Result>(steps: Steps<Result>): Result {
  let next = steps.next();
  while (next.done !== true) {
    next = steps.next(next.value);
  }
  return next.value;
}

/**
 * Runs steps whose statements return promises. A rejection is thrown into the steps, as from an `await`, and so is the
 * reason of a signal that aborts between two statements.
 */
export async function runAsync<Result>(steps: Steps<Result>, signal?: Signal): Promise<Result> {
  let next = steps.next();
  while (next.done !== true) {
    let value: unknown;
    try {
      value = await next.value;
      signal?.throwIfAborted();
    } catch (error) {
      next = steps.throw(error);
      continue;
    }
    next = steps.next(value);
  }
  return next.value;
}
