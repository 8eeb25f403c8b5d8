import { chatStore } from "@sessiondb/ai-sdk";
import type { SessionDb } from "@sessiondb/core";
import { scriptedModel, type Answer } from "@sessiondb/testing/scripted-model";
import { jsonSchema, tool, type UIMessage } from "ai";
import { describe, expect, test, vi } from "vitest";
import { Agent, Team, Workflow, type ModelComponentOptions } from "@sessiondb/agent";
import { collect } from "./support/collect.ts";
import { localStores, type OpenStore } from "./support/stores.ts";

// A run pauses, its call is approved, and its answer is refused, or ends before anybody has checked it. Whatever happens
// then, no model is shown what was said, and the tool runs once.

const kinds = ["agent", "team"] as const;
const ends = ["refused", "guardrail fails", "model fails", "signal", "reader", "cancelRun"] as const;
const ways = ["continueRun", "continueStream", "streamChat"] as const;

interface Cell {
  readonly kind: (typeof kinds)[number];
  readonly end: (typeof ends)[number];
  readonly isHeld: boolean;
  readonly way: (typeof ways)[number];
}

const cells: readonly Cell[] = kinds.flatMap((kind) =>
  ends.flatMap((end) => [true, false].flatMap((isHeld) => ways.map((way) => ({ kind, end, isHeld, way })))),
);

const owner = { userId: "ada" };
const secret = "Secret.";
const question = (text: string) => ({
  id: "c",
  messages: [{ id: `q-${text}`, role: "user", parts: [{ type: "text", text }] }],
});

/** Returns an agent or a team whose answer after the approval ends as wanted. */
function stageOf({ kind, end, isHeld }: Omit<Cell, "way">, db: SessionDb) {
  let paid = 0;
  let whenSaid = (): void => {};
  const isSaid = new Promise<void>((resolve) => (whenSaid = resolve));
  const said: Answer =
    end === "refused" || end === "guardrail fails"
      ? secret
      : end === "model fails"
        ? { failsAfter: secret, error: new Error("The model is down.") }
        : { stuckAfter: secret, whenStuck: () => whenSaid() };
  const model = scriptedModel((_call, index) =>
    index === 0 ? { calls: [{ name: "pay", id: "p" }], text: "I pay." } : index === 1 ? said : `Fine ${index}.`,
  );
  const options: ModelComponentOptions = {
    id: "a",
    model,
    db,
    generation: { maxRetries: 0 },
    addStoppedRunsToContext: true,
    holdOutputUntilChecked: isHeld,
    tools: {
      pay: tool({
        inputSchema: jsonSchema<object>({ type: "object" }),
        needsApproval: true,
        execute: () => `Paid ${(paid += 1)}`,
      }),
    },
    outputGuardrails: [
      ({ text }) => {
        if (text.includes(secret) && end === "guardrail fails") {
          throw new Error("The guardrail is down.");
        }
        return text.includes(secret) ? "It is secret." : null;
      },
    ],
  };
  const component =
    kind === "agent" ? new Agent(options) : new Team({ ...options, members: [new Agent({ id: "m", model })] });
  return { component: component as Agent, model, isSaid, paid: () => paid };
}

/** Returns the last message of a chat with its calls approved, as a page sends it. */
function approved(message: UIMessage): object {
  const parts = message.parts.map((part) =>
    "approval" in part && part.approval !== undefined
      ? { ...part, state: "approval-responded", approval: { id: part.approval.id, approved: true } }
      : part,
  );
  return { id: "c", messages: [{ ...message, parts }] };
}

const told = (value: unknown): boolean => JSON.stringify(value).includes(secret);

describe.each(Object.keys(localStores))("%s", (store) => {
  test.each(cells)("$kind, held: $isHeld, $end: $way goes on without what was not checked", async (cell) => {
    const { end, isHeld, way } = cell;
    await using db = await (localStores[store] as OpenStore)();
    const { component, model, isSaid, paid } = stageOf(cell, db);
    const chats = chatStore(db.forUser("ada"), { component });
    const load = async (): Promise<readonly UIMessage[]> => (await chats.load("c"))?.messages ?? [];
    await collect((await component.streamChat(question("pay"), owner)).toUIMessageStream());
    const answer = approved((await load()).at(-1) as UIMessage);

    const controller = new AbortController();
    const stream = await component.streamChat(answer, { ...owner, signal: controller.signal });
    const { runId } = stream;
    const chosen = { runId, sessionId: "c", ...owner };
    const result = stream.result.catch((error: unknown) => error);
    let heard = false;
    if (end === "reader") {
      const reader = stream.textStream.getReader();
      const reading = reader.read();
      await (isHeld ? isSaid : reading);
      await reader.cancel();
    } else {
      let whenRead = (): void => {};
      const isRead = new Promise<void>((resolve) => (whenRead = resolve));
      const chunks: unknown[] = [];
      const reading = (async () => {
        for await (const chunk of stream.toUIMessageStream()) {
          chunks.push(chunk);
          (told(chunk) ? whenRead : Boolean)();
        }
      })();
      if (end === "signal" || end === "cancelRun") {
        await (isHeld ? isSaid : isRead);
        await (end === "signal" ? controller.abort() : component.cancelRun(chosen));
      }
      await reading;
      heard = told(chunks);
    }
    expect(heard && isHeld).toBe(false);
    const ended = await result;
    const isRefused = end === "refused";
    expect(ended).toMatchObject(isRefused ? { code: "OUTPUT_REFUSED" } : {});

    // What a page and the next turn are shown meanwhile: what was stopped in front of its reader, and nothing else.
    const isSeen = !isHeld && !isRefused && end !== "guardrail fails";
    const page = await load();
    expect([told(page), told(page[0]), page[0]?.role, JSON.stringify(page).includes("Paid 1")]).toEqual([
      isSeen,
      false,
      "user",
      true,
    ]);
    expect(isHeld && !isRefused && told([await db.getRun({ runId }), "run" in (ended as object) && ended])).toBe(false);

    // Going on.
    const asked = model.prompts.length;
    const goOn = async (): Promise<unknown> => {
      if (way === "continueRun") {
        return component.continueRun({ ...chosen, approvals: [] });
      }
      const again =
        way === "streamChat"
          ? await component.streamChat(answer, owner)
          : await component.continueStream({ ...chosen, approvals: [] });
      return again.result;
    };
    const done = await goOn().catch((error: unknown) => error);
    expect(done).toMatchObject(
      isRefused ? { code: "RUN_NOT_CONTINUABLE", runId } : { status: "COMPLETED", text: `Fine ${asked}.` },
    );
    expect(model.prompts.length).toBe(asked + (isRefused ? 0 : 1));
    expect(paid()).toBe(1);
    const run = await db.getRun({ runId });
    expect([run?.status, told(run), run?.metadata?.["sessiondb_refusal"] === undefined]).toEqual([
      isRefused ? "ERROR" : "COMPLETED",
      isRefused,
      !isRefused,
    ]);
    expect(isRefused || JSON.stringify(model.prompts.at(-1)).includes("Paid 1")).toBe(true);
    expect(told(await load())).toBe(false);
    await component.run("Next", { sessionId: "c", ...owner });
    expect(told(model.prompts.slice(asked))).toBe(false);
  });
});

test.each(["agent", "step"] as const)("%s: the row of a run in progress lacks what is held back", async (kind) => {
  await using db = await (localStores["sqlite"] as OpenStore)();
  const rows: unknown[] = [];
  /** Waits until the row has the result of a call. */
  const stored = (result: string): Promise<void> =>
    vi.waitFor(async () => {
      const { runs } = await db.getRuns({ sessionId: "c" });
      rows.push(...runs);
      expect(JSON.stringify(runs)).toContain(result);
    });
  let looked = 0;
  const look = tool({ inputSchema: jsonSchema<object>({ type: "object" }), execute: () => `Looked ${(looked += 1)}` });
  const options: ModelComponentOptions = {
    id: "a",
    model: scriptedModel(async (_call, index) => {
      await (index === 0 ? null : stored(`Looked ${index}`));
      return index < 3 ? { text: secret, calls: [{ name: "look", id: `l${index}` }] } : "Done.";
    }),
    tools: { look },
    outputGuardrails: [() => null],
    holdOutputUntilChecked: true,
  };
  const component =
    kind === "agent" ? new Agent({ ...options, db }) : new Workflow({ id: "w", db, steps: [new Agent(options)] });
  await (
    await component.stream("Look", { sessionId: "c" })
  ).result;
  expect(told(rows)).toBe(false);
  // It passed.
  expect(told((await db.getRuns({ sessionId: "c" })).runs)).toBe(true);
});

test("a cancelled workflow tells nothing of what its step held back", async () => {
  await using db = await (localStores["sqlite"] as OpenStore)();
  const controller = new AbortController();
  const model = scriptedModel([{ stuckAfter: secret, whenStuck: () => controller.abort() }]);
  const agent = new Agent({ id: "a", model, outputGuardrails: [() => null], holdOutputUntilChecked: true });
  const workflow = new Workflow({ id: "w", db, steps: [agent] });
  const events = await collect(workflow.stream("Go", { sessionId: "c", signal: controller.signal }));
  expect(events.at(-1)).toMatchObject({ type: "workflow-completed", result: { status: "CANCELLED" } });
  expect([told(events), told((await db.getRuns({ sessionId: "c" })).runs)]).toEqual([false, false]);
});

test("a step whose answer was refused after a pause begins again when its workflow goes on", async () => {
  await using db = await (localStores["sqlite"] as OpenStore)();
  const { component, model } = stageOf({ kind: "agent", end: "refused", isHeld: true }, db);
  const workflow = new Workflow({ id: "w", db, steps: [component] });
  const { runId } = await workflow.run("pay", { sessionId: "c" });
  const options = { runId, sessionId: "c" };
  const resumeData = [{ toolCallId: "p", approved: true }];
  await expect(workflow.continueRun({ ...options, resumeData })).rejects.toThrow("guardrail refused");
  const done = await workflow.continueRun(options);
  expect([done.status, done.content, told(model.prompts)]).toEqual(["COMPLETED", "Fine 2.", false]);
});
