import { SessionDbError, type JsonObject, type JsonValue, type SessionDb } from "@sessiondb/core";
import { jsonSchema, tool } from "ai";
import { describe, expect, test } from "vitest";
import { Agent, runContextOf, StepResult, Workflow, type RunContext, type WorkflowStep } from "@sessiondb/agent";
import { scriptedModel } from "@sessiondb/testing/scripted-model";
import type { OpenStore } from "./stores.ts";

// What steps, state, decisions, forms, tools and models may hand in, each by each of its ways. What JSON cannot hold is
// converted, or refused by an error that names it; the answer is kept, and nothing stays RUNNING. What tools return is in
// outside-values.test.ts.

export const cycle: JsonObject = {};
cycle["self"] = cycle;

export class Money {
  readonly #cents = 5;

  toJSON(): object {
    return { cents: this.#cents };
  }
}

export function chain(length: number): object {
  let value = {};
  for (let index = 0; index < length; index += 1) {
    value = { in: value };
  }
  return value;
}

const throwing = (): never => {
  throw new TypeError("not for you");
};

export interface Value {
  readonly make: () => unknown;
  /** What it is as a step's content or a workflow's input; left out if it is refused. */
  readonly content?: JsonValue;
  /** What it is as a part of the state, or of a form; left out if it is refused. */
  readonly state?: JsonValue | undefined;
}

const huge = "x".repeat(1_000_000);

export const values: Readonly<Record<string, Value>> = {
  text: { make: () => "true", content: "true", state: "true" },
  "1 MB of text": { make: () => huge, content: huge, state: huge },
  "text with NUL": { make: () => "a\0b", content: "a\ufffdb", state: "a\ufffdb" },
  "text with half a character": { make: () => "a\ud800b", content: "a\ufffdb", state: "a\ufffdb" },
  "a key with NUL": { make: () => ({ "a\0": 1 }), content: { "a\ufffd": 1 }, state: { "a\ufffd": 1 } },
  "-0": { make: () => -0, content: 0, state: 0 },
  NaN: { make: () => Number.NaN, content: null, state: null },
  Infinity: { make: () => ({ n: Number.POSITIVE_INFINITY }), content: { n: null }, state: { n: null } },
  "a date": { make: () => new Date(0), content: "1970-01-01T00:00:00.000Z", state: "1970-01-01T00:00:00.000Z" },
  "a date that is none": { make: () => new Date(Number.NaN), content: null, state: null },
  "a URL": { make: () => new URL("http://h/"), content: "http://h/", state: "http://h/" },
  "an instance with toJSON": { make: () => new Money(), content: { cents: 5 }, state: { cents: 5 } },
  "an object without prototype": {
    make: () => Object.assign(Object.create(null) as object, { a: 1 }),
    content: { a: 1 },
    state: { a: 1 },
  },
  "undefined inside": { make: () => ({ a: undefined, b: 1 }), content: { b: 1 }, state: { b: 1 } },
  undefined: { make: () => undefined, content: null, state: undefined },
  "undefined in a list": { make: () => [undefined, 1], content: [null, 1] },
  // oxlint-disable-next-line no-sparse-arrays -- It is what is tested.
  "a list with a hole": { make: () => [1, , 3], content: [1, null, 3] },
  "a bigint": { make: () => ({ n: 12345678901234567890n }), content: { n: "12345678901234567890" } },
  "a map": { make: () => new Map([["a", 1]]), content: { a: 1 } },
  "a set": { make: () => ({ tags: new Set(["x"]) }), content: { tags: ["x"] } },
  "a function": { make: () => ({ a: 1, f: () => 1 }), content: { a: 1 } },
  "a symbol": { make: () => ({ a: 1, s: Symbol("s") }), content: { a: 1 } },
  "an error": { make: () => new Error("E"), content: {} },
  "a promise inside": { make: () => ({ later: Promise.resolve(1) }) },
  "a cycle": { make: () => ({ cycle }) },
  "300 levels": { make: () => chain(300) },
  "30,000 levels": { make: () => chain(30_000) },
  "a getter that throws": { make: () => Object.defineProperty({}, "secret", { enumerable: true, get: throwing }) },
  "a toJSON that throws": { make: () => ({ toJSON: throwing }) },
  "a proxy that throws": { make: () => new Proxy({}, { ownKeys: throwing }) },
  "an object that is no text": { make: () => ({ cycle, toString: throwing }) },
};

export const refused = { code: "INVALID_ARGUMENT" } as const;
const anything: unknown = expect.anything();
export const anError: unknown = expect.any(Error);
export const completed: unknown = expect.objectContaining({ status: "COMPLETED" });
const at = { sessionId: "s" } as const;
export const common = (db: SessionDb) => ({ db, id: "one", ...at });
export const flow = (db: SessionDb, ...steps: WorkflowStep[]) => new Workflow({ ...common(db), steps });
export const noInput = jsonSchema<object>({ type: "object" });

export async function storedIn(db: SessionDb) {
  const session = await db.getSession(at);
  const runs = session?.runs.map(({ status, content }) => [status, content]) ?? [];
  return { state: session?.sessionState["added"], metadata: session?.metadata?.["added"], runs, session };
}

/** What a call comes to: what it resolves to, or the code and the argument of its refusal. */
export async function outcomeOf(work: Promise<unknown>): Promise<unknown> {
  try {
    return { is: await work };
  } catch (error) {
    return SessionDbError.isInstance(error) ? { code: error.code } : { threw: error };
  }
}

const contents: Readonly<Record<string, (db: SessionDb, value: never) => Promise<JsonValue | undefined>>> = {
  "what a step returns": async (db, value) => contentOf(flow(db, () => value).run("Go"), db),
  "what a step returns later": async (db, value) => contentOf(flow(db, async () => value).run("Go"), db),
  "the content of a StepResult": async (db, value) =>
    contentOf(flow(db, () => new StepResult({ content: value })).run("Go"), db),
  "the input of a workflow": async (db, value) => contentOf(flow(db, ({ input }) => input).run(value), db),
};

async function contentOf(run: ReturnType<Workflow["run"]>, db: SessionDb): Promise<JsonValue | undefined> {
  await run;
  const [stored] = (await storedIn(db)).runs;
  expect(stored?.[0]).toBe("COMPLETED");
  return stored?.[1];
}

/** Ways into the state, and what the answer is then. */
type Way = (db: SessionDb, value: never) => Promise<unknown>;
export const inStep = (db: SessionDb, change: (input: RunContext) => void) =>
  flow(db, (input) => {
    change(input);
    return "Done";
  }).run("Go");
export const inTool = (db: SessionDb, change: (context: RunContext) => void) => {
  const set = tool({ inputSchema: noInput, execute: (_input, options) => change(runContextOf(options)) });
  const model = scriptedModel([{ calls: [{ name: "set" }] }, "Done"]);
  return new Agent({ ...common(db), model, tools: { set } }).run("Go");
};
export const inPlace = (value: never) => (context: RunContext) =>
  void Object.assign(context.sessionState, { added: value });
const byFunction = (value: never) => (context: RunContext) =>
  void context.updateSessionState((state) => ({ ...state, added: value }));
const afterRun = async (db: SessionDb) => {
  const agent = new Agent({ ...common(db), model: scriptedModel(["Done"]) });
  await agent.run("Go");
  return agent;
};

const states: Readonly<Record<string, Way>> = {
  "a step in place": (db, value) => inStep(db, inPlace(value)),
  "a step by a function": (db, value) => inStep(db, byFunction(value)),
  "a tool in place": (db, value) => inTool(db, inPlace(value)),
  "a tool by a function": (db, value) => inTool(db, byFunction(value)),
  "updateSessionState with an object": async (db, value) =>
    (await afterRun(db)).updateSessionState({ change: { added: value } }),
  "updateSessionState with a function": async (db, value) =>
    (await afterRun(db)).updateSessionState({ change: (state) => ({ ...state, added: value }) }),
  "the sessionState of a run": (db, value) =>
    new Agent({ ...common(db), model: scriptedModel(["Done"]) }).run("Go", { sessionState: { added: value } }),
  "the sessionState of an agent": async (db, value) =>
    new Agent({ ...common(db), model: scriptedModel(["Done"]), sessionState: { added: value } }).run("Go"),
  "the metadata of an agent": async (db, value) =>
    new Agent({ ...common(db), model: scriptedModel(["Done"]), metadata: { added: value } }).run("Go"),
};

/** Tries each value in each of the ways into what a store keeps. */
export function testValues(open: OpenStore): void {
  describe.each(Object.entries(contents))("%s", (way, contentAfter) => {
    test.each(Object.entries(values))("may be %s, or is refused", async (_name, { make, ...expected }) => {
      await using db = await open();
      const outcome = await outcomeOf(contentAfter(db, make() as never));
      const isInput = way.startsWith("the input");
      const isGiven = "content" in expected && !(isInput && make() === undefined);
      expect(outcome).toEqual(isGiven ? { is: expected.content } : refused);
      const { runs } = await storedIn(db);
      expect(runs).toEqual(isGiven ? [["COMPLETED", expected.content]] : isInput ? [] : [["ERROR", runs[0]?.[1]]]);
    });
  });

  describe.each(Object.entries(states))("%s", (way, change) => {
    test.each(Object.entries(values))("may hand in %s, or is refused", async (_name, { make, ...expected }) => {
      await using db = await open();
      const value = make();
      const outcome = await outcomeOf(change(db, value as never));
      const { runs, state, metadata } = await storedIn(db);
      expect(runs.map(([status]) => status).filter((status) => status === "RUNNING")).toEqual([]);
      expect(outcome).toEqual("state" in expected ? { is: anything } : refused);
      expect(way.startsWith("the metadata") ? metadata : state).toEqual(expected.state);
    });
  });
}
