/** Resolves with `work`, or rejects with the signal's reason as soon as it aborts: some models and tools do not listen to it. */
export async function unlessAborted<Result>(work: PromiseLike<Result>, signal: AbortSignal): Promise<Result> {
  let stop: () => void = () => {};
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(signal.reason as Error);
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) {
      stop();
    }
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener("abort", stop);
    // Whichever lost the race may still reject, and must not count as unhandled.
    aborted.catch(() => {});
    Promise.resolve(work).catch(() => {});
  }
}
