import { loop, parallel, step, Workflow, type WorkflowStep } from "@sessiondb/agent";
import { describe, expect, test } from "vitest";
import { localStores, type OpenStore } from "./support/stores.ts";

type Work = () => Promise<string>;

const places: Readonly<Record<string, (work: Work) => readonly WorkflowStep[]>> = {
  "a step": (work) => [work],
  "a parallel step": (work) => [parallel("p", [work, () => "Done"])],
  "a step of a loop": (work) => [loop("l", { steps: [work] })],
  "a step of a workflow in a workflow": (work) => [
    step({ name: "inner", run: new Workflow({ id: "i", steps: [step({ name: "work", run: work })] }) }),
  ],
};

describe.each(Object.keys(localStores))("%s", (store) => {
  test.each(Object.entries(places))("what the function of %s returns after the end is stored", async (_name, steps) => {
    await using db = await (localStores[store] as OpenStore)();
    const controller = new AbortController();
    let release = (): void => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const work = async (): Promise<string> => {
      controller.abort(new Error("stop"));
      await released;
      return "late content";
    };
    const workflow = new Workflow({ id: "w", db, steps: steps(work), sessionId: "s" });
    await expect(workflow.run("x", { signal: controller.signal })).rejects.toThrow("stop");
    const stored = async () => (await db.getSession({ sessionId: "s" }))?.runs;
    expect(await stored()).toMatchObject([{ status: "CANCELLED", content: "stop" }]);
    release();
    await expect.poll(async () => JSON.stringify(await stored()), { interval: 1 }).toContain("late content");
    expect(await stored()).toMatchObject([{ status: "CANCELLED", content: "stop" }]);
  });
});
