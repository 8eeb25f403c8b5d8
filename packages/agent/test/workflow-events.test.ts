import { InMemorySessionDb, type JsonValue } from "@sessiondb/core";
import {
  Agent,
  StepResult,
  Team,
  Workflow,
  type StepEvent,
  type StreamPart,
  type WorkflowEvent,
  type WorkflowStep,
} from "@sessiondb/agent";
import { scriptedModel, type Answer } from "@sessiondb/testing/scripted-model";
import { tool } from "ai";
import { describe, expect, expectTypeOf, test } from "vitest";
import { z } from "zod";
import { collect } from "./support/collect.ts";
import { gate } from "./support/gate.ts";
import { counting, itself, places } from "./support/workflow-places.ts";

const inputSchema = z.object({});
const act = tool({ inputSchema, execute: () => "Acted" });
const answers: Answer[] = [
  {
    content: [
      { type: "reasoning", text: "I think." },
      { type: "tool-call", toolCallId: "c", toolName: "act", input: "{}" },
    ],
  },
  "word by word",
];
const member = new Agent({ id: "member", model: scriptedModel([]) });
const options = () => ({ id: "it", model: scriptedModel(answers), tools: { act } });
const speakers = {
  agent: () => new Agent(options()),
  team: () => new Team({ ...options(), members: [member] }),
};

const flowOf = (steps: readonly WorkflowStep[], db = new InMemorySessionDb()) =>
  new Workflow({ id: "flow", db, sessionId: "s", steps });

type PartEvent = Extract<StepEvent, { type: "step-part" }>;
const partsOf = (events: readonly WorkflowEvent[]) =>
  events.filter((event): event is PartEvent => event.type === "step-part");
const textIn = (events: readonly PartEvent[]) =>
  events.flatMap(({ part }) => (part.type === "text-delta" ? [part.text] : []));

/** The path of the step `it` in the outputs of a run that ended. */
const pathsIn = async (steps: readonly WorkflowStep[]): Promise<readonly string[][]> => {
  const events = await collect(flowOf(steps).stream("in"));
  return events.flatMap((event) => (event.type === "step-completed" && event.name === "it" ? [[...event.path]] : []));
};

describe.each(Object.entries(speakers))("the stream of a workflow with an %s", (_kind, speaker) => {
  test.each(Object.entries(places))("passes on the parts of the answer: %s", async (_name, place) => {
    const steps = place(speaker(), counting().counted);
    const events = await collect(flowOf(steps).stream("in"));
    const parts = partsOf(events);
    expect(textIn(parts)).toEqual(["word ", "by ", "word"]);
    const types = parts.map(({ part }) => part.type);
    expect(types).toEqual(expect.arrayContaining(["start", "reasoning-delta", "tool-call", "tool-result", "finish"]));
    const [path] = await pathsIn(
      place(
        itself(() => "it"),
        counting().counted,
      ),
    );
    const ofIt = events.filter((event) => "path" in event && event.path.at(-1) === "it");
    expect(new Set(parts.map((event) => event.path.join("/")))).toEqual(new Set([path?.join("/")]));
    expect(new Set(parts.map((event) => event.name))).toEqual(new Set(["it"]));
    expect([ofIt.at(0)?.type, ofIt.at(-1)?.type]).toEqual(["step-started", "step-completed"]);
    expect(events.at(-1)?.type).toBe("workflow-completed");
  });

  test("passes them on as they come", async () => {
    const [first, second] = [gate(), gate()];
    const model = scriptedModel(answers.slice(1));
    const { doStream } = model;
    model.doStream = async (call) => {
      const { stream, ...rest } = await doStream(call);
      const held = stream.pipeThrough(
        new TransformStream({
          transform: async (part, controller) => {
            if (part.type === "text-end") {
              first.open();
              await second.opened;
            }
            controller.enqueue(part);
          },
        }),
      );
      return { ...rest, stream: held };
    };
    const stream = flowOf([new Agent({ id: "it", model })]).stream("in");
    const seen: string[] = [];
    for await (const event of stream) {
      if (event.type === "step-part" && event.part.type === "text-delta") {
        seen.push(event.part.text);
        if (seen.length === 3) {
          await first.opened;
          second.open();
        }
      }
    }
    expect(seen.join("")).toBe("word by word");
  });
});

describe("a reader of the events", () => {
  test("that leaves in the middle of an answer cancels the run, which keeps what was said", async () => {
    const db = new InMemorySessionDb();
    const agent = new Agent({ id: "it", model: scriptedModel([{ stuckAfter: "Once upon" }]) });
    const stream = flowOf([() => "one", agent], db).stream("in");
    for await (const event of stream) {
      if (event.type === "step-part" && event.part.type === "text-delta") {
        break;
      }
    }
    expect((await stream.result).status).toBe("CANCELLED");
    expect((await db.getRuns({ sessionId: "s" })).runs).toMatchObject([
      {
        status: "CANCELLED",
        stepResults: [{ content: "one" }, { success: false }],
        stepExecutorRuns: [{ status: "CANCELLED", content: "Once upon" }],
      },
    ]);
  });

  test("is told of a failing answer by its part, and by the error", async () => {
    const agent = new Agent({ id: "it", model: scriptedModel([{ failsAfter: "Half ", error: new Error("ill") }]) });
    const stream = flowOf([agent]).stream("in");
    const seen: WorkflowEvent[] = [];
    const reading = (async () => {
      for await (const event of stream) {
        seen.push(event);
      }
    })();
    await expect(reading).rejects.toThrow("ill");
    expect(partsOf(seen).map(({ part }) => part.type)).toContain("error");
    expect(textIn(partsOf(seen)).join("")).toBe("Half ");
    expect(seen.at(-1)).toMatchObject({
      type: "step-completed",
      output: { success: false, error: "it did not finish: ill" },
    });
  });

  test("learns where a run waits, and gets nothing again of what was done before", async () => {
    const pay = tool({ inputSchema, needsApproval: true, execute: () => "Paid" });
    const model = scriptedModel([{ calls: [{ name: "pay", id: "c" }] }, "Done."]);
    const agent = new Agent({ id: "it", model, tools: { pay } });
    const flow = flowOf([
      () => "one",
      new Workflow({ id: "inner", steps: [agent] }),
      ({ resumeData }) => (resumeData === undefined ? StepResult.suspend("Sure?") : resumeData),
    ]);
    const begun = flow.stream("in");
    const events = await collect(begun);
    const { runId, suspended } = await begun.result;
    expect(events.at(-1)).toMatchObject({ type: "workflow-suspended", result: { status: "PAUSED", suspended } });
    const [{ stepId, payload }] = suspended as [(typeof suspended)[number]];
    expect(events.filter(({ type }) => type === "step-suspended")).toEqual([
      { type: "step-suspended", name: "it", path: ["inner", "it"], stepId, payload },
    ]);
    const goOn = async (resumeData: JsonValue) => {
      const going = await collect(flow.continueStream({ runId, sessionId: "s", resumeData }));
      return going.map((event) => ("path" in event ? [event.type, event.path.join("/")] : [event.type]));
    };
    const seen = await goOn([{ toolCallId: "c", approved: true }]);
    expect(seen.filter(([type]) => type !== "step-part")).toEqual([
      ["workflow-started"],
      ["step-started", "inner"],
      ["step-started", "inner/it"],
      ["step-completed", "inner/it"],
      ["step-completed", "inner"],
      ["step-started", "step 3"],
      ["step-suspended", "step 3"],
      ["workflow-suspended"],
    ]);
    expect(seen.filter(([type]) => type === "step-part").length).toBeGreaterThan(0);
    expect(await goOn("Yes")).toEqual([
      ["workflow-started"],
      ["step-started", "step 3"],
      ["step-completed", "step 3"],
      ["workflow-completed"],
    ]);
  });

  test("has the AI SDK's types of the parts", () => {
    expectTypeOf<PartEvent["part"]>().toEqualTypeOf<StreamPart>();
  });
});
