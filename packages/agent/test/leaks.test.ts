import { InMemorySessionDb, type SessionDb } from "@sessiondb/core";
import { describe, expect, test } from "vitest";
import { Agent, Team, type SessionAccess } from "@sessiondb/agent";
import { scriptedModel, type Answer } from "@sessiondb/testing/scripted-model";
import { watched } from "./support/watched-db.ts";

// What a store that fails at the wrong moment lets another user's model see: nothing. Session "s" is Ada's.

const secret = "secret of Ada";
const eve = { sessionId: "s", userId: "eve" };

const delegates = (task: string): Answer => ({
  calls: [{ name: "delegate_task_to_member", input: { member_id: "member", task } }],
});

async function filled(kind: "agent" | "team"): Promise<InMemorySessionDb> {
  const db = new InMemorySessionDb();
  const ada = { sessionId: "s", userId: "ada" };
  if (kind === "agent") {
    const agent = new Agent({ id: "one", db, model: scriptedModel([{ calls: [{ name: "none" }] }, secret]) });
    await agent.run(secret, { ...ada, sessionState: { note: secret } });
  } else {
    const member = new Agent({ id: "member", model: scriptedModel([secret]) });
    const model = scriptedModel([delegates(secret), secret]);
    await new Team({ id: "one", db, model, members: [member] }).run(secret, ada);
  }
  await db.updateSession({ sessionId: "s" }, { summary: { summary: secret } });
  return db;
}

const contentOf = async (db: SessionDb): Promise<string> => JSON.stringify(await db.getSession({ sessionId: "s" }));

describe("a session whose first read failed", () => {
  test.each(["get_chat_history", "get_tool_call_history"])(
    "is not readable by %s in another user's run",
    async (name) => {
      const stored = await filled("agent");
      const before = await contentOf(stored);
      const { db, failing } = watched(stored);
      failing.add("getSession");
      failing.add("upsertRun");
      const model = scriptedModel((_call, index) => {
        failing.delete("getSession");
        return index === 0 ? { calls: [{ name }] } : "Done";
      });
      const options = { id: "one", db, model, readChatHistory: true, readToolCallHistory: true } as const;
      const result = await new Agent({ ...options, onStorageError: "continue" }).run("Hi", eve);
      expect(model.prompts).toHaveLength(2);
      expect(JSON.stringify([model.prompts, result])).not.toContain(secret);
      expect(await contentOf(stored)).toBe(before);
    },
  );

  test("is not summarised in another user's run", async () => {
    const stored = await filled("agent");
    const before = await contentOf(stored);
    const { db, failing } = watched(stored);
    failing.add("getSession");
    failing.add("upsertRun");
    const model = scriptedModel(() => {
      failing.delete("getSession");
      return JSON.stringify({ summary: "Nothing", topics: [] });
    });
    const agent = new Agent({ id: "one", db, model, sessionSummaries: true, onStorageError: "continue" });
    const result = await agent.run("Hi", eve);
    expect(JSON.stringify([model.prompts, result])).not.toContain(secret);
    expect(await contentOf(stored)).toBe(before);
  });

  test("is not in the history of members in another user's run", async () => {
    const stored = await filled("team");
    const before = await contentOf(stored);
    const { db, failing } = watched(stored);
    failing.add("getSession");
    failing.add("upsertRun");
    const memberModel = scriptedModel(["Done"]);
    const model = scriptedModel((_call, index) => {
      failing.delete("getSession");
      return index === 0 ? delegates("Do it") : "Done";
    });
    const team = new Team({
      id: "one",
      db,
      model,
      members: [new Agent({ id: "member", model: memberModel })],
      addMemberHistory: true,
      onStorageError: "continue",
    });
    const result = await team.run("Hi", eve);
    expect(memberModel.prompts).toHaveLength(1);
    expect(JSON.stringify([memberModel.prompts, model.prompts, result])).not.toContain(secret);
    expect(await contentOf(stored)).toBe(before);
  });
});

describe("a member's store", () => {
  // Session ids are the team's: in another store they may be anybody's.
  test.each(["owner", "shared"] as const)("is not read for another user's session: %s", async (access) => {
    const stored = await filled("agent");
    const memberModel = scriptedModel([{ calls: [{ name: "get_chat_history" }] }, "Done"]);
    const member = new Agent({ id: "one", db: stored, model: memberModel, readChatHistory: true });
    const model = scriptedModel([
      { calls: [{ name: "delegate_task_to_member", input: { member_id: "one", task: "Do it" } }] },
      "Done",
    ]);
    const team = new Team({ id: "team", db: new InMemorySessionDb(), model, members: [member], access });
    await team.run("Hi", eve);
    expect(memberModel.prompts).toHaveLength(2);
    expect(JSON.stringify([memberModel.prompts, model.prompts])).not.toContain(secret);
  });
});

describe("the kind of another user's session", () => {
  test.each<SessionAccess>(["owner", "shared"])(
    "is not revealed to users who may not write to it: %s",
    async (access) => {
      const db = await filled("agent");
      const team = new Team({
        id: "two",
        db,
        model: scriptedModel([]),
        members: [new Agent({ model: scriptedModel([]) })],
        access,
      });
      const code = access === "owner" ? "SESSION_OWNERSHIP" : "SESSION_TYPE_MISMATCH";
      await expect(team.run("Hi", eve)).rejects.toMatchObject({ code });
    },
  );
});
