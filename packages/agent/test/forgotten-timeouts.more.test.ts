import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Agent, parallel, Team, Workflow } from "@sessiondb/agent";
import { InMemorySessionDb } from "@sessiondb/core";
import { scriptedModel } from "@sessiondb/testing/scripted-model";
import { expect, test } from "vitest";

// Node forgets a timeout that nobody keeps but a signal made of several, when it collects garbage.

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

/** An agent whose model never answers. */
function stuckAgent(timeout: number | null): Agent {
  const model = scriptedModel(() => {
    [5, 15, 25].forEach((later) => setTimeout(collectGarbage, later));
    return { stuckAfter: "Half an" };
  });
  const db = new InMemorySessionDb();
  return new Agent({ id: "a", model, db, ...(timeout !== null && { generation: { timeout } }) });
}

const member = scriptedModel([
  { calls: [{ name: "delegate_task_to_member", input: { member_id: "a", task: "Go" } }] },
  "Done.",
]);

const runs: Readonly<Record<string, () => Promise<unknown>>> = {
  "the signal of a run": () => stuckAgent(null).run("Hi", { signal: AbortSignal.timeout(50) }),
  "the signal of a team": () =>
    new Team({ model: member, members: [stuckAgent(null)] }).run("Hi", { signal: AbortSignal.timeout(50) }),
  "the signal of a workflow": () =>
    new Workflow({ steps: [parallel("p", [stuckAgent(null)])] }).run("Hi", { signal: AbortSignal.timeout(50) }),
  "generation.timeout of a run": () => stuckAgent(50).run("Hi"),
  "generation.timeout of a stream": async () => (await stuckAgent(50).stream("Hi")).result,
};

test.each(Object.entries(runs))("%s ends it after a collection too", async (_name, run) => {
  await expect(run()).rejects.toMatchObject({ name: "TimeoutError" });
});

test("the signal of a workflow's stream ends it after a collection too", async () => {
  const signal = AbortSignal.timeout(50);
  const stream = new Workflow({ steps: [stuckAgent(null)] }).stream("Hi", { signal });
  expect((await stream.result).status).toBe("CANCELLED");
});
