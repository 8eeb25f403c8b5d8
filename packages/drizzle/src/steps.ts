/** A value, or the promise of one: what a statement gives on a synchronous or an asynchronous driver. */
export type Awaitable<Value> = Value | Promise<Value>;

/**
 * The body of a transaction, written once for both kinds of driver: a generator that yields what its statements return.
 * better-sqlite3 runs it to its end without giving up the thread, so nothing else can slip into the transaction.
 */
export type Steps<Result> = Generator<Awaitable<unknown>, Result, unknown>;

/** Waits for one statement inside of steps: `const row = yield* step(statements.lockSession(id))`. */
export function* step<Value>(statement: Awaitable<Value>): Generator<Awaitable<unknown>, Value, unknown> {
  return (yield statement) as Value;
}

/** Runs steps whose statements give values at once. */
export function runSync<Result>(steps: Steps<Result>): Result {
  let next = steps.next();
  while (next.done !== true) {
    next = steps.next(next.value);
  }
  return next.value;
}

/** Runs steps whose statements give promises. A rejection is thrown into the steps, as from an `await`. */
export async function runAsync<Result>(steps: Steps<Result>): Promise<Result> {
  let next = steps.next();
  while (next.done !== true) {
    let value: unknown;
    try {
      value = await next.value;
    } catch (error) {
      next = steps.throw(error);
      continue;
    }
    next = steps.next(value);
  }
  return next.value;
}
