import type { SessionDb } from "@sessiondb/core";
import { describe, expect, test } from "vitest";
import { Agent, Team, Workflow } from "@sessiondb/agent";
import { scriptedModel, type Answer } from "@sessiondb/testing/scripted-model";
import { localStores } from "./support/stores.ts";

// What the tools that look into sessions reveal, by who may see the session and who asks.

const accesses = ["owner", "shared"] as const;
const users = ["ada", "bob", null] as const;
const call = (name: string, input: object = {}): Answer => ({ calls: [{ name, input }] });
const calls: Readonly<Record<string, Answer>> = {
  get_chat_history: call("get_chat_history"),
  get_tool_call_history: call("get_tool_call_history"),
  search_past_sessions: call("search_past_sessions"),
  read_past_session: call("read_past_session", { session_id: "secret" }),
};
const past = ["search_past_sessions", "read_past_session"];
const secret = "The code is 4711.";

/** The component that has the session, with an agent that looks into sessions: itself, or one inside it. */
const rooms = {
  agent: (looking: Agent) => looking,
  team: (looking: Agent, common: { db: SessionDb; access: "owner" | "shared" }) => {
    const ask = call("delegate_task_to_member", { member_id: "looking", task: "Look" });
    return new Team({ ...common, id: "room", model: scriptedModel([ask, "Done."]), members: [looking] });
  },
  workflow: (looking: Agent, common: { db: SessionDb; access: "owner" | "shared" }) =>
    new Workflow({ ...common, id: "room", steps: [looking] }),
};

function lookingAgent(db: SessionDb, answers: readonly Answer[], more: { access?: "shared" } = {}) {
  const model = scriptedModel(answers);
  const agent = new Agent({
    id: "looking",
    db,
    model,
    readChatHistory: true,
    readToolCallHistory: true,
    searchPastSessions: more.access !== "shared",
    ...more,
  });
  return { agent, offered: () => (model.doGenerateCalls[0]?.tools ?? []).map(({ name }) => name) };
}

describe.each(Object.entries(localStores))("%s", (_name, open) => {
  describe.each(Object.keys(rooms) as (keyof typeof rooms)[])("in a session of a kind: %s", (kind) => {
    const cases = accesses.flatMap((access) =>
      users.flatMap((user) => Object.keys(calls).map((name) => [access, user, name] as const)),
    );
    test.each(cases)("access %s, user %s, %s", async (access, user, name) => {
      await using db = await open();
      // Ada has told the same agent something in a session of her own.
      await new Agent({ id: "looking", db, model: scriptedModel(["I see."]) }).run(secret, {
        sessionId: "secret",
        userId: "ada",
      });
      const { agent, offered } = lookingAgent(
        db,
        [calls[name] ?? "", "Done."],
        kind === "agent" && access === "shared" ? { access } : {},
      );
      const room = rooms[kind](agent, { db, access });
      await room.run("Look", { sessionId: "room", ...(user !== null && { userId: user }) });
      const isOffered = access === "owner" && user !== null;
      expect(offered().filter((tool) => past.includes(tool))).toEqual(isOffered ? past : []);
      const { runs } = await db.getRuns({ sessionId: "room" });
      const reveals = isOffered && user === "ada" && past.includes(name);
      expect(JSON.stringify(runs).includes(secret)).toBe(reveals);
    });
  });
});

test.each(["agent", "team"] as const)("searching past sessions in a shared session is refused: %s", (kind) => {
  const options = { model: scriptedModel([]), access: "shared", searchPastSessions: true } as const;
  const make = {
    agent: () => new Agent(options),
    team: () => new Team({ ...options, members: [new Agent({ model: scriptedModel([]) })] }),
  }[kind];
  expect(make).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT", argument: "searchPastSessions" }));
});
