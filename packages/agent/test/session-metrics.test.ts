import { InMemorySessionDb, type JsonObject, type SessionDb } from "@sessiondb/core";
import { tool } from "ai";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { Agent, parallel, SessionSummaryManager, step, Team, Workflow } from "@sessiondb/agent";
import { scriptedModel, type Answer } from "@sessiondb/testing/scripted-model";
import { localStores } from "./support/stores.ts";

// Each call of a scripted model costs 15 tokens: all of them count once for the session.

const ask = (id: string): Answer => ({
  calls: [{ name: "delegate_task_to_member", input: { member_id: id, task: "Go" } }],
});

/** Counts the calls of all models of a case. */
function models() {
  let calls = 0;
  const model = (answers: readonly Answer[]) =>
    scriptedModel((_call, index) => {
      calls += 1;
      return answers[index % answers.length] ?? "Yes.";
    });
  return { model, calls: () => calls };
}

type Make = (db: SessionDb, model: ReturnType<typeof models>["model"]) => () => Promise<unknown>;
const turn = { sessionId: "s", userId: "ada" };
const summary = JSON.stringify({ summary: "Sum", topics: [] });

const cases: Readonly<Record<string, Make>> = {
  "an agent": (db, model) => () => new Agent({ db, model: model(["Yes."]) }).run("Hi", turn),
  "an agent's stream": (db, model) => async () =>
    (await new Agent({ db, model: model(["Yes."]) }).stream("Hi", turn)).result,
  "an agent with tools": (db, model) => () => {
    const look = tool({ inputSchema: z.object({}), execute: () => "seen" });
    return new Agent({ db, model: model([{ calls: [{ name: "look" }] }, "Yes."]), tools: { look } }).run("Hi", turn);
  },
  "an agent with summaries": (db, model) => () =>
    new Agent({
      db,
      model: model(["Yes."]),
      awaitSummaries: true,
      sessionSummaryManager: new SessionSummaryManager({ model: model([summary]) }),
    }).run("Hi", turn),
  "an agent whose summary is no JSON": (db, model) => () =>
    new Agent({
      db,
      model: model(["Yes."]),
      awaitSummaries: true,
      sessionSummaryManager: new SessionSummaryManager({ model: model(["no JSON"]) }),
    }).run("Hi", turn),
  "summaries at once, some made again": (db, model) => async () => {
    const agent = new Agent({
      db,
      model: model(["Yes."]),
      awaitSummaries: true,
      sessionSummaryManager: new SessionSummaryManager({ model: model([summary]) }),
    });
    await Promise.all([1, 2, 3].map(() => agent.run("Hi", turn)));
  },
  "a name, after tries": (db, model) => async () => {
    const agent = new Agent({ db, model: model(["Yes.", "one two three four five six", "A name"]) });
    await agent.run("Hi", turn);
    await agent.renameSession({ ...turn, autogenerate: true });
  },
  "a team": (db, model) => () =>
    new Team({ db, model: model([ask("m"), "Yes."]), members: [new Agent({ id: "m", model: model(["I did."]) })] }).run(
      "Hi",
      turn,
    ),
  "a team in a team": (db, model) => () => {
    const inner = new Team({
      id: "t",
      model: model([ask("m"), "Yes."]),
      members: [new Agent({ id: "m", model: model(["I did."]) })],
    });
    return new Team({ db, model: model([ask("t"), "Yes."]), members: [inner] }).run("Hi", turn);
  },
  "a team whose member fails": (db, model) => () =>
    new Team({
      db,
      model: model([ask("m"), "Yes."]),
      members: [new Agent({ id: "m", model: model([{ calls: [{ name: "absent" }] }, new Error("no")]) })],
    }).run("Hi", turn),
  "a workflow": (db, model) => () =>
    new Workflow({
      db,
      steps: [
        new Agent({ id: "a", model: model(["Yes."]) }),
        parallel("p", [new Agent({ id: "b", model: model(["Yes."]) }), new Agent({ id: "c", model: model(["Yes."]) })]),
      ],
    }).run("Hi", turn),
  "a workflow with a team and a workflow inside, which stores no runs of steps": (db, model) => () => {
    const team = new Team({
      id: "t",
      model: model([ask("m"), "Yes."]),
      members: [new Agent({ id: "m", model: model(["I did."]) })],
    });
    const inner = new Workflow({ id: "w", storeExecutorOutputs: false, steps: [team, team] });
    return new Workflow({ db, storeExecutorOutputs: false, steps: [inner, team] }).run("Hi", turn);
  },
  "a step that fails first": (db, model) => () =>
    new Workflow({
      db,
      steps: [step({ name: "s", run: new Agent({ id: "a", model: model([new Error("no"), "Yes."]) }), maxRetries: 1 })],
    }).run("Hi", turn),
};

describe.each(Object.entries(localStores))("%s", (_name, open) => {
  test.each(Object.entries(cases))("%s", async (name, make) => {
    await using db = await open();
    const { model, calls } = models();
    await make(db, model)();
    const failed = name.includes("fail") ? 1 : 0;
    const metrics = (await db.getSession({ sessionId: "s" }))?.sessionData["session_metrics"] as JsonObject;
    expect(metrics["total_tokens"]).toBe(15 * (calls() - failed));
  });
});

test("the tokens of summaries are told apart, as Agno does", async () => {
  const db = new InMemorySessionDb();
  const sessionSummaryManager = new SessionSummaryManager({ model: scriptedModel([summary]) });
  await new Agent({ db, model: scriptedModel(["Yes."]), awaitSummaries: true, sessionSummaryManager }).run("Hi", turn);
  expect((await db.getSession({ sessionId: "s" }))?.sessionData["session_metrics"]).toMatchObject({
    total_tokens: 30,
    details: { model: [{ total_tokens: 15 }], session_summary_model: [{ total_tokens: 15 }] },
  });
});
