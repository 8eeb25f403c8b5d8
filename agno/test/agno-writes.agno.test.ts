import { Agent, Team, Workflow } from "@sessiondb/agent";
import type { JsonObject, SessionType } from "@sessiondb/core";
import { beforeAll, describe, expect, test } from "vitest";
import { scriptedModel, shown } from "@sessiondb/testing/scripted-model";
import { pauses } from "../src/pauses.ts";
import {
  expectOneList,
  expectOneSession,
  expectSameRuns,
  filters,
  sessionThere,
  spread,
  type Sides,
} from "./comparisons.ts";
import { conversations, converse, type Conversation } from "./conversations.ts";
import { generation } from "./our-conversations.ts";
import { startAgno, withAgnoOnEach } from "./support.ts";

// Our store makes no table here and, where there are roles, could make none.

const everywhere = /: one of each|: an administrator|of a step/;

const paused = Object.entries(pauses).map(([name, { kind, options, scripts }]): [string, Conversation] => [
  `paused ${name}`,
  { kind, options, turns: [{ scripts, status: "PAUSED" }] },
]);

const agno = startAgno();

withAgnoOnEach((name, fresh) => {
  const all = new Map([
    ...Object.entries(conversations),
    ...paused.filter(([pause]) => name === "sqlite" || everywhere.test(pause)),
  ]);
  const kinds = [...all].map(([sessionId, { kind }]) => [sessionId, kind] as const);
  let sides: Sides;

  beforeAll(async () => {
    const shared = await fresh();
    const there = await shared.openIn(agno);
    for (const [sessionId, conversation] of all) {
      await converse(agno, there, { sessionId, ...conversation });
    }
    await agno.call("agent", { name: "another", db: there });
    const scripts = { another: [{ text: "Yes." }] };
    await agno.run("another", "Question", { session_id: "of bob", user_id: "bob", scripts });
    await agno.run("another", "Question", { session_id: "of nobody", scripts });
    await spread(shared.query, [...all.keys(), "of bob", "of nobody"]);
    const db = (await shared.withoutDdl()).open();
    sides = { db, agno, there };
    return () => db[Symbol.asyncDispose]();
  }, 120_000);

  test.each(kinds)("%s: both read the same session, runs and history", async (sessionId, kind) => {
    await expectOneSession(sides, sessionId, { kind, writer: "agno" });
    await expectSameRuns(sides, sessionId);
  });

  test.each(filters)("both read the same list of %j", (ours, theirs) => expectOneList(sides, ours, theirs));

  describe("our turn in a session of Agno's", () => {
    /** A turn, which resolves with what the model was shown. */
    const turns: Readonly<Record<SessionType, (sessionId: string) => Promise<readonly string[]>>> = {
      agent: async (sessionId) => {
        const model = scriptedModel(["Ours."]);
        await new Agent({ id: "bot", db: sides.db, model, generation }).run("Go on", { sessionId, userId: "ada" });
        return shown(model.prompts[0] ?? []);
      },
      team: async (sessionId) => {
        const model = scriptedModel(["Ours."]);
        const members = [new Agent({ id: "member", model })];
        await new Team({ id: "bot", db: sides.db, model, members }).run("Go on", { sessionId, userId: "ada" });
        return shown(model.prompts[0] ?? []);
      },
      workflow: async (sessionId) => {
        const workflow = new Workflow({ id: "bot", db: sides.db, steps: [() => "Ours."] });
        await workflow.run("Go on", { sessionId, userId: "ada" });
        return [];
      },
    };

    test.each(kinds)("%s", async (sessionId, kind) => {
      const { runs: before } = (await sessionThere(sides, sessionId, kind)) as { runs: JsonObject[] };
      const told = await turns[kind](sessionId);
      const completed = before.filter((run) => run["status"] === "COMPLETED" && run["parent_run_id"] === undefined);
      expect(told.filter((line) => line.startsWith("user: Question"))).toHaveLength(
        kind === "workflow" ? 0 : completed.length,
      );
      const { runs: after } = (await sessionThere(sides, sessionId, kind)) as { runs: JsonObject[] };
      expect(after.slice(0, -1)).toEqual(before);
      expect(after.at(-1)).toMatchObject({ status: "COMPLETED", content: "Ours.", user_id: "ada" });
      await expectOneSession(sides, sessionId, { kind, writer: "ours" });
    });
  });
});
