import { InMemorySessionDb } from "@sessiondb/core";
import { SqliteSessionDb } from "@sessiondb/sqlite";
import { jsonSchema, tool } from "ai";
import { describe, expect, expectTypeOf, test } from "vitest";
import { Agent, runContextOf, Team, Workflow, type TeamMember, type TeamOptions } from "@sessiondb/agent";
import { scriptedModel, shown, type Answer, type Script } from "@sessiondb/testing/scripted-model";
import { watched } from "./support/watched-db.ts";

const delegate = (id: string, task: string) => ({
  name: "delegate_task_to_member",
  input: { member_id: id, task },
  id: `${id} ${task}`,
});

function member(id: string, script: Script = () => `${id} did it`) {
  const model = scriptedModel(script);
  return { model, agent: new Agent({ id, name: id.toUpperCase(), description: `Does ${id}`, model }) };
}

function teamOf(script: readonly Answer[], options: Partial<TeamOptions> & Pick<TeamOptions, "members">) {
  const model = scriptedModel(script);
  const db = new InMemorySessionDb();
  return { model, db, team: new Team({ id: "team", model, db, sessionId: "s", ...options }) };
}

describe("a team", () => {
  test("stores members' runs as separate rows, outside the leader's history", async () => {
    await using db = new SqliteSessionDb({ file: ":memory:" });
    const { agent, model: ofMember } = member("writer");
    const { team, model } = teamOf([{ calls: [delegate("writer", "write")] }, "Written.", "Yes."], {
      db,
      members: [agent],
    });
    const result = await team.run("Write", { userId: "ada" });
    expect(result.text).toBe("Written.");
    const session = await team.getSession();
    expect(session).toMatchObject({ sessionType: "team", teamId: "team", teamData: { team_id: "team" } });
    const [leader, child] = session?.runs ?? [];
    expect(leader).toMatchObject({ runType: "team", status: "COMPLETED", content: "Written." });
    expect(child).toMatchObject({
      runType: "agent",
      agentId: "writer",
      agentName: "WRITER",
      parentRunId: result.runId,
      userId: "ada",
      content: "writer did it",
      sessionId: "s",
    });
    expect(result.toolCalls).toMatchObject([{ dynamic: true, output: "writer did it" }]);
    expect(result.run.tools).toMatchObject([{ childRunId: child?.runId, result: "writer did it" }]);
    expect(shown(ofMember.prompts[0] ?? [])).toEqual(["user: write"]);
    expect(shown(model.prompts[0] ?? [])[0]).toContain("- id: writer, name: WRITER, description: Does writer");

    await team.run("Sure?", { userId: "ada" });
    expect(model.prompts[2]?.map(({ role }) => role)).toEqual([
      "system",
      "user",
      "assistant",
      "tool",
      "assistant",
      "user",
    ]);
    expect((await team.getMessages()).some(({ content }) => content === "write")).toBe(false);
    expect((await team.getUserSessions({ userId: "ada" })).sessions).toHaveLength(1);
    const fork = await team.forkSession({ userId: "ada" });
    expect(fork?.runs[1]?.parentRunId).toBe(fork?.runs[0]?.runId);
  });

  test.each(["sequential", "parallel"] as const)("delegates the tasks of one step %s", async (delegation) => {
    const events: string[] = [];
    const slow = (id: string) =>
      member(id, async () => {
        events.push(`${id} begins`);
        await new Promise((resolve) => setTimeout(resolve, 30));
        events.push(`${id} ends`);
        return id;
      }).agent;
    const { team } = teamOf([{ calls: [delegate("a", "x"), delegate("b", "y")] }, "Done"], {
      members: [slow("a"), slow("b")],
      delegation,
    });
    await team.run("Go");
    expect(events).toEqual(
      delegation === "parallel"
        ? ["a begins", "b begins", "a ends", "b ends"]
        : ["a begins", "a ends", "b begins", "b ends"],
    );
    expect((await team.getSession())?.runs).toHaveLength(3);
  });

  test("asks all members", async () => {
    const { team } = teamOf([{ calls: [{ name: "delegate_task_to_all_members", input: { task: "go" } }] }, "Done"], {
      members: [member("a").agent, member("b", [new Error("ill")]).agent],
    });
    const { toolCalls } = await team.run("Go");
    expect(toolCalls).toMatchObject([
      {
        output: [
          { member_id: "a", answer: "a did it" },
          { member_id: "b", answer: expect.stringContaining("ill") },
        ],
      },
    ]);
  });

  test("shows members the team's history, each other's answers and their own history when switched on", async () => {
    const script = [
      { calls: [delegate("a", "one"), delegate("b", "two")] },
      "First",
      { calls: [delegate("a", "three"), delegate("b", "four")] },
      "Second",
    ];
    const told = { addTeamHistoryToMembers: true, shareMemberInteractions: true, addMemberHistory: true };
    for (const options of [told, {}]) {
      const [a, b] = [member("a"), member("b")];
      const { team } = teamOf(script, { members: [a.agent, b.agent], ...options });
      await team.run("Ask one");
      await team.run("Ask two");
      const seen = shown(b.model.prompts[1] ?? []).join("\n");
      const wanted = options === told;
      expect(seen.includes(`"input":"Ask one"`)).toBe(wanted);
      expect(seen.includes(`"answer":"a did it"`)).toBe(wanted);
      expect(seen.includes("assistant: b did it")).toBe(wanted);
      expect(seen.endsWith("four")).toBe(true);
    }
  });

  test.each([{}, { addHistoryToContext: false }, { numHistoryRuns: 1 }])(
    "shows members as many turns as they are to be told, whatever the leader is shown: %o",
    async (options) => {
      const a = member("a");
      const script = ["One", "Two", "Three", { calls: [delegate("a", "go")] }, "Done"];
      const told = { addTeamHistoryToMembers: true, numTeamHistoryRuns: 2 };
      const { team } = teamOf(script, { members: [a.agent], ...told, ...options });
      for (const input of ["Ask one", "Ask two", "Ask three", "Ask four"]) {
        await team.run(input);
      }
      const seen = shown(a.model.prompts[0] ?? []).join("\n");
      expect(["one", "two", "three"].filter((each) => seen.includes(`"input":"Ask ${each}"`))).toEqual([
        "two",
        "three",
      ]);
    },
  );

  test("can have teams as members", async () => {
    const inner = new Team({
      id: "inner",
      model: scriptedModel([{ calls: [delegate("a", "deep")] }, "Inner done"]),
      members: [member("a").agent],
    });
    const { team } = teamOf([{ calls: [delegate("inner", "go")] }, "Done"], { members: [inner] });
    const { runId } = await team.run("Go");
    const runs = (await team.getSession())?.runs ?? [];
    const nested = runs.find((run) => run.runType === "team" && run.teamId === "inner");
    const deep = runs.find((run) => run.runType === "agent");
    expect(nested).toMatchObject({ parentRunId: runId, content: "Inner done" });
    expect(deep).toMatchObject({ parentRunId: nested?.runId });
  });

  test("stores copies of members' runs when switched on", async () => {
    const { team } = teamOf([{ calls: [delegate("a", "go")] }, "Done"], {
      members: [member("a").agent],
      storeMemberResponses: true,
    });
    const { run } = await team.run("Go");
    expect(run).toMatchObject({ memberResponses: [{ runType: "agent", content: "a did it" }] });
    expect((await team.getSession())?.runs[0]).toMatchObject({ memberResponses: [{ content: "a did it" }] });
  });

  test("continues when a member fails or does not exist", async () => {
    const { team, model } = teamOf([{ calls: [delegate("a", "go"), delegate("nobody", "go")] }, "Without them."], {
      members: [member("a", [new Error("ill")]).agent],
    });
    expect((await team.run("Go")).text).toBe("Without them.");
    const results = JSON.stringify(model.prompts[1]);
    expect(results).toContain("ill");
    expect(results).toContain("one of a");
    expect((await team.getSession())?.runs.map(({ status }) => status)).toEqual(["COMPLETED", "ERROR"]);
  });

  test("ends when it is aborted in the middle of a member's work", async () => {
    const controller = new AbortController();
    const stuck = member("a", () => {
      setTimeout(() => controller.abort(new Error("enough")), 10);
      return { stuckAfter: "x" };
    });
    const { team } = teamOf([{ calls: [delegate("a", "go")] }, "Done"], { members: [stuck.agent] });
    await expect(team.run("Go", { signal: controller.signal })).rejects.toThrow("enough");
    expect((await team.getSession())?.runs[0]?.status).toBe("CANCELLED");
  });

  test("ends when a member's run cannot be stored", async () => {
    const { db, failing } = watched(new InMemorySessionDb());
    const model = scriptedModel(async () => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      failing.add("upsertRun");
      return "Answer";
    });
    const { team } = teamOf([{ calls: [delegate("a", "go")] }, "Done"], {
      db,
      members: [new Agent({ id: "a", model })],
    });
    await expect(team.run("Go")).rejects.toThrow("upsertRun fails");
    failing.clear();
    expect((await team.getSession())?.runs).toMatchObject([{ status: "RUNNING" }]);
  });

  test("keeps the state that members' tools change, even in concurrent runs", async () => {
    const note = tool({
      inputSchema: jsonSchema<{ key: string }>({ type: "object", properties: { key: { type: "string" } } }),
      execute: ({ key }, options) => {
        runContextOf(options).sessionState[key] = true;
        return "noted";
      },
    });
    const db = new InMemorySessionDb();
    const run = (key: string) =>
      new Team({
        id: "team",
        db,
        model: scriptedModel([{ calls: [delegate("a", "note")] }, "Done"]),
        members: [
          new Agent({
            id: "a",
            tools: { note },
            model: scriptedModel([{ calls: [{ name: "note", input: { key } }] }, "Ok"]),
          }),
        ],
      }).run("Go", { sessionId: "s" });
    await Promise.all(["x", "y"].map(run));
    const session = await db.getSession({ sessionId: "s" });
    expect(session?.sessionState).toEqual({ x: true, y: true });
    expect(session?.runs).toHaveLength(4);
  });

  test("streams its leader's answer", async () => {
    const { team } = teamOf([{ calls: [delegate("a", "go")] }, "All done"], { members: [member("a").agent] });
    expect((await (await team.stream("Go")).result).text).toBe("All done");
  });

  test("refuses a workflow as a member, in its types too", () => {
    const flow: unknown = new Workflow({ id: "flow", steps: [() => "Ok"] });
    expect(() => teamOf([], { members: [flow as TeamMember] })).toThrow(
      expect.objectContaining({ code: "INVALID_ARGUMENT", argument: "members" }),
    );
    expectTypeOf<Workflow>().not.toExtend<TeamMember>();
    expectTypeOf<Agent | Team>().toExtend<TeamMember>();
  });

  test("refuses members with the same id", () => {
    const { agent } = member("a");
    expect(() => teamOf([], { members: [agent, agent] })).toThrow("members");
    expect(() => teamOf([], { members: [] })).toThrow("members");
  });
});
