import { AsyncLocalStorage } from "node:async_hooks";
import { tracingChannel } from "node:diagnostics_channel";
import { SessionDbError, type SessionDbErrorCode } from "./errors.ts";

/**
 * One call of a store, as the channels of `node:diagnostics_channel` tell it: `tracing:sessiondb:call:start` before its
 * work and `tracing:sessiondb:call:asyncEnd` after it, with the same object. It has no ids, no content and no messages.
 */
export interface ObservedCall {
  /** The kind of store: `memory`, `sqlite`, `postgres`, `mysql` (MariaDB too), or what another adapter calls itself. */
  readonly store: string;
  /** The method, such as `upsertRun`. */
  readonly method: string;
  /** Milliseconds; null until the end. */
  duration: number | null;
  /** Null until the end. Aborted: the call rejected with the reason of its signal. */
  outcome: "succeeded" | "failed" | "aborted" | null;
  /** The code of a `SessionDbError`; null for success, an abort, and errors thrown by the caller's own functions. */
  errorCode: SessionDbErrorCode | null;
  /** How often the work was begun again after a transient failure. */
  retries: number;
  /**
   * The statements of the call's work that were sent, without those that look at tables or create them. Like the other
   * counts, zero on the in-memory store.
   */
  statements: number;
  /** The rows that the statements returned or changed. */
  rows: number;
  /** The size of the values sent and returned, in bytes of UTF-8. */
  bytes: number;
}

const { start, asyncEnd } = tracingChannel<unknown, ObservedCall>("sessiondb:call");

const underWay = new AsyncLocalStorage<ObservedCall>();

/** Runs a call, and publishes its beginning and its end if anybody listens. */
export function observed<Result>(
  { store, method, options }: { store: string; method: string; options: unknown },
  operation: () => Promise<Result>,
): Promise<Result> {
  if (!start.hasSubscribers && !asyncEnd.hasSubscribers) {
    return operation();
  }
  const counts = { retries: 0, statements: 0, rows: 0, bytes: 0 };
  const call: ObservedCall = { store, method, duration: null, outcome: null, errorCode: null, ...counts };
  return underWay.run(call, () => start.runStores(call, () => ended(call, operation, options)));
}

async function ended<Result>(call: ObservedCall, operation: () => Promise<Result>, options: unknown): Promise<Result> {
  const began = performance.now();
  try {
    const result = await operation();
    call.outcome = "succeeded";
    return result;
  } catch (error) {
    call.outcome = isReasonOfAbort(error, options) ? "aborted" : "failed";
    call.errorCode = SessionDbError.isInstance(error) ? error.code : null;
    throw error;
  } finally {
    call.duration = performance.now() - began;
    asyncEnd.publish(call);
  }
}

function isReasonOfAbort(error: unknown, options: unknown): boolean {
  const signal: unknown =
    typeof options === "object" && options !== null && "signal" in options ? options.signal : null;
  return signal instanceof AbortSignal && signal.aborted && error === signal.reason;
}

/** Counts a retry of the call under way, if it is observed. */
export function countRetry(): void {
  const call = underWay.getStore();
  if (call !== undefined) {
    call.retries += 1;
  }
}

/** Counts a statement of the call under way, if it is observed. */
export function countStatement(
  sent: readonly unknown[],
  { rows, affected }: { readonly rows: readonly (readonly unknown[])[]; readonly affected: number },
): void {
  const call = underWay.getStore();
  if (call !== undefined) {
    call.statements += 1;
    call.rows += Math.max(rows.length, affected);
    call.bytes += sizeOf(sent) + rows.reduce((sum, row) => sum + sizeOf(row), 0);
  }
}

function sizeOf(values: readonly unknown[]): number {
  return values.reduce<number>((sum, value) => {
    if (typeof value === "string") {
      return sum + Buffer.byteLength(value);
    }
    return value instanceof Uint8Array ? sum + value.byteLength : sum;
  }, 0);
}
