import { DatabaseBusyError, DatabaseUnreachableError } from "@sessiondb/core";
import { describe, expect, test } from "vitest";
import { callOut, withRetry, type RetryOptions } from "../src/retry.ts";
import { SessionLines } from "../src/session-lines.ts";

const patience = 50;

/** A driver whose work is always refused, for this reason. */
function refusing(outcomeUnknown: boolean): RetryOptions {
  const error = new DatabaseBusyError("The session is locked.");
  return { patience, classify: () => ({ error, transient: true, outcomeUnknown }) };
}

const fault = new Error("of the driver");
const fails = (): never => {
  throw fault;
};

/** Work that takes long, and then fails: three such calls, of which two are at work. The third would succeed. */
async function endsOf(fail: () => Promise<unknown>): Promise<PromiseSettledResult<unknown>[]> {
  const lines = new SessionLines({ patience, limit: 60_000 });
  const since = performance.now();
  const use = { since, signal: undefined };
  const failing = [0, 1].map(() =>
    lines.run(
      ["session s"],
      async () => {
        await new Promise((resolve) => setTimeout(resolve, patience * 2));
        return fail();
      },
      use,
    ),
  );
  const waiting = lines.run(["session s"], async () => "done", use);
  return Promise.allSettled([...failing, waiting]);
}

describe("a call that fails, with others in line", () => {
  test("takes along those that have waited as long, each with an error of its own, if it gave up", async () => {
    const [first, , last] = await endsOf(() => withRetry(fails, refusing(false)));
    const [gaveUp, along] = [first, last].map((each) => (each as PromiseRejectedResult).reason as Error);
    expect(gaveUp?.message).toMatch(/locked\. Gave up after \d+ ms\.$/);
    expect(along).toBeInstanceOf(DatabaseBusyError);
    expect(along?.message).toBe("The session is locked. Gave up in line, after a call on the same session.");
    expect(along).not.toBe(gaveUp);
  });

  test.each<[string, () => Promise<unknown>]>([
    ["may have been committed", () => withRetry(fails, refusing(true), { repeatable: false })],
    ["may have been committed before", () => withRetry(fails, refusing(true))],
    [
      "was told to by its caller",
      () =>
        withRetry(() => callOut(() => ofCaller()), {
          patience,
          classify: () => ({ error: new DatabaseBusyError("x"), transient: true }),
        }),
    ],
    [
      "was refused for good",
      () => withRetry(fails, { patience, classify: () => ({ error: new DatabaseBusyError("x"), transient: false }) }),
    ],
  ])("takes nobody along if it %s", async (_, fail) => {
    const [, , last] = await endsOf(fail);
    expect(last).toEqual({ status: "fulfilled", value: "done" });
  });
});

function ofCaller(): never {
  throw new DatabaseUnreachableError("The caller's own words");
}
