import {
  Agent,
  runContextOf,
  Team,
  Workflow,
  type ContinueOptions,
  type ModelRunOptions,
  type RunContext,
} from "@sessiondb/agent";
import { InMemorySessionDb, type SessionDb } from "@sessiondb/core";
import { scriptedModel, shown } from "@sessiondb/testing/scripted-model";
import {
  createAgentUIStreamResponse,
  dynamicTool,
  jsonSchema,
  readUIMessageStream,
  tool,
  type ToolSet,
  type UIMessage,
  type UIMessageChunk,
} from "ai";
import { describe, expect, test, vi } from "vitest";
import { localStores } from "./support/stores.ts";

// What a call is given counts for its run alone, by whichever method and for agents and teams alike.

const input = jsonSchema<object>({ type: "object" });
const secret = "hunter2";

const kinds = ["agent", "team"] as const;
type Kind = (typeof kinds)[number];
const turns = ["run", "stream", "printResponse", "forSession.generate", "forSession.stream"] as const;
const continuations = ["continueRun", "continueStream", "forSession.generate", "forSession.stream"] as const;

function componentOf(kind: Kind, db: SessionDb, options: Partial<ConstructorParameters<typeof Agent>[0]> = {}) {
  const common = {
    id: "one",
    db,
    model: scriptedModel(() => new Error("not the model of the call")),
    instructions: "Of the component.",
    ...options,
  };
  return kind === "agent"
    ? new Agent(common)
    : new Team({ ...common, members: [new Agent({ id: "member", model: scriptedModel([]) })] });
}

/** Takes a turn by a method. */
async function take(
  component: Agent | Team,
  call: (typeof turns)[number],
  options: ModelRunOptions & { sessionId: string },
): Promise<void> {
  if (call === "run") {
    await component.run("Go", options);
  } else if (call === "stream") {
    await (
      await component.stream("Go", options)
    ).result;
  } else if (call === "printResponse") {
    const write = vi.spyOn(process.stdout, "write").mockReturnValue(true);
    await component.printResponse("Go", options).finally(() => write.mockRestore());
  } else {
    const session = component.forSession(options);
    const messages = [{ role: "user" as const, content: "Go" }];
    await (call === "forSession.generate"
      ? session.generate({ messages })
      : (await session.stream({ messages })).consumeStream());
    await vi.waitUntil(async () => (await component.getRunningRuns()).length === 0);
  }
}

/** Continues a run by a method. */
async function goOn(
  component: Agent | Team,
  call: (typeof continuations)[number],
  { runId, approvals, ...options }: ContinueOptions,
): Promise<void> {
  if (call === "continueRun") {
    await component.continueRun({ ...options, runId, approvals });
  } else if (call === "continueStream") {
    await (
      await component.continueStream({ ...options, runId, approvals })
    ).result;
  } else {
    const session = component.forSession(options);
    const run = (await component.getSession({ sessionId: options.sessionId }))?.runs[0];
    const calls = run === undefined || run.runType === "workflow" ? [] : (run.tools ?? []);
    const messages = [
      {
        role: "assistant" as const,
        content: calls.flatMap(({ toolCallId = "", toolName = "", toolArgs, approvalId = "" }) => [
          { type: "tool-call" as const, toolCallId: toolCallId ?? "", toolName: toolName ?? "", input: toolArgs },
          { type: "tool-approval-request" as const, toolCallId: toolCallId ?? "", approvalId: approvalId ?? "" },
        ]),
      },
      {
        role: "tool" as const,
        content: approvals.map(({ toolCallId, approved }) => ({
          type: "tool-approval-response" as const,
          approvalId: calls.find((each) => each.toolCallId === toolCallId)?.approvalId ?? "",
          approved,
        })),
      },
    ];
    await (call === "forSession.generate"
      ? session.generate({ messages })
      : (await session.stream({ messages })).consumeStream());
    await vi.waitUntil(async () => (await component.getRunningRuns()).length === 0);
  }
}

const memory = async () => new InMemorySessionDb();

const newest = async (db: SessionDb) => {
  const { runs } = await db.getRuns({ sessionId: "s", sortOrder: "desc", limit: 1 });
  const run = runs[0];
  if (run === undefined || run.runType === "workflow") {
    throw new Error("There is no run");
  }
  return run;
};

/** The names and the settings that a model was called with. */
function callOf(model: ReturnType<typeof scriptedModel>, call: string) {
  const calls = call.toLowerCase().endsWith("stream") || call === "printResponse" ? "doStreamCalls" : "doGenerateCalls";
  const { prompt, tools, temperature, maxOutputTokens } = model[calls].at(-1) ?? { prompt: [] };
  const system = shown(prompt).find((line) => line.startsWith("system: "));
  return {
    system: system?.split("\n\n")[0],
    tools: (tools ?? []).map(({ name }) => name).filter((name) => !name.startsWith("delegate")),
    temperature,
    maxOutputTokens,
  };
}

describe.each(Object.entries(localStores))("%s", (_store, open) => {
  describe.each(kinds)("of an %s", (kind) => {
    test.each(turns)("%s: each option replaces or adds for this run alone", async (call) => {
      await using db = await open();
      const said: string[] = [];
      const noted = (name: string, from: string) =>
        tool({
          inputSchema: input,
          execute: (_input, options) => {
            const { dependencies } = runContextOf<{ password: string; kept: number }>(options);
            said.push(`${name} of the ${from}: ${dependencies.password}, ${dependencies.kept}`);
            return from;
          },
        });
      const own = scriptedModel(() => "Own.");
      const component = componentOf(kind, db, {
        model: own,
        tools: { look: noted("look", "component"), count: noted("count", "component") },
        generation: { temperature: 0, maxOutputTokens: 7 },
        dependencies: { password: "default", kept: 1 },
      });
      const model = scriptedModel([{ calls: [{ name: "look" }, { name: "count" }, { name: "more" }] }, "Done."]);
      await take(component, call, {
        sessionId: "s",
        model,
        instructions: async (context) => `For ${runContextOf<{ password: string }>(context).dependencies.password}.`,
        tools: { look: noted("look", "call"), more: noted("more", "call") },
        generation: { temperature: 1 },
        metadata: { request: "r1" },
        dependencies: { password: secret },
      });
      expect(callOf(model, call)).toEqual({
        system: `system: For ${secret}.`,
        tools: ["look", "count", "more"],
        temperature: 1,
        maxOutputTokens: 7,
      });
      expect(said.toSorted()).toEqual([
        `count of the component: ${secret}, 1`,
        `look of the call: ${secret}, 1`,
        `more of the call: ${secret}, 1`,
      ]);
      expect(await newest(db)).toMatchObject({ status: "COMPLETED", content: "Done.", metadata: { request: "r1" } });

      await take(component, call, { sessionId: "s" });
      expect(callOf(own, call)).toEqual({
        system: "system: Of the component.",
        tools: ["look", "count"],
        temperature: 0,
        maxOutputTokens: 7,
      });
      expect((await newest(db)).metadata ?? null).toBeNull();
      // What code hands to tools is nowhere in the store.
      const stored = JSON.stringify([await db.getSession({ sessionId: "s" }), await db.getRuns({ sessionId: "s" })]);
      expect(stored).not.toContain(secret);
      expect(stored).not.toContain("dependencies");
    });

    test.each(continuations)("%s: a run goes on with the options of the call that continues it", async (call) => {
      await using db = await open();
      const paid: unknown[] = [];
      const pay = (from: string) =>
        tool({
          inputSchema: input,
          needsApproval: true,
          execute: (_input, options) => {
            paid.push([from, runContextOf(options).dependencies]);
            return "Paid.";
          },
        });
      const component = componentOf(kind, db, { model: scriptedModel([{ calls: [{ name: "pay", id: "c1" }] }]) });
      const first = await component.run("Go", {
        sessionId: "s",
        tools: { pay: pay("first call") },
        metadata: { begun: 1, both: 1 },
        dependencies: { password: secret },
      });
      const { runId, pendingApprovals } = first;
      expect(pendingApprovals).toMatchObject([{ toolCallId: "c1", dynamic: false }]);
      const decided = { sessionId: "s", runId, approvals: [{ toolCallId: "c1", approved: true }] };

      // The tool is nowhere any more: the run waits on.
      const without = goOn(component, call, decided);
      await expect(without).rejects.toMatchObject({
        code: "RUN_NOT_CONTINUABLE",
        message: expect.stringMatching(/"pay" cannot run here.*this call/) as string,
      });
      expect(await newest(db)).toMatchObject({ status: "PAUSED", metadata: { begun: 1, both: 1 } });

      const model = scriptedModel(["Done."]);
      await goOn(component, call, {
        ...decided,
        model,
        instructions: ["Go on."],
        tools: async () => ({ pay: pay("second call") }),
        generation: { temperature: 1 },
        metadata: { both: 2, ended: 2 },
        dependencies: { user: "ada" },
      });
      expect(paid).toEqual([["second call", { user: "ada" }]]);
      expect(callOf(model, call)).toMatchObject({ system: "system: Go on.", tools: ["pay"], temperature: 1 });
      expect(await newest(db)).toMatchObject({
        status: "COMPLETED",
        content: "Done.",
        metadata: { begun: 1, both: 2, ended: 2 },
      });
    });

    test.each(turns)("%s: a tool may not take the name of one that an option adds", async (call) => {
      await using db = await open();
      const component = componentOf(kind, db, { readChatHistory: true });
      const tools = { get_chat_history: tool({ inputSchema: input, execute: () => "Mine." }) };
      for (const source of [tools, () => tools]) {
        await expect(take(component, call, { sessionId: "s", tools: source })).rejects.toMatchObject({
          code: "INVALID_ARGUMENT",
          argument: "tools.get_chat_history",
        });
      }
      expect(await db.getSession({ sessionId: "s" })).toBeNull();
    });
  });
});

describe("tools by a function", () => {
  const sources: Readonly<Record<string, (tools: ToolSet) => () => ToolSet | Promise<ToolSet>>> = {
    "at once": (tools) => () => tools,
    "in time": (tools) => async () => tools,
  };

  test.each(Object.entries(sources))("are those of each run's user, %s", async (_name, source) => {
    await using db = await memory();
    const seen: string[] = [];
    const model = scriptedModel(({ prompt }) =>
      prompt.at(-1)?.role === "tool" ? "Done." : { calls: [{ name: "mine" }] },
    );
    const agent = new Agent({
      model,
      db,
      tools: (context) => {
        const mine = tool({ inputSchema: input, execute: () => void seen.push(String(context.userId)) });
        return source({ mine })();
      },
    });
    await Promise.all(["ada", "bob"].map((userId) => agent.run("Go", { userId })));
    const { toolCalls } = await agent.run("Go", { userId: "eve" });
    expect(seen.toSorted()).toEqual(["ada", "bob", "eve"]);
    expect(toolCalls).toMatchObject([{ toolName: "mine", dynamic: false, state: "output-available" }]);
  });

  const wrong: Readonly<Record<string, () => unknown>> = {
    "returns nothing": () => undefined,
    "returns a list": () => [],
    "returns something that is no tool": () => ({ pay: 1 }),
  };

  test.each(Object.entries(wrong))("one that %s is refused by name", async (_name, tools) => {
    await using db = await memory();
    const agent = new Agent({ model: scriptedModel(["Done."]), db, tools: tools as never });
    const refused = { code: "INVALID_ARGUMENT", argument: expect.stringMatching(/^tools/) as string };
    await expect(agent.run("Go", { sessionId: "s" })).rejects.toMatchObject(refused);
    expect(await db.getSession({ sessionId: "s" })).toBeNull();
  });

  test.each(["run", "stream"] as const)("%s: one that fails fails the run, before anything is stored", async (call) => {
    await using db = await memory();
    const failure = new Error("no server");
    const agent = new Agent({ model: scriptedModel(["Done."]), db, tools: () => Promise.reject(failure) });
    await expect(agent[call]("Go", { sessionId: "s" })).rejects.toBe(failure);
    expect(await db.getSession({ sessionId: "s" })).toBeNull();
  });

  test.each(["run", "stream"] as const)("%s: an abort does not wait for it", async (call) => {
    await using db = await memory();
    const controller = new AbortController();
    const agent = new Agent({
      model: scriptedModel(["Done."]),
      db,
      tools: () => {
        controller.abort(new Error("left"));
        return new Promise<ToolSet>(() => {});
      },
    });
    await expect(agent[call]("Go", { sessionId: "s", signal: controller.signal })).rejects.toThrow("left");
    expect(await newest(db)).toMatchObject({ status: "CANCELLED" });
  });

  test("an abort leaves a run that waits as it is", async () => {
    await using db = await memory();
    const pay = tool({ inputSchema: input, needsApproval: true, execute: () => "Paid." });
    const model = scriptedModel([{ calls: [{ name: "pay", id: "c1" }] }]);
    const { runId } = await new Agent({ model, db, tools: { pay } }).run("Go", { sessionId: "s" });
    const controller = new AbortController();
    const hanging = new Agent({
      model,
      db,
      tools: () => {
        controller.abort(new Error("left"));
        return new Promise<ToolSet>(() => {});
      },
    });
    const approvals = [{ toolCallId: "c1", approved: true }];
    const { signal } = controller;
    await expect(hanging.continueRun({ sessionId: "s", runId, approvals, signal })).rejects.toThrow("left");
    expect(await newest(db)).toMatchObject({ status: "PAUSED" });
  });
});

describe("a page whose call waits, of a tool that only the call has", () => {
  const pay = tool({ inputSchema: input, needsApproval: true, execute: () => "Paid." });
  const dynamic = dynamicTool({ inputSchema: input, needsApproval: true, execute: async () => "Paid." });
  const answers: Readonly<Record<string, readonly [tools: () => ModelRunOptions<object>["tools"], part: string]>> = {
    "as an object": [() => ({ pay }), "tool-pay"],
    "as a function, with types that are not known": [() => async () => ({ pay: dynamic }), "dynamic-tool"],
  };

  test.each(Object.entries(answers))("is answered with it: %s", async (_name, [tools, type]) => {
    await using db = await memory();
    const agent = componentOf("agent", db, { model: scriptedModel([{ calls: [{ name: "pay", id: "c1" }] }, "Done."]) });
    const respond = async (messages: unknown[]): Promise<UIMessage> => {
      const session = agent.forSession({ sessionId: "s", tools: tools() });
      const response = await createAgentUIStreamResponse({ agent: session as never, uiMessages: messages });
      const stream = chunksIn(response);
      let last: UIMessage | undefined;
      const message = messages.at(-1) as UIMessage;
      for await (const read of readUIMessageStream({ stream, ...(message.role === "assistant" && { message }) })) {
        last = read;
      }
      return last as UIMessage;
    };
    const question = { id: "m1", role: "user", parts: [{ type: "text", text: "Pay" }] };
    const asked = await respond([question]);
    const waiting = asked.parts.find((part) => part.type === type) as { approval: { id: string } };
    expect(waiting).toMatchObject({ type, state: "approval-requested" });
    const answered = {
      ...waiting,
      state: "approval-responded",
      approval: { id: waiting.approval.id, approved: true },
    };
    const parts = asked.parts.map((part) => (part === (waiting as unknown) ? answered : part));
    await respond([question, { ...asked, id: "m2", parts }]);
    expect(await newest(db)).toMatchObject({ status: "COMPLETED", content: "Done.", tools: [{ result: "Paid." }] });
  });
});

/** The chunks of a response for the hooks of the AI SDK. */
function chunksIn(response: Response): ReadableStream<UIMessageChunk> {
  let rest = "";
  const parser = new TransformStream<string, UIMessageChunk>({
    transform: (text, controller) => {
      const lines = (rest + text).split("\n\n");
      rest = lines.pop() ?? "";
      for (const line of lines.filter((each) => each.startsWith("data: {"))) {
        controller.enqueue(JSON.parse(line.slice(6)) as UIMessageChunk);
      }
    },
  });
  const body = response.body ?? new ReadableStream<Uint8Array>();
  return body.pipeThrough(new TextDecoderStream()).pipeThrough(parser);
}

describe("dependencies", () => {
  const noting = (notes: Record<string, unknown>, name: string) => (context: RunContext) => {
    notes[name] = context.dependencies;
    return name;
  };

  test("reach members and the functions of steps, over their own", async () => {
    const notes: Record<string, unknown> = {};
    const read = tool({
      inputSchema: input,
      execute: (_input, options) => noting(notes, "tool of the member")(runContextOf(options)),
    });
    const member = new Agent({
      id: "member",
      model: scriptedModel([{ calls: [{ name: "read" }] }, "Read."]),
      tools: () => ({ read }),
      instructions: noting(notes, "member"),
      dependencies: { own: "member", shared: "member" },
    });
    const team = new Team({
      id: "team",
      model: scriptedModel([
        { calls: [{ name: "delegate_task_to_member", input: { member_id: "member", task: "Read" } }] },
        "Done.",
      ]),
      instructions: noting(notes, "leader"),
      members: [member],
      dependencies: { own: "team", ofTeam: true },
    });
    const workflow = new Workflow({
      steps: [noting(notes, "function"), new Workflow({ id: "inner", steps: [team], dependencies: { inner: true } })],
      dependencies: { shared: "workflow", replaced: false },
    });
    await workflow.run("Go", { dependencies: { replaced: true } });
    const ofRun = { shared: "workflow", replaced: true };
    const ofTeam = { ...ofRun, inner: true, own: "team", ofTeam: true };
    expect(notes).toEqual({ function: ofRun, leader: ofTeam, member: ofTeam, "tool of the member": ofTeam });
  });

  test("are the same objects, in a list of their own", async () => {
    const handle = new Map();
    const given = { handle };
    const seen: unknown[] = [];
    const agent = new Agent({
      model: scriptedModel(["Done."]),
      instructions: ({ dependencies }) => {
        seen.push(dependencies["handle"]);
        return "Go.";
      },
      dependencies: given,
    });
    given.handle = new Map();
    await agent.run("Go");
    expect(seen[0]).toBe(handle);
  });
});
