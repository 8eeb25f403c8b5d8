import { InMemorySessionDb } from "@sessiondb/core";
import { tool } from "ai";
import { expect, test } from "vitest";
import { z } from "zod";
import { Agent, Team, type ModelComponentOptions } from "@sessiondb/agent";
import { scriptedModel, type Answer } from "@sessiondb/testing/scripted-model";

const call = (name: string, input: object = {}): Answer => ({ calls: [{ name, input, id: name }] });

/** Runs one turn in which the model calls a tool, and gives what the tool returned. */
async function called(
  db: InMemorySessionDb,
  answer: Answer,
  options: Partial<ModelComponentOptions> & { userId?: string } = {},
) {
  const model = scriptedModel([answer, "Done"]);
  const agent = new Agent({
    id: "agent",
    model,
    db,
    sessionId: "now",
    readChatHistory: true,
    readToolCallHistory: true,
    searchPastSessions: true,
    ...options,
  });
  const { toolCalls } = await agent.run("Look");
  const offered = model.doGenerateCalls[0]?.tools?.map(({ name }) => name) ?? [];
  const [made] = toolCalls;
  return {
    offered,
    result: made?.state === "output-available" ? made.output : made?.state === "output-error" ? made.errorText : null,
  };
}

async function filled(): Promise<InMemorySessionDb> {
  const db = new InMemorySessionDb();
  const said = (id: string, sessionId: string, userId: string) =>
    new Agent({ id, model: scriptedModel(() => `To ${userId}`), db }).run(`From ${userId} in ${sessionId}`, {
      sessionId,
      userId,
    });
  await said("agent", "past", "ada");
  await said("agent", "now", "ada");
  await said("agent", "other user", "eve");
  await said("other", "other agent", "ada");
  return db;
}

test("a model can read the chat history", async () => {
  const { result } = await called(await filled(), call("get_chat_history"), { userId: "ada" });
  expect(result).toEqual([
    { role: "user", content: "From ada in now" },
    { role: "assistant", content: "To ada" },
  ]);
});

test.each([0, -1, -7, 1.5])("a model that asks for %d turns sees one", async (count) => {
  const db = await filled();
  await new Agent({ id: "agent", model: scriptedModel(["Later"]), db }).run("More", {
    sessionId: "now",
    userId: "ada",
  });
  const { result } = await called(db, call("get_chat_history", { num_runs: count }), { userId: "ada" });
  expect(result).toMatchObject([{ content: "More" }, { content: "Later" }]);
  const input = { session_id: "past", num_runs: count };
  const { result: past } = await called(db, call("read_past_session", input), { userId: "ada" });
  expect(past).toMatchObject([{ content: "From ada in past" }, {}]);
});

test("a model can read the tool calls", async () => {
  const db = new InMemorySessionDb();
  await called(db, call("get_chat_history"));
  const { result } = await called(db, call("get_tool_call_history"));
  expect(result).toMatchObject([{ function: { name: "get_chat_history" } }]);
});

test("past sessions are the user's others with this agent", async () => {
  const db = await filled();
  const { result } = await called(db, call("search_past_sessions"), { userId: "ada" });
  expect(result).toMatchObject([
    { session_id: "past", messages: [{ content: "From ada in past" }, { content: "To ada" }] },
  ]);
  const read = await called(db, call("read_past_session", { session_id: "past" }), { userId: "ada" });
  expect(read.result).toMatchObject([{ content: "From ada in past" }, {}]);
  for (const sessionId of ["other user", "other agent", "absent"]) {
    const { result: none } = await called(db, call("read_past_session", { session_id: sessionId }), { userId: "ada" });
    expect(none).toBe("There is no such conversation.");
  }
});

test("no past sessions are offered without a user, nothing without storage, and no tool unless enabled", async () => {
  const db = new InMemorySessionDb();
  const nobody = await called(db, call("get_chat_history"));
  expect(nobody.offered).toEqual(["get_chat_history", "get_tool_call_history"]);
  const unkept = await called(db, "Nothing", { sessionStorage: false, userId: "ada" });
  expect(unkept.offered).toEqual([]);
  const unasked = await called(db, "Nothing", {
    readChatHistory: false,
    readToolCallHistory: false,
    searchPastSessions: false,
  });
  expect(unasked.offered).toEqual([]);
});

const own = tool({ inputSchema: z.object({}), execute: () => "own" });

test.each([
  ["update_session_state", { agenticState: true }],
  ["get_chat_history", { readChatHistory: true }],
  ["get_tool_call_history", { readToolCallHistory: true }],
  ["search_past_sessions", { searchPastSessions: true }],
  ["read_past_session", { searchPastSessions: true }],
])("a tool may not replace one that an option adds: %s", async (name, option) => {
  const model = scriptedModel(["Yes."]);
  const common = { id: "a", model, tools: { [name]: own } };
  const refusal = expect.objectContaining({ code: "INVALID_ARGUMENT", argument: `tools.${name}` });
  expect(() => new Agent({ ...common, ...option })).toThrow(refusal);
  expect(() => new Team({ ...common, ...option, members: [new Agent({ id: "m", model })] })).toThrow(refusal);
  // Without the option the name is free.
  await new Agent(common).run("Hi");
  expect(model.doGenerateCalls[0]?.tools?.map((each) => each.name)).toEqual([name]);
});

test.each(["delegate_task_to_member", "delegate_task_to_all_members"])(
  "a leader's tool may not be called %s",
  (name) => {
    const model = scriptedModel([]);
    expect(() => new Team({ model, tools: { [name]: own }, members: [new Agent({ model })] })).toThrow(
      expect.objectContaining({ code: "INVALID_ARGUMENT", argument: `tools.${name}` }),
    );
  },
);

test("a model that asks for the whole chat history is shown the newest 50 turns", async () => {
  const db = new InMemorySessionDb();
  const runs = Array.from({ length: 60 }, (_, index) => ({
    runType: "agent" as const,
    runId: `r${index}`,
    messages: [{ role: "user", content: `turn ${index}` }],
  }));
  await db.upsertSession({ sessionType: "agent", sessionId: "now", agentId: "agent", userId: "ada", runs });
  for (const input of [{}, { num_runs: 1000 }]) {
    const { result } = await called(db, call("get_chat_history", input), { userId: "ada" });
    const turns = (result as { content: string | null }[]).filter(({ content }) => content?.startsWith("turn"));
    expect(turns.at(-1)).toEqual({ role: "user", content: "turn 59" });
    expect(turns.length).toBeGreaterThan(45);
    expect(turns.length).toBeLessThanOrEqual(50);
  }
});
