import type { SessionDb, SessionHeader } from "@sessiondb/core";

/** The number of calls that race. */
export const many = 20;

/** Makes calls at once, alternating between the two handles. */
export function atOnce<Result>(
  [one, other]: readonly [SessionDb, SessionDb],
  call: (db: SessionDb, index: number) => Promise<Result>,
): Promise<PromiseSettledResult<Result>[]> {
  return Promise.allSettled(Array.from({ length: many }, (_, index) => call(index % 2 === 0 ? one : other, index)));
}

export function assertAllDone(results: readonly PromiseSettledResult<unknown>[]): void {
  for (const result of results) {
    if (result.status === "rejected") {
      throw result.reason;
    }
  }
}

/** A change that counts its applications. */
export function increment({ sessionState }: SessionHeader) {
  return { sessionState: { ...sessionState, count: Number(sessionState["count"] ?? 0) + 1 } };
}
