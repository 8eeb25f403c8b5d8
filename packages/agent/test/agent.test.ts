import { InMemorySessionDb, type Session } from "@sessiondb/core";
import { unixSeconds } from "@sessiondb/core/adapter";
import { SqliteSessionDb } from "@sessiondb/sqlite";
import { jsonSchema, Output, tool } from "ai";
import { describe, expect, test } from "vitest";
import { Agent, runContextOf } from "@sessiondb/agent";
import { collect } from "./support/collect.ts";
import { scriptedModel, shown } from "@sessiondb/testing/scripted-model";
import { watched } from "./support/watched-db.ts";

const echo = () =>
  scriptedModel(({ prompt }) => {
    const last = prompt.at(-1);
    return last?.role === "user"
      ? `You said: ${last.content.map((part) => ("text" in part ? part.text : "")).join("")}`
      : "?";
  });

describe("a turn", () => {
  test("is stored, and shown to the model of another agent with the same id", async () => {
    await using db = new SqliteSessionDb({ file: ":memory:" });
    const first = await new Agent({ id: "assistant", model: echo(), db }).run("My name is Ada.");
    expect(first).toMatchObject({ status: "COMPLETED", text: "You said: My name is Ada.", storageError: null });

    const model = echo();
    const again = new Agent({ id: "assistant", model, db, instructions: "Be kind." });
    await again.run("What is my name?", { sessionId: first.sessionId });
    expect(shown(model.prompts[0] ?? [])).toEqual([
      "system: Be kind.",
      "user: My name is Ada.",
      "assistant: You said: My name is Ada.",
      "user: What is my name?",
    ]);
    const session = await again.getSession({ sessionId: first.sessionId });
    expect(session).toMatchObject({ sessionType: "agent", agentId: "assistant", agentData: { agent_id: "assistant" } });
    expect(session?.runs.map(({ status, content }) => [status, content])).toEqual([
      ["COMPLETED", "You said: My name is Ada."],
      ["COMPLETED", "You said: What is my name?"],
    ]);
    expect(session?.sessionData["session_metrics"]).toMatchObject({
      input_tokens: 20,
      output_tokens: 10,
      total_tokens: 30,
    });
  });

  test("costs one read and two writes, and no read for a new session", async () => {
    const { db, calls } = watched(new InMemorySessionDb());
    const agent = new Agent({ model: echo(), db, sessionState: { step: 1 } });
    const { sessionId } = await agent.run("One");
    expect(calls).toEqual(["upsertRun", "upsertRun"]);
    calls.length = 0;
    await agent.run("Two", { sessionId, sessionState: { step: 2 } });
    expect(calls).toEqual(["getSession", "upsertRun", "upsertRun"]);
    calls.length = 0;
    await (
      await agent.stream("Three", { sessionId })
    ).result;
    expect(calls).toEqual(["getSession", "upsertRun", "upsertRun"]);
  });

  test("is stored as RUNNING while it lasts", async () => {
    const db = new InMemorySessionDb();
    let during: Session | null = null;
    const model = scriptedModel(async () => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      during = await db.getSession({ sessionId: "s" });
      return "Done";
    });
    await new Agent({ model, db }).run("Hello", { sessionId: "s", userId: "ada" });
    expect(during).toMatchObject({ userId: "ada", runs: [{ status: "RUNNING", input: { inputContent: "Hello" } }] });
    expect(await db.getSession({ sessionId: "s" })).toMatchObject({ runs: [{ status: "COMPLETED", userId: "ada" }] });
  });

  test("stores nothing without storage", async () => {
    const { db, calls } = watched(new InMemorySessionDb());
    const agent = new Agent({ id: "shot", model: echo(), db, sessionStorage: false });
    expect((await agent.run("Hello", { sessionId: "s" })).text).toBe("You said: Hello");
    expect(calls).toEqual([]);
    await expect(agent.getDb()).rejects.toMatchObject({ code: "STORAGE_DISABLED", component: "shot" });
    await expect(agent.getSession({ sessionId: "s" })).rejects.toMatchObject({ code: "STORAGE_DISABLED" });
  });

  test("stores structured output parsed", async () => {
    const schema = jsonSchema<{ city: string }>({ type: "object", properties: { city: { type: "string" } } });
    const agent = new Agent({
      model: scriptedModel(['{"city":"Rome"}', '{"city":"Oslo"}']),
      db: new InMemorySessionDb(),
      generation: { output: Output.object({ schema }) },
    });
    const { output, run } = await agent.run("Where?");
    expect(output).toEqual({ city: "Rome" });
    expect(run).toMatchObject({ content: { city: "Rome" }, contentType: "dict" });
    expect((await (await agent.stream("And?")).result).output).toEqual({ city: "Oslo" });
  });

  test("stores tool calls with their results, and shows them to the next turn", async () => {
    const db = new InMemorySessionDb();
    const model = scriptedModel([{ calls: [{ name: "weather", input: { city: "Rome" }, id: "c1" }] }, "Rain.", "No."]);
    const weather = tool({
      inputSchema: jsonSchema<{ city: string }>({ type: "object", properties: { city: { type: "string" } } }),
      execute: ({ city }) => `Rain in ${city}`,
    });
    const agent = new Agent({ model, db, tools: { weather }, sessionId: "s" });
    const { toolCalls } = await agent.run("Weather in Rome?");
    expect(toolCalls).toMatchObject([
      {
        toolCallId: "c1",
        toolName: "weather",
        dynamic: false,
        state: "output-available",
        input: { city: "Rome" },
        output: "Rain in Rome",
      },
    ]);
    await agent.run("Sunny?");
    expect(model.prompts[2]?.map(({ role }) => role)).toEqual(["user", "assistant", "tool", "assistant", "user"]);
    const messages = await agent.getMessages();
    expect(messages.map(({ role }) => role)).toEqual(["user", "assistant", "tool", "assistant", "user", "assistant"]);
  });
});

describe("history", () => {
  async function promptAfter(options: object, turns = 4): Promise<string[]> {
    const model = echo();
    const agent = new Agent({ model, db: new InMemorySessionDb(), sessionId: "s", ...options });
    for (let turn = 0; turn < turns; turn += 1) {
      await agent.run(`turn ${turn}`);
    }
    return shown(model.prompts.at(-1) ?? []);
  }

  test("can be switched off", async () => {
    expect(await promptAfter({ addHistoryToContext: false })).toEqual(["user: turn 3"]);
    expect(await promptAfter({ numHistoryRuns: 0 })).toEqual(["user: turn 3"]);
  });

  test("is limited by runs and by messages", async () => {
    expect(await promptAfter({ numHistoryRuns: 1 })).toEqual([
      "user: turn 2",
      "assistant: You said: turn 2",
      "user: turn 3",
    ]);
    expect(await promptAfter({ numHistoryMessages: 1 })).toEqual(["user: turn 3"]);
    expect(await promptAfter({ numHistoryMessages: 3 })).toEqual([
      "user: turn 2",
      "assistant: You said: turn 2",
      "user: turn 3",
    ]);
    expect(await promptAfter({}, 13)).toHaveLength(21);
  });

  test("leaves out runs that failed", async () => {
    const model = scriptedModel([new Error("no"), "yes"]);
    const agent = new Agent({ model, db: new InMemorySessionDb(), sessionId: "s", generation: { maxRetries: 0 } });
    await expect(agent.run("One")).rejects.toThrow("no");
    await agent.run("Two");
    expect(shown(model.prompts[1] ?? [])).toEqual(["user: Two"]);
    expect((await agent.getSession())?.runs.map(({ status, content }) => [status, content])).toEqual([
      ["ERROR", "no"],
      ["COMPLETED", "yes"],
    ]);
  });

  test("begins with the introduction", async () => {
    const model = echo();
    const agent = new Agent({ model, db: new InMemorySessionDb(), sessionId: "s", introduction: "I am Eva." });
    await agent.run("Hello");
    await agent.run("Again");
    expect(shown(model.prompts[0] ?? [])).toEqual([
      "user: (The assistant speaks first.)",
      "assistant: I am Eva.",
      "user: Hello",
    ]);
    expect(shown(model.prompts[1] ?? [])).toHaveLength(5);
    expect((await agent.getSession())?.runs.map(({ status }) => status)).toEqual([
      "COMPLETED",
      "COMPLETED",
      "COMPLETED",
    ]);
  });
});

describe("ownership", () => {
  test("refuses another user's session before the model is asked", async () => {
    const model = echo();
    const agent = new Agent({ model, db: new InMemorySessionDb() });
    await agent.run("Mine", { sessionId: "s", userId: "ada" });
    await expect(agent.run("Yours?", { sessionId: "s", userId: "eve" })).rejects.toMatchObject({
      code: "SESSION_OWNERSHIP",
    });
    await expect(agent.run("Nobody's?", { sessionId: "s" })).rejects.toMatchObject({ code: "SESSION_OWNERSHIP" });
    expect(model.prompts).toHaveLength(1);
    expect(await agent.getSession({ sessionId: "s", userId: "eve" })).toBeNull();
    await expect(agent.run("?", { sessionId: "s", userId: undefined as unknown as string })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
    });
  });

  test("lets everybody use a shared session, stores each run's user, and lists it for each", async () => {
    await using db = new SqliteSessionDb({ file: ":memory:" });
    const model = echo();
    const agent = new Agent({ model, db, access: "shared" });
    await Promise.all(["ada", "bob"].map((userId) => agent.run(`From ${userId}`, { sessionId: "s", userId })));
    await agent.run("From eve", { sessionId: "s", userId: "eve" });
    expect(shown(model.prompts[2] ?? [])).toHaveLength(5);
    const session = await agent.getSession({ sessionId: "s", userId: "eve" });
    expect(session?.runs.map(({ userId }) => userId).toSorted()).toEqual(["ada", "bob", "eve"]);
    for (const userId of ["ada", "bob", "eve"]) {
      expect((await agent.getUserSessions({ userId })).sessions).toHaveLength(1);
    }
    expect((await agent.getUserSessions({ userId: "kim" })).sessions).toEqual([]);
  });

  test("refuses another component's session, and does not show it", async () => {
    const db = new InMemorySessionDb();
    const [one, two] = ["one", "two"].map((id) => new Agent({ id, model: echo(), db })) as [Agent, Agent];
    await one.run("Hello", { sessionId: "s", userId: "ada" });
    await expect(two.run("Hello", { sessionId: "s", userId: "ada" })).rejects.toMatchObject({
      code: "SESSION_COMPONENT_MISMATCH",
    });
    expect(await two.getSession({ sessionId: "s" })).toBeNull();
    expect((await two.getUserSessions({ userId: "ada" })).sessions).toEqual([]);
    expect(await two.deleteSession({ sessionId: "s" })).toBe(false);
    expect(await one.getSession({ sessionId: "s" })).not.toBeNull();
  });
});

describe("failing storage", () => {
  const setup = (onStorageError?: "throw" | "continue") => {
    const store = watched(new InMemorySessionDb());
    const model = echo();
    const agent = new Agent({ model, db: store.db, sessionId: "s", ...(onStorageError && { onStorageError }) });
    return { ...store, model, agent };
  };

  test("rejects, and is never treated as an empty session", async () => {
    const { agent, failing, model } = setup();
    await agent.run("One");
    failing.add("getSession");
    await expect(agent.run("Two")).rejects.toThrow("getSession fails");
    expect(model.prompts).toHaveLength(1);
    failing.clear();
    expect((await agent.getSession())?.runs).toHaveLength(1);
    failing.add("upsertRun");
    await expect(agent.run("Three")).rejects.toThrow("upsertRun fails");
  });

  test("delivers the answer with `continue`, and loses nothing that is stored", async () => {
    const { agent, failing } = setup("continue");
    await agent.run("One", { sessionState: { a: 1 } });
    failing.add("getSession");
    const two = await agent.run("Two", { sessionState: { b: 2 } });
    expect(two).toMatchObject({
      text: "You said: Two",
      storageError: expect.objectContaining({ message: "getSession fails" }),
    });
    failing.clear();
    expect(await agent.getSession()).toMatchObject({ runs: [{}, {}], sessionState: { a: 1, b: 2 } });
    failing.add("upsertRun");
    expect(await agent.run("Three")).toMatchObject({
      text: "You said: Three",
      storageError: { message: "upsertRun fails" },
    });
    failing.clear();
    await agent.run("Four");
    expect((await agent.getSession())?.runs).toHaveLength(3);
  });

  test("ends a stream with its error", async () => {
    const { agent, failing } = setup();
    failing.add("upsertRun");
    const stream = await agent.stream("One");
    await expect(collect(stream.textStream)).rejects.toThrow("upsertRun fails");
    await expect(stream.result).rejects.toThrow("upsertRun fails");
  });

  test("rejects a state that cannot be stored, and stores the run all the same", async () => {
    const unstorable = () => 1;
    const { agent, calls } = setup();
    await expect(agent.run("One", { sessionState: { unstorable: unstorable as never } })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
    });
    expect(calls).not.toContain("upsertRun");
    const spoil = tool({
      inputSchema: jsonSchema<object>({ type: "object" }),
      execute: (_, options) => {
        runContextOf(options).sessionState["unstorable"] = unstorable as never;
      },
    });
    const model = scriptedModel([{ calls: [{ name: "spoil" }] }, "Done"]);
    const spoiling = new Agent({ model, db: await agent.getDb(), sessionId: "s", tools: { spoil } });
    await expect(spoiling.run("Two")).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    expect((await agent.getSession())?.runs.map(({ status, content }) => [status, content])).toEqual([
      ["COMPLETED", "Done"],
    ]);
  });
});

describe("state", () => {
  const remember = tool({
    inputSchema: jsonSchema<{ key: string }>({ type: "object", properties: { key: { type: "string" } } }),
    execute: ({ key }, options) => {
      const { sessionState, updateSessionState } = runContextOf(options);
      sessionState[key] = true;
      updateSessionState((state) => ({ ...state, count: Number(state["count"] ?? 0) + 1 }));
      return "ok";
    },
  });
  const remembering = (key: string) => scriptedModel([{ calls: [{ name: "remember", input: { key } }] }, "Done"]);

  test("keeps every change of concurrent runs, counters included", async () => {
    await using db = new SqliteSessionDb({ file: ":memory:" });
    await new Agent({ model: echo(), db, sessionState: { first: true } }).run("Begin", { sessionId: "s" });
    const keys = Array.from({ length: 12 }, (_, index) => `key ${index}`);
    await Promise.all(
      keys.map((key) => new Agent({ model: remembering(key), db, tools: { remember } }).run(key, { sessionId: "s" })),
    );
    const session = await db.getSession({ sessionId: "s" });
    expect(session?.runs).toHaveLength(13);
    expect(session?.sessionState).toEqual({
      first: true,
      count: 12,
      ...Object.fromEntries(keys.map((key) => [key, true])),
    });
  });

  test.each([undefined, null, {}, { experimental_context: {} }])("has no context outside a run: %o", (options) => {
    expect(() => runContextOf(options as object)).toThrow(
      expect.objectContaining({ code: "INVALID_ARGUMENT", argument: "options" }),
    );
  });

  test("merges the run's argument deeply over the stored state", async () => {
    const agent = new Agent({
      model: echo(),
      db: new InMemorySessionDb(),
      sessionId: "s",
      sessionState: { a: { b: 1, c: 2 }, d: 3 },
    });
    await agent.run("One", { sessionState: { a: { b: 9 } } });
    expect(await agent.getSessionState()).toEqual({ a: { b: 9, c: 2 }, d: 3 });
  });

  test("is shown to the model, and changed by it", async () => {
    const updates = { session_state_updates: { plan: "pro" } };
    const model = scriptedModel([{ calls: [{ name: "update_session_state", input: updates }] }, "Done", "Again"]);
    const agent = new Agent({
      model,
      db: new InMemorySessionDb(),
      sessionId: "s",
      agenticState: true,
      addSessionStateToContext: true,
    });
    await agent.run("Upgrade me");
    expect(await agent.getSessionState()).toEqual({ plan: "pro" });
    await agent.run("Again");
    expect(shown(model.prompts[2] ?? [])[0]).toContain('{"plan":"pro"}');
  });

  test("can be changed from outside, under the session's lock", async () => {
    const agent = new Agent({ model: echo(), db: new InMemorySessionDb(), sessionId: "s" });
    await agent.run("One");
    const count = (state: Record<string, unknown>) => void (state["n"] = Number(state["n"] ?? 0) + 1);
    await Promise.all(Array.from({ length: 5 }, () => agent.updateSessionState({ change: count })));
    expect(await agent.updateSessionState({ change: { more: true } })).toEqual({ n: 5, more: true });
    expect(await agent.updateSessionState({ sessionId: "absent", change: {} })).toBeNull();
  });
});

describe("unfinished runs", () => {
  test("are closed once they are old enough, and do not disturb the next turn", async () => {
    const db = new InMemorySessionDb();
    const session = { sessionType: "agent", sessionId: "s", agentId: "agent" } as const;
    const calls = [
      { role: "assistant", toolCalls: [{ id: "c", type: "function", function: { name: "f", arguments: "{}" } }] },
    ];
    const dead = { runType: "agent", runId: "dead", status: "RUNNING", messages: calls } as const;
    const old = { ...dead, messages: [...calls], createdAt: unixSeconds() - 1000 };
    const since = (seconds: number) => ({ extra: { sessiondb_running_since: seconds } });
    await db.upsertRun({ session, run: { ...old, ...since(unixSeconds() - 1000) } });
    // One that goes on after a pause is older than the process that has it.
    await db.upsertRun({ session, run: { ...old, ...since(unixSeconds()), runId: "alive" } });
    const model = echo();
    await new Agent({ model, db }).run("Next", { sessionId: "s" });
    expect(shown(model.prompts[0] ?? [])).toEqual(["user: Next"]);
    expect((await db.getSession({ sessionId: "s" }))?.runs.map(({ runId, status }) => [runId, status])).toMatchObject([
      ["dead", "ERROR"],
      ["alive", "RUNNING"],
      [expect.any(String), "COMPLETED"],
    ]);
  });
});
