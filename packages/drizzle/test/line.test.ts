import { setImmediate as turn, setTimeout as sleep } from "node:timers/promises";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Line } from "@sessiondb/drizzle";

/** What happens next: a call comes, one of those that wait is aborted, or one under way ends. */
const events = fc.array(fc.oneof(fc.constant("come"), fc.nat(20).map(String), fc.constant("end")), { maxLength: 60 });

describe("a line", () => {
  test("admits calls in the order in which they came, and no more at once than there is room for", async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 3 }), events, async (width, steps) => {
        const line = new Line(width);
        const underWay: (() => void)[] = [];
        const admitted: number[] = [];
        const gone: number[] = [];
        const signals: AbortController[] = [];
        for (const step of [...steps, ...steps.map(() => "end")]) {
          if (step === "come") {
            const number = signals.length;
            const controller = new AbortController();
            signals.push(controller);
            const come = async (): Promise<void> => {
              underWay.push(await line.enter({ signal: controller.signal }));
              admitted.push(number);
            };
            come().catch(() => gone.push(number));
          } else if (step === "end") {
            underWay.shift()?.();
          } else {
            signals[Number(step)]?.abort();
          }
          await turn();
          expect(underWay.length).toBeLessThanOrEqual(width);
          expect(line.isEmpty).toBe(underWay.length === 0);
        }
        expect(admitted).toEqual(signals.map((_, number) => number).filter((number) => !gone.includes(number)));
      }),
      { numRuns: 200 },
    );
  });

  test("loses no room over a call that is admitted just after its signal aborted", async () => {
    const line = new Line();
    const first = await line.enter();
    const controller = new AbortController();
    const second = line.enter({ signal: controller.signal });
    controller.abort(new Error("enough"));
    first();
    await expect(second).rejects.toThrow("enough");
    expect(line.isEmpty).toBe(true);
    (await line.enter())();
  });

  test("sends away only those who have waited long enough, with the reason", async () => {
    const line = new Line();
    const leave = await line.enter();
    const now = performance.now();
    const impatient = line.enter({ patientUntil: now });
    const patient = line.enter({ patientUntil: now + 60_000 });
    const reason = new Error("locked");
    line.giveUp(() => reason);
    await expect(impatient).rejects.toBe(reason);
    leave();
    (await patient)();
    expect(line.isEmpty).toBe(true);
  });

  test("ends a wait in time", async () => {
    const line = new Line();
    const leave = await line.enter();
    await expect(line.enter({ until: performance.now() + 20 })).rejects.toMatchObject({ code: "DATABASE_BUSY" });
    leave();
    expect(line.isEmpty).toBe(true);
  });

  test("finds the next of thousands at once", { timeout: 10_000 }, async () => {
    const line = new Line();
    const order: number[] = [];
    const calls = Array.from({ length: 50_000 }, async (_, number) => {
      const leave = await line.enter();
      order.push(number);
      leave();
    });
    await Promise.all([...calls, sleep(0)]);
    expect(order).toEqual(calls.map((_, number) => number));
  });
});
