import { Agent } from "@sessiondb/agent";
import { InMemorySessionDb } from "@sessiondb/core";
import { scriptedModel } from "@sessiondb/testing/scripted-model";
import { textOf } from "@sessiondb/turns";
import { jsonSchema, tool, type ToolSet } from "ai";
import { describe, expect, test } from "vitest";

// Tools may return anything. The model, the result and the store see the same value; nothing stays RUNNING.

class Money {
  readonly #cents = 5;

  toJSON(): object {
    return { currency: "EUR", cents: this.#cents };
  }
}

const cycle: Record<string, unknown> = { name: "me" };
cycle["self"] = cycle;
const hostile = {
  get secret(): string {
    throw new Error("getter");
  },
};

/** What a tool returns, and the text of it that is stored. */
const values: Readonly<Record<string, readonly [unknown, string]>> = {
  "a BigInt": [{ id: 12345678901234567890n }, '{"id":"12345678901234567890"}'],
  "a BigInt alone": [5n, "5"],
  "a Map": [new Map([["a", 1]]), '{"a":1}'],
  "a Set": [{ tags: new Set(["x", "y"]) }, '{"tags":["x","y"]}'],
  "a Date": [{ at: new Date(0) }, '{"at":"1970-01-01T00:00:00.000Z"}'],
  "an instance of a class": [new Money(), '{"currency":"EUR","cents":5}'],
  bytes: [new Uint8Array([1, 2, 250]), "AQL6"],
  "a Buffer": [{ file: Buffer.from([1, 2, 250]) }, '{"file":"AQL6"}'],
  "a part of a buffer": [
    { file: new Uint16Array(new Uint8Array([9, 9, 1, 2, 250, 0]).buffer, 2, 1) },
    '{"file":"AQI="}',
  ],
  "an ArrayBuffer": [{ file: new Uint8Array([1, 2, 250]).buffer }, '{"file":"AQL6"}'],
  undefined: [undefined, "null"],
  "an empty text": ["", ""],
  "a list with nothing in it": [[1, null, 3, undefined], "[1,null,3,null]"],
  "an object with a toJSON of its own": [{ price: { amount: 5, toJSON: () => "5 EUR" } }, '{"price":"5 EUR"}'],
  "a function inside": [{ a: 1, f: () => 1 }, '{"a":1}'],
  "1 MB of text": ["x".repeat(1e6), "x".repeat(1e6)],
};

/** What a tool returns, and what the model is told of it. */
const refused: Readonly<Record<string, readonly [unknown, RegExp]>> = {
  "a cycle": [cycle, /The result of the tool "look" must be a value that JSON can hold, without cycles/],
  "a promise inside": [{ later: Promise.resolve(1) }, /The result of the tool "look" must be awaited/],
  "a getter that throws": [hostile, /The result of the tool "look" must be a value that JSON can hold/],
};

async function answerAfter(value: unknown, how: "run" | "stream", isSeries: boolean) {
  const db = new InMemorySessionDb();
  const model = scriptedModel([{ calls: [{ name: "look", id: "c1" }] }, "Seen.", "Next."]);
  const look = tool({
    inputSchema: jsonSchema({ type: "object" }),
    execute: isSeries
      ? async function* () {
          yield "first";
          yield value;
        }
      : async () => value,
  });
  const agent = new Agent({ model, db, sessionId: "s", tools: { look } });
  const result = how === "run" ? await agent.run("Look") : await (await agent.stream("Look")).result;
  await agent.run("Next");
  const [stored] = (await db.getSession({ sessionId: "s" }))?.runs ?? [];
  const messages = stored?.runType === "agent" ? (stored.messages ?? []) : [];
  return { result, stored, told: messages.find(({ role }) => role === "tool"), prompts: model.prompts };
}

describe.each(["run", "stream"] as const)("%s: a tool that returns", (how) => {
  describe.each([false, true])("(as a series: %s)", (isSeries) => {
    test.each(Object.entries(values))("%s", async (_name, [value, text]) => {
      const { result, stored, told, prompts } = await answerAfter(value, how, isSeries);
      expect(result).toMatchObject({ status: "COMPLETED", text: "Seen.", toolCalls: [{ state: "output-available" }] });
      const [call] = result.toolCalls;
      expect(call?.state === "output-available" && textOf(call.output)).toBe(text);
      expect(stored).toMatchObject({ status: "COMPLETED", tools: [{ result: text, toolCallError: false }] });
      expect(told).toMatchObject({ content: text, toolCallError: false });
      // The model is shown the same value again from the store, in a form that JSON keeps.
      const shown = prompts.map((prompt) => prompt.filter(({ role }) => role === "tool"));
      expect(JSON.parse(JSON.stringify(shown[2]))).toEqual(JSON.parse(JSON.stringify(shown[1])));
    });

    test.each(Object.entries(values))("%s, also after the run's end", async (_name, [value, text]) => {
      const db = new InMemorySessionDb();
      const controller = new AbortController();
      const model = scriptedModel([{ calls: [{ name: "look", id: "c1" }] }]);
      const work = async (): Promise<unknown> => {
        controller.abort(new Error("stop"));
        await ended;
        return value;
      };
      const look = tool({
        inputSchema: jsonSchema({ type: "object" }),
        execute: isSeries
          ? async function* () {
              yield await work();
            }
          : work,
      });
      const agent = new Agent({ model, db, sessionId: "s", tools: { look } });
      const { signal } = controller;
      const ended: Promise<unknown> = (
        how === "run" ? agent.run("Look", { signal }) : agent.stream("Look", { signal }).then(({ result }) => result)
      ).catch(() => null);
      await ended;
      await expect
        .poll(async () => (await db.getSession({ sessionId: "s" }))?.runs[0], { interval: 1 })
        .toMatchObject({
          status: "CANCELLED",
          tools: [{ result: text, toolCallError: false }],
          messages: [{ role: "user" }, { role: "assistant" }, { role: "tool", content: text }],
        });
    });

    test.each(Object.entries(refused))("%s tells the model that it must not", async (_name, [value, message]) => {
      const { result, stored, told } = await answerAfter(value, how, isSeries);
      expect(result).toMatchObject({ status: "COMPLETED", text: "Seen." });
      expect(stored).toMatchObject({ status: "COMPLETED", tools: [{ toolCallError: true }] });
      expect(told?.content).toMatch(message);
    });
  });
});

test.each(Object.entries(values))(
  "what readers of a stream are given of a tool's result is what is stored: %s",
  async (_name, [value, text]) => {
    const model = scriptedModel([{ calls: [{ name: "look", id: "c1" }] }, "Seen."]);
    const look = tool({ inputSchema: jsonSchema({ type: "object" }), execute: async () => value });
    const agent = new Agent({ model, tools: { look } });
    const texts: unknown[] = [];
    for await (const chunk of (await agent.stream("Look")).toUIMessageStream()) {
      if (chunk.type === "tool-output-available") {
        texts.push(typeof chunk.output === "string" ? chunk.output : JSON.stringify(chunk.output ?? null));
      }
    }
    expect(texts).toEqual([text]);
  },
);

test.each(["run", "stream"] as const)(
  "%s: what a tool does after an abort is stored: a value, and the last of a series",
  async (how) => {
    for (const isSeries of [false, true]) {
      const db = new InMemorySessionDb();
      const controller = new AbortController();
      const model = scriptedModel([{ calls: [{ name: "pay", id: "c1" }] }, "Next."]);
      let isDone: () => void = () => {};
      const done = new Promise<void>((resolve) => {
        isDone = resolve;
      });
      const work = async (): Promise<string> => {
        setTimeout(() => controller.abort(new Error("stop")), 5);
        await new Promise((resolve) => setTimeout(resolve, 30));
        setTimeout(isDone, 5);
        return "paid";
      };
      const pay = tool({
        inputSchema: jsonSchema({ type: "object" }),
        execute: isSeries
          ? async function* () {
              yield "paying";
              yield await work();
            }
          : work,
      });
      const agent = new Agent({ model, db, sessionId: "s", tools: { pay } });
      const { signal } = controller;
      const ended =
        how === "run" ? agent.run("Pay", { signal }) : agent.stream("Pay", { signal }).then(({ result }) => result);
      await ended.catch(() => null);
      await done;
      const [run] = (await db.getSession({ sessionId: "s" }))?.runs ?? [];
      expect(run).toMatchObject({ status: "CANCELLED", tools: [{ result: "paid" }] });
    }
  },
);

test("a tool that reacts to the signal is heard", async () => {
  const db = new InMemorySessionDb();
  const controller = new AbortController();
  const model = scriptedModel([{ calls: [{ name: "undo", id: "c1" }] }]);
  const undo = tool({
    inputSchema: jsonSchema({ type: "object" }),
    execute: (_input, { abortSignal }) =>
      new Promise<string>((resolve) => {
        abortSignal?.addEventListener("abort", () => resolve("undone"));
        setTimeout(() => controller.abort(new Error("stop")), 5);
      }),
  });
  const agent = new Agent({ model, db, sessionId: "s", tools: { undo } });
  await expect(agent.run("Pay", { signal: controller.signal })).rejects.toThrow("stop");
  await new Promise((resolve) => setTimeout(resolve, 10));
  const [run] = (await db.getSession({ sessionId: "s" }))?.runs ?? [];
  expect(run).toMatchObject({ status: "CANCELLED", tools: [{ result: "undone" }] });
});

test("a tool's toModelOutput receives what the tool returned, and the store what it makes of it", async () => {
  const model = scriptedModel([{ calls: [{ name: "pay", id: "c1" }] }, "Paid.", "Next."]);
  const db = new InMemorySessionDb();
  let asked = 0;
  const pay = tool({
    inputSchema: jsonSchema({ type: "object" }),
    execute: () => new Money(),
    toModelOutput: ({ output }) => {
      asked += 1;
      return { type: "text", value: `Money: ${output instanceof Money}` };
    },
  });
  const agent = new Agent({ model, db, sessionId: "s", tools: { pay } });
  expect(await agent.run("Pay")).toMatchObject({ toolCalls: [{ output: { currency: "EUR", cents: 5 } }] });
  await agent.run("Next");
  for (const prompt of model.prompts.slice(1)) {
    expect(JSON.stringify(prompt)).toContain("Money: true");
  }
  expect(asked).toBe(1);
});

test.each(["run", "stream"] as const)("%s: a call of a tool without execute waits for its result", async (how) => {
  const db = new InMemorySessionDb();
  const model = scriptedModel([
    {
      calls: [
        { name: "locate", id: "c1" },
        { name: "look", id: "c2" },
      ],
      text: "Where?",
    },
    "In Rome.",
    "Next.",
  ]);
  const tools: ToolSet = {
    locate: { inputSchema: jsonSchema({ type: "object" }) },
    look: tool({ inputSchema: jsonSchema({ type: "object" }), execute: () => "seen" }),
  };
  const agent = new Agent({ model, db, sessionId: "s", tools });
  const paused = how === "run" ? await agent.run("Weather?") : await (await agent.stream("Weather?")).result;
  expect(paused).toMatchObject({ status: "PAUSED", text: "Where?" });
  expect(paused.pendingApprovals.map(({ toolCallId }) => toolCallId)).toEqual(["c1"]);
  const { runId, sessionId } = paused;
  const decision = { toolCallId: "c1", approved: true };
  await expect(agent.continueRun({ runId, sessionId, approvals: [decision] })).rejects.toThrow("approvals[0].result");
  const result = { city: "Rome" };
  expect(await agent.continueRun({ runId, sessionId, approvals: [{ ...decision, result }] })).toMatchObject({
    status: "COMPLETED",
    text: "In Rome.",
    toolCalls: [{ output: { city: "Rome" } }, { output: "seen" }],
  });
  await agent.run("Next");
  const results = model.prompts[2]?.flatMap(({ role, content }) => (role === "tool" ? content : []));
  expect(results?.map(({ type }) => type)).toEqual(["tool-result", "tool-result"]);
});
