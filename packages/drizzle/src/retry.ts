import { setTimeout as sleep } from "node:timers/promises";
import { DatabaseUnreachableError, SessionDbError } from "@sessiondb/core";
import { countRetry, untilAborted, type Signal } from "@sessiondb/core/adapter";
import { givenUp } from "./giving-up.ts";
import { RefusedDocument } from "./refused-document.ts";
import type { ClassifiedError, Work } from "./sql-driver.ts";
import type { Awaitable } from "./steps.ts";

/** An error that a retry would meet again. */
export function final(error: SessionDbError): ClassifiedError {
  return { error, transient: false };
}

export interface WorkOptions {
  /** Whether doing the work twice has the same effect as doing it once. Default true. */
  readonly repeatable?: boolean;
  /** Called before the work is repeated although its last attempt may have been committed. */
  readonly onUnknownOutcome?: () => void;
  /** Ends the wait between two tries. */
  readonly signal?: Signal;
  /** The start of the call that the work is part of, as `performance.now()`. Default: now. */
  readonly since?: number;
  /** The time that the call has waited in line, in milliseconds, which is no time of tries. Default: none. */
  readonly waited?: number;
}

export interface RetryOptions {
  readonly classify: (error: unknown) => ClassifiedError;
  /** The time to keep trying, in milliseconds. */
  readonly patience: number;
  /** The longest time of a call, in milliseconds. Default: no limit. */
  readonly limit?: number;
}

const firstPause = 2;
const longestPause = 100;

/** Carries an error thrown by the caller's own function past the classification of database errors. */
class CallerFault extends Error {
  override get name(): string {
    return "CallerFault";
  }
}

/** Calls a function of the caller within `withRetry`: its errors reach the caller unchanged. */
export function callOut<Result>(call: () => Result): Result {
  try {
    return call();
  } catch (cause) {
    throw new CallerFault("The caller's function threw", { cause });
  }
}

/** Wraps the caller's work within `withRetry`: its own errors, but not its statements', reach the caller unchanged. */
export function callOutWork<Result>(work: Work<Result>): Work<Result> {
  return function* guarded(on) {
    const faults = new Set<unknown>();
    try {
      return yield* work({ execute: (statement, values) => noted(() => on.execute(statement, values), faults) });
    } catch (error) {
      if (faults.has(error)) {
        throw error;
      }
      return callOut(() => {
        throw error;
      });
    }
  };
}

/** Runs a statement, and records its failure before anyone else sees it. */
function noted<Value>(run: () => Awaitable<Value>, faults: Set<unknown>): Awaitable<Value> {
  const note = (error: unknown): never => {
    faults.add(error);
    throw error;
  };
  try {
    const result = run();
    return result instanceof Promise ? result.catch(note) : result;
  } catch (error) {
    return note(error);
  }
}

/**
 * Runs work, and repeats it while its failures are transient, with growing pauses of random length. Work that is not
 * repeatable, such as incrementing a counter, is not repeated once it may have been committed. Work receives the time
 * by which it must end, as `performance.now()`.
 */
export async function withRetry<Result>(
  work: (until: number) => Awaited<Result> | Promise<Result>,
  options: RetryOptions,
  { repeatable = true, onUnknownOutcome, signal, since = performance.now(), waited = 0 }: WorkOptions = {},
): Promise<Result> {
  const until = since + (options.limit ?? Number.POSITIVE_INFINITY);
  // The error of an attempt that may have been committed: from then on nobody can say that nothing was stored.
  let lost: SessionDbError | null = null;
  for (let pause = firstPause; ; pause = Math.min(pause * 2, longestPause)) {
    try {
      return await work(until);
    } catch (cause) {
      if (signal?.aborted === true && cause === signal.reason) {
        throw lost === null ? cause : unknownOutcome(lost);
      }
      if (SessionDbError.isInstance(cause)) {
        throw cause;
      }
      if (cause instanceof CallerFault) {
        throw cause.cause;
      }
      if (cause instanceof RefusedDocument) {
        throw cause.refusal(cause.column);
      }
      const { error, transient, outcomeUnknown = false } = options.classify(cause);
      const taken = performance.now() - since;
      if (outcomeUnknown && !repeatable) {
        throw unknownOutcome(error);
      }
      if (!transient) {
        throw lost === null ? error : unknownOutcome(error);
      }
      if (outcomeUnknown) {
        lost = error;
        onUnknownOutcome?.();
      }
      if (taken - waited >= options.patience) {
        const gaveUp = givenUp(error, taken);
        throw lost === null ? gaveUp : unknownOutcome(gaveUp);
      }
      countRetry();
      await untilAborted(sleep(pause * (0.5 + Math.random() / 2)), lost === null ? signal : undefined);
    }
  }
}

/** The error of a write that may have been committed. */
function unknownOutcome({ message, cause }: SessionDbError): DatabaseUnreachableError {
  const advice = "The outcome of the change is unknown: read before you write again.";
  return new DatabaseUnreachableError(`${message} ${advice}`, { cause });
}
