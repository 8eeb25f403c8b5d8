import { InMemorySessionDb, type JsonObject } from "@sessiondb/core";
import { Agent, runContextOf, Workflow } from "@sessiondb/agent";
import { scriptedModel } from "@sessiondb/testing/scripted-model";
import { jsonSchema, tool } from "ai";
import { describe, expect, test } from "vitest";

// What may be given for a state but is none: it is refused before it costs anything.

const made = (json: unknown): object => ({ toJSON: () => json });
const values: Readonly<Record<string, unknown>> = {
  "a list": [1],
  text: "x",
  "a number": 5,
  null: null,
  "a date": new Date(0),
  "a URL": new URL("http://localhost"),
  "a set": new Set([1]),
  "a map": new Map([["a", 1]]),
  "a bigint inside": { a: { b: 1n } },
  "an object that is a list in JSON": made([1]),
  "an object that is nothing in JSON": made(undefined),
};

const userId = "ada";
const sessionId = "s";

describe.each(Object.keys(values))("a state that is %s", (name) => {
  const value = values[name] as JsonObject;

  test("is refused for a component and for a run, before the model is asked", async () => {
    const model = scriptedModel([]);
    const db = new InMemorySessionDb();
    const refused = expect.objectContaining({ code: "INVALID_ARGUMENT" }) as Error;
    expect(() => new Agent({ model, db, sessionState: value })).toThrow(refused);
    expect(() => new Workflow({ db, steps: [() => "Ok"], sessionState: value })).toThrow(refused);
    const agent = new Agent({ model, db });
    await expect(agent.run("Hi", { sessionState: value })).rejects.toEqual(refused);
    await expect(agent.stream("Hi", { sessionState: value })).rejects.toEqual(refused);
    const flow = new Workflow({ db, steps: [() => "Ok"] });
    await expect(flow.run("Hi", { sessionState: value })).rejects.toEqual(refused);
    expect(model.prompts).toEqual([]);
    expect((await db.getSessions()).sessions).toEqual([]);
  });

  test("does not replace a stored one", async () => {
    const db = new InMemorySessionDb();
    const change = tool({
      inputSchema: jsonSchema<object>({ type: "object" }),
      execute: (_input, options) => {
        runContextOf(options).updateSessionState(() => value);
        return "Changed";
      },
    });
    const model = scriptedModel([{ calls: [{ name: "change" }] }, "Done"]);
    const agent = new Agent({ model, db, tools: { change }, sessionState: { count: 1 }, onStorageError: "continue" });
    const { text, sessionState } = await agent.run("Hi", { sessionId, userId });
    expect(text).toBe("Done");
    const kept = { count: 1 };
    expect(await agent.getSessionState({ sessionId })).toEqual(kept);
    // A function that returns nothing, or null, has changed the state in place.
    const isNothing = value === null;
    expect(isNothing ? sessionState : kept).toEqual(kept);
    for (const given of [value, ...(isNothing ? [] : [() => value])]) {
      await expect(agent.updateSessionState({ sessionId, change: given })).rejects.toMatchObject({
        code: "INVALID_ARGUMENT",
      });
    }
    expect(await agent.getSessionState({ sessionId })).toEqual(kept);
  });
});
