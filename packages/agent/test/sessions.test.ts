import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { InMemorySessionDb } from "@sessiondb/core";
import { afterAll, describe, expect, test } from "vitest";
import { Agent, Team, Workflow } from "@sessiondb/agent";
import { scriptedModel } from "@sessiondb/testing/scripted-model";

const folder = mkdtempSync(join(tmpdir(), "sessiondb-agent-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const ok = () => scriptedModel(() => "Ok");

describe("sessions of a user", () => {
  async function filled(): Promise<Agent> {
    const agent = new Agent({ model: ok(), db: new InMemorySessionDb() });
    for (let index = 0; index < 60; index += 1) {
      await agent.run("Hi", { sessionId: `ada ${String(index).padStart(2, "0")}`, userId: "ada" });
    }
    await agent.run("Hi", { sessionId: "bob", userId: "bob" });
    return agent;
  }

  test("are returned 50 at a time, with a cursor for the rest", async () => {
    const agent = await filled();
    const { sessions, nextCursor } = await agent.getUserSessions({ userId: "ada" });
    expect(sessions).toHaveLength(50);
    expect(sessions[0]?.runs).toBeNull();
    const rest = await agent.getUserSessions({ userId: "ada", cursor: nextCursor ?? "" });
    expect(rest).toMatchObject({ nextCursor: null });
    const before = await agent.getUserSessions({ userId: "ada", cursor: rest.previousCursor ?? "" });
    expect(before.sessions).toEqual(sessions);
    expect(new Set([...sessions, ...rest.sessions].map(({ sessionId }) => sessionId)).size).toBe(60);
    await expect(agent.getUserSessions({ userId: "ada", limit: 51 })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
    });
    await expect(agent.getUserSessions()).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    await expect(agent.getUserSessions({ userId: undefined as never })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
    });
  });

  test("are found by name and time, and deleted by time", async () => {
    const agent = await filled();
    await agent.renameSession({ sessionId: "ada 07", userId: "ada", sessionName: "Trip to Rome" });
    const found = await agent.getUserSessions({ userId: "ada", sessionName: "rome" });
    expect(found.sessions.map(({ sessionId, sessionName }) => [sessionId, sessionName])).toEqual([
      ["ada 07", "Trip to Rome"],
    ]);
    expect((await agent.getUserSessions({ userId: "ada", endTimestamp: 1 })).sessions).toEqual([]);
    expect(await agent.deleteUserSessions({ userId: "ada", endTimestamp: 1 })).toBe(0);
    expect(await agent.deleteUserSessions({ userId: "ada" })).toBe(60);
    expect(await agent.getSession({ sessionId: "bob" })).not.toBeNull();
  });
});

describe("one session", () => {
  test.each(["agent", "team", "workflow"] as const)("created with its id alone becomes the %s's", async (kind) => {
    const db = new InMemorySessionDb();
    await db.upsertSession({ sessionType: kind, sessionId: "s" });
    const member = new Agent({ id: "member", model: ok() });
    const component = {
      agent: () => new Agent({ id: "one", model: ok(), db }),
      team: () => new Team({ id: "one", model: ok(), db, members: [member] }),
      workflow: () => new Workflow({ id: "one", db, steps: [() => "Ok"] }),
    }[kind]();
    await component.run("Hi", { sessionId: "s", userId: "ada" });
    expect(await db.getSession({ sessionId: "s" })).toMatchObject({
      userId: "ada",
      componentId: "one",
      [`${kind}Data`]: { [`${kind}_id`]: "one" },
      runs: [{ status: "COMPLETED" }],
    });
    expect((await component.getUserSessions({ userId: "ada" })).sessions).toHaveLength(1);
  });

  test("is read with the number of runs asked for, at least one", async () => {
    const agent = new Agent({ model: ok(), db: new InMemorySessionDb(), sessionId: "s" });
    await agent.run("One");
    await agent.run("Two");
    expect((await agent.getSession({ runsLimit: 1 }))?.runs).toHaveLength(1);
    await expect(agent.getSession({ runsLimit: 0 })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      argument: "runsLimit",
    });
  });

  test("is absent for other users, who cannot change it", async () => {
    const agent = new Agent({ model: ok(), db: new InMemorySessionDb() });
    await agent.run("Hi", { sessionId: "s", userId: "ada" });
    const other = { sessionId: "s", userId: "eve" };
    expect(await agent.getSession(other)).toBeNull();
    expect(await agent.getMessages(other)).toEqual([]);
    expect(await agent.getSessionState(other)).toBeNull();
    expect(await agent.getSessionSummary(other)).toBeNull();
    expect(await agent.renameSession({ ...other, sessionName: "Mine" })).toBeNull();
    expect(await agent.updateSessionState({ ...other, change: { a: 1 } })).toBeNull();
    expect(await agent.forkSession(other)).toBeNull();
    expect(await agent.deleteSession(other)).toBe(false);
    expect(await agent.deleteSession({ sessionId: "s", userId: "ada" })).toBe(true);
    expect(await agent.getSession({ sessionId: "s" })).toBeNull();
    await expect(agent.getSession()).rejects.toMatchObject({ code: "INVALID_ARGUMENT", argument: "sessionId" });
  });

  test("is named after its content", async () => {
    const model = scriptedModel(["Rome", "one two three four five six", '"Trip to Rome."']);
    const agent = new Agent({ model, db: new InMemorySessionDb(), sessionId: "s" });
    await agent.run("Where to?");
    expect((await agent.renameSession({ autogenerate: true }))?.sessionName).toBe("Trip to Rome");
    expect(JSON.stringify(model.prompts[1])).toContain("Where to?");
  });

  test("is copied by a fork, and both continue", async () => {
    const agent = new Agent({ model: ok(), db: new InMemorySessionDb() });
    await agent.run("Hi", { sessionId: "s", userId: "ada", sessionState: { a: 1 } });
    const fork = await agent.forkSession({ sessionId: "s" });
    expect(fork).toMatchObject({ userId: "ada", sessionState: { a: 1 }, sessionData: { forked_from_session_id: "s" } });
    const sessionId = fork?.sessionId ?? "";
    await agent.run("More", { sessionId, userId: "ada" });
    expect((await agent.getSession({ sessionId }))?.runs).toMatchObject([{ forkedFromSessionId: "s", sessionId }, {}]);
    expect((await agent.getSession({ sessionId: "s" }))?.runs).toHaveLength(1);
  });
});

describe("the store of an agent", () => {
  test("is resolved once, and again after a failure", async () => {
    let calls = 0;
    const db = new InMemorySessionDb();
    const agent = new Agent({
      model: ok(),
      db: () => {
        calls += 1;
        if (calls === 1) {
          throw new Error("no secret manager");
        }
        return db;
      },
    });
    await expect(agent.run("Hi")).rejects.toMatchObject({ code: "INVALID_CONNECTION_STRING" });
    await Promise.all([agent.run("Hi"), agent.run("Hi"), agent.getDb()]);
    expect(calls).toBe(2);
    expect(await agent.getDb()).toBe(db);
  });

  test("is opened by connection string and closed with the agent", async () => {
    const agent = new Agent({ model: ok(), db: `sqlite:${join(folder, "one.db")}` });
    const { sessionId } = await agent.run("Hi");
    const db = await agent.getDb();
    await agent.close();
    await expect(db.getSession({ sessionId })).rejects.toMatchObject({ code: "CLOSED" });
    await using again = new Agent({ model: ok(), db: `sqlite:${join(folder, "one.db")}` });
    expect((await again.getSession({ sessionId }))?.runs).toHaveLength(1);
    await expect(new Agent({ model: ok(), db: "oracle://x" }).getDb()).rejects.toMatchObject({
      code: "INVALID_CONNECTION_STRING",
    });
  });

  test("can be separate, so that agents do not share a table", async () => {
    const url = `sqlite:${join(folder, "all.db")}`;
    const agents = ["a-b", "a_b", "A"].map((id) => new Agent({ id, model: ok(), db: url, ownStorage: true }));
    for (const agent of agents) {
      await agent.run("Hi", { sessionId: "same" });
    }
    expect(
      readdirSync(folder)
        .filter((file) => file.startsWith("all.") && file.endsWith(".db"))
        .toSorted(),
    ).toEqual(["all._41_.db", "all.a_5f_b.db", "all.a__b.db"]);
    await Promise.all(agents.map((agent) => agent.close()));
  });
});
