import { runAsync, runSync, type Steps } from "@sessiondb/drizzle";
import { describe, expect, test } from "vitest";
import { step, type Awaitable } from "../src/steps.ts";

type Statement = (value: number) => Awaitable<number>;

function* sum(statement: Statement, values: readonly number[]): Steps<number> {
  let total = 0;
  for (const value of values) {
    total += yield* step(statement(value));
  }
  return total;
}

/** Steps that fall back to another statement, and tidy up whatever happens. */
function* guarded(statement: Statement, log: string[]): Steps<number> {
  try {
    return yield* step(statement(1));
  } catch (error) {
    log.push(`caught ${(error as Error).message}`);
    return yield* step(statement(2));
  } finally {
    log.push("finally");
  }
}

const failingOn = (bad: readonly number[]): ((value: number) => number) => {
  return (value) => {
    if (bad.includes(value)) {
      throw new Error(`no ${value}`);
    }
    return value * 10;
  };
};

// An async function turns what it throws into a rejection.
const later =
  (statement: (value: number) => number) =>
  async (value: number): Promise<number> =>
    statement(value);

describe("runSync", () => {
  test("returns each statement's value to the steps", () => {
    expect(runSync(sum((value) => value * 10, [1, 2, 3]))).toBe(60);
    expect(runSync(sum(() => 0, []))).toBe(0);
  });

  test("lets steps catch what a statement throws", () => {
    const log: string[] = [];
    expect(runSync(guarded(failingOn([1]), log))).toBe(20);
    expect(log).toEqual(["caught no 1", "finally"]);
  });

  test("throws errors that the steps do not catch, after their cleanup", () => {
    const log: string[] = [];
    expect(() => runSync(guarded(failingOn([1, 2]), log))).toThrow("no 2");
    expect(log).toEqual(["caught no 1", "finally"]);
  });

  test("does not yield to the event loop between statements", async () => {
    let other = false;
    queueMicrotask(() => {
      other = true;
    });
    runSync(
      sum(
        (value) => {
          expect(other).toBe(false);
          return value;
        },
        [1, 2, 3],
      ),
    );
    await Promise.resolve();
    expect(other).toBe(true);
  });
});

describe("runAsync", () => {
  test("waits for each statement before the next one starts", async () => {
    let running = 0;
    const statement = async (value: number): Promise<number> => {
      running += 1;
      expect(running).toBe(1);
      await new Promise((resolve) => setTimeout(resolve, 1));
      running -= 1;
      return value;
    };
    expect(await runAsync(sum(statement, [1, 2, 3]))).toBe(6);
  });

  test("accepts plain values as well", async () => {
    expect(await runAsync(sum((value) => value, [1, 2]))).toBe(3);
  });

  test("throws a rejection into the steps, which may catch it", async () => {
    const log: string[] = [];
    expect(await runAsync(guarded(later(failingOn([1])), log))).toBe(20);
    expect(log).toEqual(["caught no 1", "finally"]);
  });

  test("rejects with errors that the steps do not catch, after their cleanup", async () => {
    const log: string[] = [];
    await expect(runAsync(guarded(later(failingOn([1, 2])), log))).rejects.toThrow("no 2");
    expect(log).toEqual(["caught no 1", "finally"]);
  });

  test("rejects with errors that a statement throws synchronously", async () => {
    await expect(runAsync(sum(failingOn([2]), [1, 2, 3]))).rejects.toThrow("no 2");
  });
});
