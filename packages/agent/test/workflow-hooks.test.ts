import { DatabaseFullError, type JsonValue, type SessionDb } from "@sessiondb/core";
import { afterEach, describe, expect, test, vi } from "vitest";
import {
  Agent,
  parallel,
  step,
  StepResult,
  Workflow,
  type WorkflowHooks,
  type WorkflowOptions,
  type WorkflowStep,
} from "@sessiondb/agent";
import { scriptedModel } from "@sessiondb/testing/scripted-model";
import { collect } from "./support/collect.ts";
import { localStores } from "./support/stores.ts";

// Whatever a workflow comes to: each event is told once, in its order, and no hook changes what the run comes to.

const calls = ["run", "stream", "continueRun", "continueStream"] as const;
const endings = [
  "completes",
  "pauses",
  "a step fails",
  "an abort in a step",
  "cancelRun",
  "a storage error",
  "an ignored storage error",
] as const;
const behaviours = ["return", "throw", "reject", "hang"] as const;
const places = ["top", "inside"] as const;

interface Cell {
  readonly call: (typeof calls)[number];
  readonly ending: (typeof endings)[number];
  readonly place: (typeof places)[number];
}

const continues = ({ call }: Cell): boolean => call.startsWith("continue");
const cells = places.flatMap((place) => calls.flatMap((call) => endings.map((ending) => ({ call, ending, place }))));
/** What the store refuses, and cancels, is the run around the others. */
const exists = ({ place, ending }: Cell): boolean =>
  place === "top" || !["a storage error", "an ignored storage error", "cancelRun"].includes(ending);

type Told = readonly [name: string, ...what: unknown[]];

function noting(told: Told[], behaviour: (typeof behaviours)[number]): WorkflowHooks {
  const note = (...what: Told): unknown => {
    told.push(what);
    if (behaviour === "throw") {
      throw new Error("The hook is broken.");
    }
    return behaviour === "reject"
      ? Promise.reject(new Error("The hook is broken."))
      : behaviour === "hang"
        ? new Promise(() => {})
        : undefined;
  };
  return {
    onStart: ({ isContinued, component }) => note("start", isContinued, component.id),
    onStep: ({ step: { path, output } }) => note("step", path.join("/"), output.success),
    onEnd: ({ run }) => note("end", run.status),
    onError: ({ error, run }) =>
      note("error", (error as { code?: string }).code ?? (error as Error).message, run.status),
  };
}

/** What is to be told of the run, or of its continuation. */
function expected(cell: Cell): Told[] {
  const begun: Told[] = [["start", continues(cell), "w"]];
  const first: Told[] = continues(cell) ? [] : [["step", "both/a", true]];
  const both: Told[] = [...first, ["step", "both/b", true], ["step", "both", true]];
  const last: Told = ["step", "last", true];
  const wrong: Told = ["step", "last", false];
  return [
    ...begun,
    ...{
      completes: [...both, last, ["end", "COMPLETED"]],
      pauses: [...both, ["end", "PAUSED"]],
      "a step fails": [...both, wrong, ["error", "broken", "ERROR"]],
      "an abort in a step": [...both, wrong, ["end", "CANCELLED"]],
      cancelRun: [...both, wrong, ["end", "CANCELLED"]],
      "a storage error": [...both, last, ["error", "DATABASE_FULL", "COMPLETED"]],
      "an ignored storage error": [...both, last, ["end", "COMPLETED"]],
    }[cell.ending],
  ] as Told[];
}

const untilAborted = (signal: AbortSignal): Promise<never> =>
  new Promise((_resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
  });

/** Has a run, and returns what its hooks were told, and what it came to. */
async function ran(cell: Cell, db: SessionDb, behaviour: (typeof behaviours)[number]) {
  const { call, ending, place } = cell;
  const controller = new AbortController();
  const told: Told[] = [];
  let isReady = !continues(cell);
  const upsertRun = db.upsertRun.bind(db);
  db.upsertRun = async (options) => {
    const { status } = options.run;
    if (isReady && ending.endsWith("storage error") && status !== "RUNNING") {
      throw new DatabaseFullError("The disk is full.");
    }
    return upsertRun(options);
  };
  let cancel = async (): Promise<unknown> => null;
  const asks: WorkflowStep = step({
    name: "b",
    run: ({ resumeData }) => {
      if (continues(cell) && resumeData === undefined) {
        return StepResult.suspend(null);
      }
      return "b";
    },
  });
  const last: WorkflowStep = step({
    name: "last",
    run: async ({ signal, resumeData }): Promise<JsonValue | StepResult> => {
      switch (ending) {
        case "pauses":
          return resumeData === undefined ? StepResult.suspend(null) : "last";
        case "a step fails":
          throw new Error("broken");
        case "an abort in a step":
          controller.abort(new Error("stop"));
          return untilAborted(signal);
        case "cancelRun":
          void cancel();
          return untilAborted(signal);
        default:
          return "last";
      }
    },
  });
  const steps = [parallel("both", [step({ name: "a", run: () => "a" }), asks]), last];
  const options: WorkflowOptions = {
    id: "w",
    sessionId: "s",
    steps,
    hooks: noting(told, behaviour),
    ...(ending === "an ignored storage error" && { onStorageError: "continue" }),
  };
  const flow =
    place === "top"
      ? new Workflow({ ...options, db })
      : new Workflow({ id: "outer", sessionId: "s", db, steps: [new Workflow(options)] });
  cancel = async () => {
    let [run] = await flow.getRunningRuns();
    while (run === undefined) {
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
      [run] = await flow.getRunningRuns();
    }
    return flow.cancelRun({ runId: run.runId });
  };
  const { signal } = controller;
  if (continues(cell)) {
    await flow.run("in");
    told.length = 0;
    isReady = true;
  }
  const [stored] = (await db.getRuns({ sessionId: "s" })).runs;
  const again = { runId: stored?.runId ?? "", sessionId: "s", resumeData: 1, signal };
  const outcome = {
    run: () => flow.run("in", { signal }),
    stream: () => flow.stream("in", { signal }).result,
    continueRun: () => flow.continueRun(again),
    continueStream: () => flow.continueStream(again).result,
  }[call]();
  const came = await outcome.then(
    ({ status, content }) => [status, content],
    (error: Error) => ["rejects", error.message],
  );
  const { runs } = await db.getRuns({ sessionId: "s" });
  return { told, came: [...came, runs.map(({ status }) => status)] };
}

afterEach(() => vi.restoreAllMocks());

describe.each(Object.entries(localStores))("%s", (_store, open) => {
  test.each(cells.filter(exists))("$place, $call: $ending", async (cell) => {
    const outcomes: unknown[] = [];
    for (const behaviour of behaviours) {
      const warnings: string[] = [];
      vi.spyOn(process, "emitWarning").mockImplementation((warning) => void warnings.push(String(warning)));
      await using db = await open();
      const { told, came } = await ran(cell, db, behaviour);
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
      expect(told).toEqual(expected(cell));
      const fails = behaviour === "throw" || behaviour === "reject";
      const hookOf = { start: "onStart", step: "onStep", end: "onEnd", error: "onError" } as Record<string, string>;
      // Those of a first run that paused are among them.
      expect(warnings.slice(-told.length)).toEqual(
        fails ? told.map(([name]) => `The hook ${hookOf[name]} failed: Error.`) : [],
      );
      outcomes.push(came);
    }
    const withoutIds = outcomes.map((each) => JSON.stringify(each).replaceAll(/[\da-f-]{36}/g, "id"));
    expect(new Set(withoutIds).size).toBe(1);
  });
});

test("close() and the host wait for hooks", async () => {
  const ended: string[] = [];
  const handed: Promise<unknown>[] = [];
  const db = await localStores["memory"]?.();
  const flow = new Workflow({
    db: db as SessionDb,
    steps: [() => "done"],
    hooks: {
      onEnd: async () => {
        await new Promise((resolve) => {
          setTimeout(resolve, 20);
        });
        ended.push("end");
      },
    },
    waitUntil: (work) => handed.push(work),
  });
  await flow.run("in");
  expect([ended, handed.length]).toEqual([[], 1]);
  await flow.close();
  expect(ended).toEqual(["end"]);
});

test("a reader who leaves the events cancels the run, and the hooks are told", async () => {
  const told: Told[] = [];
  const db = await localStores["memory"]?.();
  const steps: WorkflowStep[] = [() => "one", ({ signal }) => untilAborted(signal)];
  const flow = new Workflow({ id: "w", db: db as SessionDb, steps, hooks: noting(told, "return") });
  const stream = flow.stream("in");
  for await (const event of stream) {
    if (event.type === "step-started" && event.name === "step 2") {
      break;
    }
  }
  await stream.result;
  expect(told.at(-1)).toEqual(["end", "CANCELLED"]);
});

test("hooks alone have no agent stream its answer", async () => {
  const model = scriptedModel(["Hi", "Hi"]);
  const hooks = noting([], "return");
  await new Workflow({ steps: [new Agent({ model })], hooks }).run("in");
  expect([model.doGenerateCalls.length, model.doStreamCalls.length]).toEqual([1, 0]);
  expect(await collect(new Workflow({ steps: [new Agent({ model })], hooks }).stream("in"))).not.toEqual([]);
  expect(model.doStreamCalls).toHaveLength(1);
});

test.each([
  ["hooks.onTool", { hooks: { onTool: () => {} } }],
  ["hooks.onEnd", { hooks: { onEnd: 1 } }],
  ["hooks", { hooks: 1 }],
])("%s is refused", (argument, options) => {
  expect(() => new Workflow({ steps: [() => "one"], ...(options as object) })).toThrow(
    expect.objectContaining({ argument }) as Error,
  );
});
