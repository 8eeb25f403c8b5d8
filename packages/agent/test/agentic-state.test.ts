import { InMemorySessionDb, type JsonObject } from "@sessiondb/core";
import type { StandardSchemaV1 } from "@standard-schema/spec";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { Agent, Team, type AgenticState } from "@sessiondb/agent";
import { scriptedModel } from "@sessiondb/testing/scripted-model";

const before = { isAdmin: false, theme: "dark", level: 1 };

/** A schema of a library that cannot describe its schemas to a model, and takes its time. */
const described: StandardSchemaV1<unknown, { theme?: string; level?: number }> = {
  "~standard": {
    version: 1,
    vendor: "none",
    validate: async (value) => {
      const { theme, level } = value as JsonObject;
      return (theme === undefined || typeof theme === "string") && (level === undefined || typeof level === "number")
        ? { value: { ...(theme !== undefined && { theme }), ...(level !== undefined && { level }) } }
        : { issues: [{ message: "wrong", path: ["theme"] }] };
    },
  },
};

const shapes: Readonly<Record<string, AgenticState>> = {
  "any key": true,
  "a list of keys": ["theme", "level"],
  "a schema of Zod": z.object({ theme: z.string().optional(), level: z.number().default(7) }),
  "a strict schema of Zod": z.strictObject({ theme: z.string().optional(), level: z.number().optional() }),
  "another schema": described,
};
const changes: Readonly<Record<string, { readonly change: unknown; readonly by: (shape: string) => boolean }>> = {
  nothing: { change: {}, by: () => true },
  "a key": { change: { theme: "light" }, by: () => true },
  "two keys": { change: { theme: "light", level: 2 }, by: () => true },
  "a key of the application": { change: { isAdmin: true }, by: (shape) => shape === "any key" },
  "a good key and one of the application": {
    change: { theme: "light", isAdmin: true },
    by: (shape) => shape === "any key",
  },
  "a wrong value": { change: { theme: 7 }, by: (shape) => shape === "any key" || shape === "a list of keys" },
  "a list": { change: [1], by: () => false },
  text: { change: "theme", by: () => false },
};
const kinds = ["agent", "team"] as const;
const calls = ["run", "stream"] as const;

const cases = kinds.flatMap((kind) =>
  calls.flatMap((call) =>
    Object.keys(shapes).flatMap((shape) => Object.keys(changes).map((change) => ({ kind, call, shape, change }))),
  ),
);

function componentOf(kind: (typeof kinds)[number], agenticState: AgenticState, change: unknown) {
  const input = { session_state_updates: change };
  const model = scriptedModel([{ calls: [{ name: "update_session_state", id: "c1", input }] }, "Done."]);
  const options = { id: "one", model, db: new InMemorySessionDb(), sessionId: "s", sessionState: before, agenticState };
  return kind === "agent"
    ? new Agent(options)
    : new Team({ ...options, members: [new Agent({ id: "m", model: scriptedModel([]) })] });
}

describe.each(cases)("$kind, $call: a model that may set $shape and sets $change", ({ kind, call, shape, change }) => {
  test("changes that, or nothing", async () => {
    const given = changes[change];
    const component = componentOf(kind, shapes[shape] ?? false, given?.change);
    const result =
      call === "run" ? await component.run("Change it") : await (await component.stream("Change it")).result;
    expect(result).toMatchObject({ status: "COMPLETED", text: "Done." });
    const isTaken = given?.by(shape) === true;
    const after = isTaken ? { ...before, ...(given?.change as object) } : before;
    expect(await component.getSessionState()).toEqual(after);
    const refusal = expect.stringContaining("session_state_updates");
    expect(result.toolCalls).toMatchObject([
      isTaken
        ? { state: "output-available", output: { session_state: after } }
        : { state: "output-error", errorText: refusal },
    ]);
  });
});

test.each([
  ["any key", { type: "object" }],
  ["a list of keys", { properties: { theme: {}, level: {} }, additionalProperties: false }],
  ["a schema of Zod", { properties: { theme: { type: "string" }, level: { type: "number" } } }],
  ["another schema", { type: "object" }],
])("the model is told that it may set %s", async (shape, told) => {
  const model = scriptedModel(["Yes."]);
  await new Agent({ model, agenticState: shapes[shape] }).run("Hi");
  expect(model.doGenerateCalls[0]?.tools).toMatchObject([
    { name: "update_session_state", inputSchema: { properties: { session_state_updates: told } } },
  ]);
});

test("what the model sets is what the schema makes of it", async () => {
  const agenticState = z.object({ theme: z.string().trim().toLowerCase().optional() });
  const agent = componentOf("agent", agenticState, { theme: " LIGHT " });
  await agent.run("Change it");
  expect(await agent.getSessionState()).toEqual({ ...before, theme: "light" });
});

test.each([[[]], [[""]], [[1]], ["theme"], [{}], [1]])("agenticState: %j is refused", (agenticState) => {
  const argument = expect.stringContaining("agenticState");
  expect(() => new Agent({ model: "test/model", agenticState: agenticState as never })).toThrow(
    expect.objectContaining({ code: "INVALID_ARGUMENT", argument }),
  );
});

test("keys and schemas are those of the state", () => {
  const sessionStateSchema = z.object({ theme: z.string().default(""), level: z.number().default(0) });
  const options = { model: "test/model", sessionStateSchema };
  expect(new Agent({ ...options, agenticState: ["theme"] }).id).toBe("agent");
  expect(new Agent({ ...options, agenticState: z.object({ level: z.number().max(9).optional() }) }).id).toBe("agent");
  // @ts-expect-error -- the state has no such key.
  expect(new Agent({ ...options, agenticState: ["isAdmin"] }).id).toBe("agent");
  // @ts-expect-error -- a level is a number.
  expect(new Agent({ ...options, agenticState: z.object({ level: z.string().optional() }) }).id).toBe("agent");
});
