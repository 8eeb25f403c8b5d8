/** Settles like `work`, or rejects with the signal's reason once it aborts, which some models and tools ignore. */
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
    // The loser of the race may still reject, which must not count as unhandled.
    aborted.catch(() => {});
    Promise.resolve(work).catch(() => {});
  }
}
