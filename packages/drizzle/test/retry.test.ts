import { DatabaseBusyError, DatabaseError, DatabaseUnreachableError, InvalidArgumentError } from "@sessiondb/core";
import type { ClassifiedError } from "@sessiondb/drizzle";
import { describe, expect, test, vi } from "vitest";
import { callOut, callOutWork, withRetry } from "../src/retry.ts";
import type { SqlConnection, Work } from "../src/sql-driver.ts";
import type { Statement } from "../src/statement.ts";
import { runAsync, runSync, step } from "../src/steps.ts";

// What real locks do to a store is tested with each database; here it is the bounds of the waiting alone.

const classify = (cause: unknown): ClassifiedError => {
  const transient = cause instanceof Error && cause.message === "locked";
  return { error: new (transient ? DatabaseBusyError : DatabaseError)("The database failed.", { cause }), transient };
};

/** Fails in this way so many times, and counts the attempts. */
function failing(times: number, error: Error): { work: () => Promise<string>; attempts: number[] } {
  const attempts: number[] = [];
  const work = async () => {
    attempts.push(performance.now());
    if (attempts.length <= times) {
      throw error;
    }
    return "done";
  };
  return { work, attempts };
}

const locked = new Error("locked");

describe("withRetry", () => {
  test("runs work that succeeds once", async () => {
    const { work, attempts } = failing(0, locked);
    expect(await withRetry(work, { classify, patience: 1000 })).toBe("done");
    expect(attempts).toHaveLength(1);
  });

  test("retries transient failures, with growing but limited pauses", async () => {
    const longest = await Promise.all(
      Array.from({ length: 5 }, async () => {
        const { work, attempts } = failing(9, locked);
        expect(await withRetry(work, { classify, patience: 10_000 })).toBe("done");
        expect(attempts).toHaveLength(10);
        return Math.max(...attempts.slice(1).map((at, index) => at - (attempts[index] ?? 0)));
      }),
    );
    // Pauses of 2, 4, 8 … 100 ms at most. A busy machine may add to some of them, and takes nothing away.
    expect(Math.min(...longest)).toBeGreaterThanOrEqual(45);
    expect(Math.min(...longest)).toBeLessThan(200);
  });

  test("pauses for a random time, so that rivals do not collide again", async () => {
    const random = vi.spyOn(Math, "random");
    const waitedWith = async (value: number): Promise<number> => {
      random.mockReturnValue(value);
      const { work, attempts } = failing(7, locked);
      await withRetry(work, { classify, patience: 10_000 });
      return (attempts.at(-1) ?? 0) - (attempts[0] ?? 0);
    };
    const shortest = Math.min(await waitedWith(0), await waitedWith(0));
    const longest = await waitedWith(0.999);
    random.mockRestore();
    expect(longest - shortest).toBeGreaterThan(50);
  });

  test("gives up as busy, with the cause, once its patience runs out", async () => {
    const { work, attempts } = failing(Number.POSITIVE_INFINITY, locked);
    const start = performance.now();
    const outcome: unknown = await withRetry(work, { classify, patience: 200 }).catch((error: unknown) => error);
    const waited = performance.now() - start;
    expect(outcome).toBeInstanceOf(DatabaseBusyError);
    expect(outcome).toMatchObject({ cause: locked, message: expect.stringContaining("Gave up after") as string });
    expect(waited).toBeGreaterThanOrEqual(200);
    expect(waited).toBeLessThan(4000);
    expect(attempts.length).toBeGreaterThan(3);
  });

  test("tries once if its patience is 0", async () => {
    const { work, attempts } = failing(1, locked);
    await expect(withRetry(work, { classify, patience: 0 })).rejects.toBeInstanceOf(DatabaseBusyError);
    expect(attempts).toHaveLength(1);
  });

  test("translates a permanent failure, and does not retry it", async () => {
    const broken = new Error("broken");
    const { work, attempts } = failing(5, broken);
    await expect(withRetry(work, { classify, patience: 1000 })).rejects.toMatchObject({
      code: "DATABASE_ERROR",
      cause: broken,
    });
    expect(attempts).toHaveLength(1);
  });

  test("passes the library's own errors unchanged", async () => {
    const refused = new InvalidArgumentError("x", "something else");
    const { work, attempts } = failing(5, refused);
    await expect(withRetry(work, { classify, patience: 1000 })).rejects.toBe(refused);
    expect(attempts).toHaveLength(1);
  });

  test("also classifies errors thrown synchronously", async () => {
    const work = (): Promise<never> => {
      throw new Error("broken");
    };
    await expect(withRetry(work, { classify, patience: 0 })).rejects.toMatchObject({ code: "DATABASE_ERROR" });
  });

  test("calls classify as a method of its options", async () => {
    class Options {
      readonly patience = 0;
      readonly #text = "mine";
      classify(cause: unknown): ClassifiedError {
        return { error: new DatabaseError(this.#text, { cause }), transient: false };
      }
    }
    const { work } = failing(1, locked);
    await expect(withRetry(work, new Options())).rejects.toMatchObject({ message: "mine" });
  });

  describe("once an attempt may have been committed", () => {
    const lostCommit = new Error("lost at the commit");
    const ofCommits = (cause: unknown): ClassifiedError => ({
      ...classify(cause),
      ...(cause === lostCommit && {
        error: new DatabaseUnreachableError("The connection was lost.", { cause }),
        transient: true,
        outcomeUnknown: true,
      }),
    });
    const unknown = { code: "DATABASE_UNREACHABLE", message: expect.stringContaining("is unknown") as string };

    /** Loses the first commit, and fails in this way from then on. */
    function lost(then: (attempt: number) => Promise<string>): () => Promise<string> {
      let attempts = 0;
      return async () => {
        attempts += 1;
        if (attempts === 1) {
          throw lostCommit;
        }
        return then(attempts);
      };
    }

    test("says so, and repeats the work", async () => {
      const onUnknownOutcome = vi.fn<() => void>();
      const work = lost(async () => "done");
      expect(await withRetry(work, { classify: ofCommits, patience: 1000 }, { onUnknownOutcome })).toBe("done");
      expect(onUnknownOutcome).toHaveBeenCalledTimes(1);
    });

    test("does not repeat work that must not be done twice", async () => {
      const onUnknownOutcome = vi.fn<() => void>();
      const work = lost(async () => "done");
      const options = { repeatable: false, onUnknownOutcome };
      await expect(withRetry(work, { classify: ofCommits, patience: 1000 }, options)).rejects.toMatchObject(unknown);
      expect(onUnknownOutcome).not.toHaveBeenCalled();
    });

    test.each<[string, Error]>([
      ["it gives up", locked],
      ["the next attempt fails for good", new Error("broken")],
    ])("reports an unknown outcome when %s", async (_, error) => {
      const work = lost(async () => {
        throw error;
      });
      await expect(withRetry(work, { classify: ofCommits, patience: 50 })).rejects.toMatchObject(unknown);
    });

    test("reports an unknown outcome when its signal aborts, not that nothing was stored", async () => {
      const controller = new AbortController();
      const work = lost(async () => {
        controller.abort();
        throw controller.signal.reason;
      });
      const { signal } = controller;
      const outcome = withRetry(work, { classify: ofCommits, patience: 1000 }, { signal });
      await expect(outcome).rejects.toMatchObject(unknown);
    });
  });

  test("passes errors of the caller's function, even if they look like failures of the database", async () => {
    let calls = 0;
    const work = async () =>
      callOut(() => {
        calls += 1;
        throw locked;
      });
    await expect(withRetry(work, { classify, patience: 1000 })).rejects.toBe(locked);
    expect(calls).toBe(1);
    expect(await withRetry(async () => callOut(() => 5), { classify, patience: 0 })).toBe(5);
  });
});

describe.each(["a synchronous", "an asynchronous"])("callOutWork on %s driver", (kind) => {
  const own = new Error("the work's own");
  const statement = {} as Statement<never>;

  /** Runs work on a connection whose first statements fail in this way. */
  function running<Result>(work: Work<Result>, errors: Error[]): Promise<Result> {
    const failures = [...errors];
    const execute = () => {
      const error = failures.shift();
      if (error !== undefined) {
        throw error;
      }
      return { rows: [], affected: 1 };
    };
    const connection: SqlConnection = { execute: kind === "a synchronous" ? execute : async () => execute() };
    const run = async () => {
      const steps = callOutWork(work)(connection);
      return kind === "a synchronous" ? runSync(steps) : runAsync(steps);
    };
    return withRetry<Result>(run, { classify, patience: 1000 });
  }

  function* single(on: SqlConnection) {
    return (yield* step(on.execute(statement, []))).affected;
  }

  test("retries it when a statement fails transiently", async () => {
    expect(await running(single, [locked, locked])).toBe(1);
    await expect(running(single, [new Error("disk")])).rejects.toMatchObject({ code: "DATABASE_ERROR" });
  });

  test("passes its own errors without a retry, even if they look like failures of the database", async () => {
    let tries = 0;
    const throws: Work<void> = function* throws(on) {
      tries += yield* single(on);
      throw locked;
    };
    await expect(running(throws, [])).rejects.toBe(locked);
    expect(tries).toBe(1);
    const replaces: Work<void> = function* replaces(on) {
      try {
        yield* single(on);
      } catch {
        throw own;
      }
    };
    await expect(running(replaces, [locked])).rejects.toBe(own);
    const plain: Work<void> = () => {
      throw own;
    };
    await expect(running(plain, [])).rejects.toBe(own);
  });

  test("lets it handle a failed statement", async () => {
    const recovers: Work<number> = function* recovers(on) {
      try {
        return yield* single(on);
      } catch {
        return yield* single(on);
      }
    };
    expect(await running(recovers, [new Error("disk")])).toBe(1);
  });
});
