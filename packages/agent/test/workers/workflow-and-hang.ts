import { setTimeout as wait } from "node:timers/promises";
import { approvals, journaledWorkflow, openShared, type Kind } from "../support/journaled-workflow.ts";

// workflow-and-hang <place> <kind> <journal> <mode> <store>: runs a workflow, or goes on with its run, and answers what waits.
// In mode `hang` the step of interest never ends, and "hangs" is said once nothing is being written any more; in mode `slow`
// all steps take up to 20 ms.
const [place = "", kind = "function", journal = "", mode = "hang", ...store] = process.argv.slice(2);

const say = (line: string): void => void process.stdout.write(`${line}\n`);
await using db = openShared(store);
const underWay = new Set<Promise<unknown>>();
const noted = new Proxy(db, {
  get: (target, name) => {
    const member: unknown = Reflect.get(target, name, target);
    return typeof member !== "function"
      ? member
      : (...given: unknown[]): unknown => {
          const returned: unknown = (member as (...args: unknown[]) => unknown).apply(target, given);
          if (returned instanceof Promise) {
            underWay.add(returned);
            void returned.catch(() => null).then(() => underWay.delete(returned));
          }
          return returned;
        };
  },
});
/** Resolves once no call of the store has been under way for a while. */
const quiet = async (): Promise<void> => {
  for (let since = 0; since < 4; since += 1) {
    await wait(50);
    since = underWay.size > 0 ? 0 : since;
  }
};
const flow = journaledWorkflow(noted, {
  place,
  kind: kind as Kind,
  journal,
  reach: async () => {
    if (mode === "hang") {
      void quiet().then(() => say("hangs"));
      await new Promise(() => {});
    }
  },
  pause: () => (mode === "hang" ? 1 : Math.random() * 20),
});
const keepAlive = setInterval(() => {}, 1000);
say("begins");
const { runs } = await db.getRuns({ sessionId: "s" });
const [begun] = runs;
const options = { sessionId: "s", userId: "ada" };
let result =
  begun === undefined
    ? await flow.run("in", options)
    : await flow.continueRun({
        ...options,
        runId: begun.runId,
        ...(begun.status === "PAUSED" && { resumeData: approvals }),
      });
if (result.status === "PAUSED") {
  result = await flow.continueRun({ ...options, runId: result.runId, resumeData: approvals });
}
clearInterval(keepAlive);
say(result.status);
