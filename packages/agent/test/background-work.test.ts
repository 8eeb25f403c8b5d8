import assert from "node:assert/strict";
import fc from "fast-check";
import { test } from "vitest";
import { BackgroundWork } from "../src/background-work.ts";

/** Adds work, or ends the work under way, well or not. */
const action = fc.oneof(
  fc.record({ type: fc.constant("add" as const), key: fc.constantFrom("a", "b") }),
  fc.record({ type: fc.constant("end" as const), key: fc.constantFrom("a", "b"), fails: fc.boolean() }),
);

test("one piece at a time for each key; the newest stands for all that wait", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(action, { maxLength: 30 }), async (actions) => {
      const queue = new BackgroundWork();
      const running = new Map<string, { number: number; end: (fails: boolean) => void }>();
      const done: number[] = [];
      const settled: Promise<{ number: number; by: number; failed: boolean }>[] = [];
      const added: { number: number; key: string }[] = [];
      const begin = (key: string, number: number): Promise<void> =>
        new Promise((resolve) => {
          assert.ok(!running.has(key), "one at a time");
          running.set(key, {
            number,
            end: (fails) => {
              running.delete(key);
              done.push(number);
              resolve(fails ? Promise.reject(new Error(String(number))) : undefined);
            },
          });
        });
      const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
      const end = async (key: string, fails: boolean): Promise<void> => {
        running.get(key)?.end(fails);
        await turn();
      };
      for (const [number, each] of actions.entries()) {
        if (each.type === "end") {
          await end(each.key, each.fails);
          continue;
        }
        added.push({ number, key: each.key });
        settled.push(
          queue
            .add(each.key, () => begin(each.key, number))
            .then(
              () => ({ number, by: done.at(-1) ?? -1, failed: false }),
              (error: Error) => ({ number, by: Number(error.message), failed: true }),
            ),
        );
        await turn();
      }
      while (running.size > 0) {
        for (const key of running.keys()) {
          await end(key, false);
        }
      }
      for (const { number, by } of await Promise.all(settled)) {
        const keyOf = (wanted: number): string | undefined => added.find((each) => each.number === wanted)?.key;
        assert.ok(by >= number && keyOf(by) === keyOf(number), "settles with itself or a newer one");
      }
      for (const key of ["a", "b"]) {
        // The newest is always done.
        const numbers = added.filter((each) => each.key === key).map((each) => each.number);
        assert.ok(numbers.length === 0 || done.includes(Math.max(...numbers)));
      }
    }),
    { numRuns: 200 },
  );
});
