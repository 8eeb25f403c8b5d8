import type { SessionDb, SessionHeader } from "@sessiondb/core";
import { described } from "./compare.ts";

/** The number of calls that race. */
export const many = 20;

/** Makes calls at once, alternating between the two handles. */
export function atOnce<Result>(
  [one, other]: readonly [SessionDb, SessionDb],
  call: (db: SessionDb, index: number) => Promise<Result>,
): Promise<PromiseSettledResult<Result>[]> {
  return Promise.allSettled(Array.from({ length: many }, (_, index) => call(index % 2 === 0 ? one : other, index)));
}

/** {@link atOnce} for calls that must all succeed. Returns their results. */
export async function allAtOnce<Result>(
  handles: readonly [SessionDb, SessionDb],
  call: (db: SessionDb, index: number) => Promise<Result>,
): Promise<Result[]> {
  const results = await atOnce(handles, (db, index) => described("a call made during others", () => call(db, index)));
  return results.map((result) => {
    if (result.status === "rejected") {
      throw result.reason;
    }
    return result.value;
  });
}

/** A change that counts its applications. */
export function increment({ sessionState }: SessionHeader) {
  return { sessionState: { ...sessionState, count: Number(sessionState["count"] ?? 0) + 1 } };
}
