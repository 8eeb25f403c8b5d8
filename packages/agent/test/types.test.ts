import { Agent, runContextOf, Team, Workflow, type RunResult, type ToolCall } from "@sessiondb/agent";
import { InMemorySessionDb, type JsonObject, type JsonValue } from "@sessiondb/core";
import { scriptedModel } from "@sessiondb/testing/scripted-model";
import { Output, tool, type ToolSet } from "ai";
import { describe, expect, expectTypeOf, test } from "vitest";
import { z } from "zod";

// The compiler checks most of this: `npm run check`.

const tools = {
  weather: tool({
    inputSchema: z.object({ city: z.string() }),
    execute: ({ city }) => ({ city, degrees: 21 }),
  }),
  now: tool({ inputSchema: z.object({}), execute: () => "noon" }),
  locate: tool({ inputSchema: z.object({ exactly: z.boolean() }), outputSchema: z.string() }),
};
const output = Output.object({ schema: z.object({ city: z.string(), isWarm: z.boolean() }) });
const sessionStateSchema = z.object({
  visits: z.number().default(0),
  user: z.object({ name: z.string().optional() }).default({}),
});
interface Answer {
  city: string;
  isWarm: boolean;
}
interface State {
  visits: number;
  user: { name?: string | undefined };
}

function typed() {
  const script = [{ calls: [{ name: "weather", input: { city: "Rome" } }] }, '{"city":"Rome","isWarm":true}'];
  const db = new InMemorySessionDb();
  const options = {
    model: scriptedModel(script),
    db,
    sessionId: "s",
    tools,
    generation: { output },
    sessionStateSchema,
  };
  return { agent: new Agent(options), team: new Team({ ...options, members: [new Agent({ model: "test/member" })] }) };
}

test("a run has the types of the tools, the output and the state", async () => {
  const { agent } = typed();
  const result = await agent.run("Rome?");
  expectTypeOf(result.output).toEqualTypeOf<Answer | undefined>();
  expectTypeOf(result.sessionState.visits).toEqualTypeOf<number>();
  expectTypeOf(result.sessionState.user.name).toEqualTypeOf<string | undefined>();
  for (const call of result.toolCalls) {
    expectTypeOf(call.toolCallId).toEqualTypeOf<string>();
    if (!call.dynamic && call.toolName === "weather" && call.state === "output-available") {
      expectTypeOf(call.input).toEqualTypeOf<{ city: string }>();
      expectTypeOf(call.output).toEqualTypeOf<{ city: string; degrees: number }>();
    }
    if (call.dynamic) {
      expectTypeOf(call.toolName).toEqualTypeOf<string>();
      expectTypeOf(call.input).toEqualTypeOf<unknown>();
    }
    if (call.state === "output-error") {
      expectTypeOf(call.input).toEqualTypeOf<unknown>();
      expectTypeOf(call.errorText).toEqualTypeOf<string>();
    }
  }
  for (const call of result.pendingApprovals) {
    if (!call.dynamic && call.toolName === "locate") {
      expectTypeOf(call.input).toEqualTypeOf<{ exactly: boolean }>();
    }
    // @ts-expect-error -- there is no such tool.
    expect(call.dynamic || call.toolName !== "wether").toBe(true);
  }
  // What the types say is so.
  expect(result.output).toEqual({ city: "Rome", isWarm: true });
  expect(result.toolCalls).toEqual([
    {
      toolCallId: expect.any(String),
      toolName: "weather",
      dynamic: false,
      state: "output-available",
      input: { city: "Rome" },
      output: { city: "Rome", degrees: 21 },
    },
  ]);
  expect(result.sessionState).toEqual({ visits: 0, user: {} });
});

test("a stream has them too", async () => {
  const { team } = typed();
  const stream = await team.stream("Rome?");
  const partial: { city?: string; isWarm?: boolean }[] = [];
  for await (const part of stream.partialOutputStream) {
    expectTypeOf(part.isWarm).toEqualTypeOf<boolean | undefined>();
    partial.push({ ...(part.city !== undefined && { city: part.city }) });
  }
  expect(partial.at(-1)).toEqual({ city: "Rome" });
  const result = await stream.result;
  expectTypeOf(result.output).toEqualTypeOf<Answer | undefined>();
  const parts = (await typed().agent.stream("Rome?")).fullStream;
  for await (const part of parts) {
    if (part.type === "tool-result" && part.dynamic !== true && part.toolName === "weather") {
      expectTypeOf(part.output).toEqualTypeOf<{ city: string; degrees: number }>();
    }
  }
});

test("the state has its type wherever it is read or changed", async () => {
  const { agent } = typed();
  await agent.run("Rome?");
  const state = await agent.getSessionState();
  expectTypeOf(state).toExtend<State | null>();
  await agent.updateSessionState({ change: (stored) => void (stored.visits += 1) });
  await agent.updateSessionState({ change: { visits: 3 } });
  // @ts-expect-error -- visits is a number.
  await expect(agent.updateSessionState({ change: { visits: "3" } })).rejects.toMatchObject({ argument: "change" });
  const workflow = new Workflow({ sessionStateSchema, steps: [() => "done"] });
  const { sessionState } = await workflow.run("go", { sessionState: { user: { name: "ada" } } });
  expectTypeOf(sessionState.visits).toEqualTypeOf<number>();
  // @ts-expect-error -- the initial state must fit.
  expect(() => new Agent({ model: "test/model", sessionStateSchema, sessionState: { visits: "0" } })).toThrow("visits");
  const greeter = new Agent({
    model: scriptedModel(["Hello."]),
    sessionStateSchema,
    instructions: ({ sessionState: { user } }) => {
      expectTypeOf(user).toEqualTypeOf<State["user"]>();
      return `Greet ${user.name ?? "them"}.`;
    },
  });
  expect((await greeter.run("Hi")).text).toBe("Hello.");
});

describe("the options of a call", () => {
  const more = { lookUp: tool({ inputSchema: z.object({ word: z.string() }), execute: ({ word }) => word.length }) };
  const replacing = { weather: tool({ inputSchema: z.object({ at: z.number() }), execute: () => "fine" }) };
  const structure = Output.object({ schema: z.object({ words: z.number() }) });
  const script = [{ calls: [{ name: "lookUp", input: { word: "tea" } }] }, '{"words":1}'];

  test("add the types of their tools, and replace that of the output", async () => {
    const { agent } = typed();
    const model = scriptedModel(script);
    const result = await agent.run("How long?", { model, tools: more, generation: { output: structure } });
    expectTypeOf(result.output).toEqualTypeOf<{ words: number } | undefined>();
    const lengths: number[] = [];
    for (const call of result.toolCalls) {
      if (!call.dynamic && call.toolName === "lookUp" && call.state === "output-available") {
        expectTypeOf(call.input).toEqualTypeOf<{ word: string }>();
        lengths.push(call.output);
      }
      if (!call.dynamic && call.toolName === "weather" && call.state === "output-available") {
        expectTypeOf(call.output).toEqualTypeOf<{ city: string; degrees: number }>();
      }
    }
    expect([result.output, lengths]).toEqual([{ words: 1 }, [3]]);

    const { team } = typed();
    const stream = await team.stream("How long?", { model: scriptedModel(script), tools: () => more, generation: {} });
    const { output: answer, toolCalls } = await stream.result.catch(() => ({ output: undefined, toolCalls: [] }));
    expectTypeOf(answer).toEqualTypeOf<Answer | undefined>();
    expectTypeOf(toolCalls).not.toEqualTypeOf<readonly ToolCall[]>();

    const session = agent.forSession({ sessionId: "s", tools: replacing, generation: { output: structure } });
    expectTypeOf(session.tools.weather).toEqualTypeOf(replacing.weather);
    expectTypeOf(session.tools.now).toEqualTypeOf(tools.now);
    const generate = () => session.generate({ prompt: "How long?" });
    expectTypeOf<Awaited<ReturnType<typeof generate>>["output"]>().toEqualTypeOf<{ words: number }>();
  });

  test("change nothing where the compiler does not know the names of the tools", async () => {
    const { agent } = typed();
    type Result = Awaited<ReturnType<typeof agent.run>>;
    const unnamed: ToolSet = more;
    const result = await agent.run("Rome?", { tools: async () => unnamed });
    expectTypeOf(result).toEqualTypeOf<Result>();
    expectTypeOf(result.output).toEqualTypeOf<Answer | undefined>();
    // @ts-expect-error -- there is no such option.
    await expect(agent.run("Rome?", { tool: more })).rejects.toMatchObject({ argument: "options.tool" });
  });

  test("a function of tools has their types", async () => {
    const agent = new Agent({ model: scriptedModel(["Done."]), sessionStateSchema, tools: async () => more });
    const { toolCalls } = await agent.run("Go");
    for (const call of toolCalls) {
      if (!call.dynamic && call.state === "output-available") {
        expectTypeOf(call.output).toEqualTypeOf<number>();
      }
    }
    expect(toolCalls).toEqual([]);
  });

  test("dependencies have the type that is asked for", async () => {
    const agent = new Agent({
      model: scriptedModel(["Done."]),
      dependencies: { greeting: "Hello" },
      instructions: (context) => {
        expectTypeOf(context.dependencies["greeting"]).toEqualTypeOf<unknown>();
        const { dependencies } = runContextOf<{ greeting: string }>(context);
        expectTypeOf(dependencies).toEqualTypeOf<{ greeting: string }>();
        return dependencies.greeting;
      },
    });
    expect((await agent.run("Go")).text).toBe("Done.");
  });
});

describe("an agent without types of its own", () => {
  const agent = new Agent({ model: "test/model" });

  test("has JSON for a state and an output, and any tool", () => {
    type Result = Awaited<ReturnType<typeof agent.run>>;
    expectTypeOf<Result["output"]>().toEqualTypeOf<JsonValue | undefined>();
    expectTypeOf<Result["sessionState"]>().toEqualTypeOf<JsonObject>();
    expectTypeOf<Result["toolCalls"][number]>().toEqualTypeOf<ToolCall>();
    expectTypeOf<ToolCall["input"]>().toEqualTypeOf<unknown>();
    expectTypeOf<Result>().toEqualTypeOf<RunResult>();
  });

  test("is the type of all agents", () => {
    const all: Agent[] = [agent, typed().agent];
    const teams: Team[] = [typed().team];
    const workflows: Workflow[] = [new Workflow({ sessionStateSchema, steps: [typed().agent, typed().team] })];
    expect([all, teams, workflows].map(({ length }) => length)).toEqual([2, 1, 1]);
  });
});
