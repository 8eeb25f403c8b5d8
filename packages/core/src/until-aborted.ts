import type { Signal } from "./base-session-db.ts";

/** The callbacks of each signal, which gets one listener: Node warns of more than ten, and calls may share a signal. */
const waiting = new WeakMap<AbortSignal, Set<() => void>>();

/**
 * Returns the promise's value, unless the signal aborts first: then it rejects with the reason at once, and `abandon`
 * gives up the promise's work. The promise's later outcome is ignored.
 */
export async function untilAborted<Value>(
  promise: Promise<Value>,
  signal: Signal,
  abandon: () => void = () => {},
): Promise<Value> {
  if (signal === undefined) {
    return promise;
  }
  let forget = (): void => {};
  const aborted = new Promise<never>((_, reject) => {
    const stop = (): void => {
      abandon();
      reject(signal.reason as Error);
    };
    if (signal.aborted) {
      stop();
    } else {
      forget = onAbort(signal, stop);
    }
  });
  promise.catch(() => {});
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    forget();
  }
}

/** Calls back once when the signal aborts. Returns a function that cancels this. */
function onAbort(signal: AbortSignal, callback: () => void): () => void {
  const callbacks = waiting.get(signal) ?? new Set();
  if (callbacks.size === 0) {
    waiting.set(signal, callbacks);
    signal.addEventListener("abort", callAll, { once: true });
  }
  callbacks.add(callback);
  return () => {
    callbacks.delete(callback);
    if (callbacks.size === 0) {
      signal.removeEventListener("abort", callAll);
    }
  };
}

function callAll(event: Event): void {
  for (const callback of waiting.get(event.target as AbortSignal) ?? []) {
    callback();
  }
}
