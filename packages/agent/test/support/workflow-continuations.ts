import type { JsonValue, SessionDb, WorkflowRun } from "@sessiondb/core";
import {
  Agent,
  StepResult,
  Team,
  Workflow,
  type ContinueWorkflowOptions,
  type WorkflowRunResult,
  type WorkflowStep,
} from "@sessiondb/agent";
import { scriptedModel } from "@sessiondb/testing/scripted-model";
import { tool } from "ai";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { collect } from "./collect.ts";
import type { OpenStore } from "./stores.ts";
import { counting, itself, namesIn, places, type Place } from "./workflow-places.ts";

/** A step that stops the run, and then does not. */
interface Stop {
  /** Makes the step. It notes each time that it acts. */
  readonly make: (acted: string[]) => WorkflowStep;
  /** The status that the run has until it goes on. */
  readonly status: "PAUSED" | "ERROR" | "CANCELLED";
  /** The answer with which it goes on. */
  readonly answer: JsonValue | undefined;
  /** What the step may have noted in the end. */
  readonly acts: readonly string[];
}

const calls = { calls: [{ name: "buy", id: "c1", input: {} }], text: "I buy." };
const inputSchema = z.object({});
const member = new Agent({ id: "member", model: scriptedModel([]) });

const approvals = [{ toolCallId: "c1", approved: true }];
const buyer = (acted: string[]) => ({
  id: "it",
  model: scriptedModel([calls, "it"]),
  tools: {
    buy: tool({
      inputSchema,
      needsApproval: true,
      execute: () => {
        acted.push("bought");
        return "Bought";
      },
    }),
  },
});

const stops: Readonly<Record<string, Stop>> = {
  "a function that suspends": {
    make: (acted) =>
      itself(({ resumeData }) => {
        acted.push(resumeData === undefined ? "asked" : "answered");
        return resumeData === undefined ? StepResult.suspend({ ask: "Which?" }) : resumeData;
      }),
    status: "PAUSED",
    answer: "it",
    acts: ["asked", "answered"],
  },
  "an agent whose tool waits for approval": {
    make: (acted) => new Agent(buyer(acted)),
    status: "PAUSED",
    answer: approvals,
    acts: ["bought"],
  },
  "a team whose tool waits for approval": {
    make: (acted) => new Team({ ...buyer(acted), members: [member] }),
    status: "PAUSED",
    answer: approvals,
    acts: ["bought"],
  },
  "an agent whose tool runs in a browser": {
    make: () => new Agent({ ...buyer([]), tools: { buy: tool({ inputSchema }) } }),
    status: "PAUSED",
    answer: [{ toolCallId: "c1", approved: true, result: "Bought" }],
    acts: [],
  },
  "a function that fails": {
    make: (acted) =>
      itself(() => {
        acted.push("tried");
        if (acted.length === 1) {
          throw new Error("out of order");
        }
        return "it";
      }),
    status: "ERROR",
    answer: undefined,
    acts: ["tried", "tried"],
  },
  "an agent that fails": {
    make: () =>
      new Agent({ id: "it", model: scriptedModel([new Error("out of order"), "it"]), generation: { maxRetries: 0 } }),
    status: "ERROR",
    answer: undefined,
    acts: [],
  },
  "a function that is cancelled": {
    make: (acted) =>
      itself(() => {
        acted.push("tried");
        return acted.length === 1 ? new Promise<never>(() => {}) : "it";
      }),
    status: "CANCELLED",
    answer: undefined,
    acts: ["tried", "tried"],
  },
};

const hows = ["run", "stream"] as const;
type How = (typeof hows)[number];

/** Begins a run, and resolves when it has stopped. */
async function stopped(
  flow: Workflow,
  { status }: Stop,
  { db, how, acted }: { db: SessionDb; how: How; acted: readonly string[] },
): Promise<WorkflowRun> {
  const controller = new AbortController();
  const waiting = setInterval(() => {
    if (status === "CANCELLED" && acted.length > 0) {
      controller.abort(new Error("enough"));
    }
  }, 1);
  const options = { sessionId: "s", userId: "ada", signal: controller.signal };
  const running: Promise<WorkflowRunResult> =
    how === "run" ? flow.run("in", options) : flow.stream("in", options).result;
  const result = await running.catch(() => null);
  clearInterval(waiting);
  expect(result?.status ?? status).toBe(status);
  const { runs } = await db.getRuns({ sessionId: "s" });
  expect(runs).toMatchObject([{ runType: "workflow", status }]);
  return runs[0] as WorkflowRun;
}

async function goneOn(flow: Workflow, options: ContinueWorkflowOptions, how: How): Promise<WorkflowRunResult> {
  if (how === "run") {
    return flow.continueRun(options);
  }
  const stream = flow.continueStream(options);
  await collect(stream);
  return stream.result;
}

/** What the place makes of a step that never stops. */
async function expected(place: Place): Promise<{ readonly names: string[]; readonly counts: Map<string, number> }> {
  const { counts, counted } = counting();
  const { content } = await new Workflow({
    steps: place(
      itself(() => "it"),
      counted,
    ),
  }).run("in");
  return { names: namesIn(content), counts };
}

/** Proves that every kind of step goes on where it stopped. */
export function describeContinuations(open: OpenStore): void {
  describe.each(Object.entries(stops))("%s", (_name, stop) => {
    test.each(Object.entries(places).flatMap(([name, place]) => hows.map((how) => ({ name, place, how }))))(
      "$name goes on in place: $how",
      async ({ place, how }) => {
        await using db = await open();
        const [{ counts, counted }, acted] = [counting(), [] as string[]];
        const usual = await expected(place);
        const steps = place(stop.make(acted), counted);
        const options = { id: "flow", db, steps, storeExecutorOutputs: how === "run" };
        const run = await stopped(new Workflow(options), stop, { db, how, acted });
        const { runId } = run;
        // Another process has the steps alone.
        const flow = new Workflow(options);
        const given = { runId, sessionId: "s", userId: "ada", resumeData: stop.answer };
        const result = await goneOn(flow, given, how);
        expect(result).toMatchObject({ runId, status: "COMPLETED", suspended: [] });
        expect(namesIn(result.content)).toEqual(usual.names);
        expect(counts).toEqual(usual.counts);
        expect(acted).toEqual(stop.acts);
        expect(await flow.getSessionState({ sessionId: "s" })).toMatchObject({
          calls: [...counts.values()].reduce((sum, count) => sum + count, 0),
        });
        const { runs } = await db.getRuns({ sessionId: "s" });
        expect(runs).toMatchObject([
          { runId, status: "COMPLETED", userId: "ada", createdAt: run.createdAt, input: "in" },
        ]);
        expect(JSON.stringify(runs)).not.toMatch(/sessiondb_/);
        await expect(flow.continueRun(given)).rejects.toMatchObject({ code: "INVALID_ARGUMENT", argument: "runId" });
      },
    );
  });
}
