import { Agent, parallel, sequence, StepResult, Workflow } from "@sessiondb/agent";
import type { JsonObject, SessionDb } from "@sessiondb/core";
import { jsonSchema, tool } from "ai";
import { describe, expect, test } from "vitest";
import { scriptedModel } from "@sessiondb/testing/scripted-model";
import { startAgno, withAgnoOnEach } from "./support.ts";

withAgnoOnEach((_name, fresh) => {
  const agno = startAgno();

  const flowOf = (db: SessionDb): Workflow => {
    const buy = tool({
      inputSchema: jsonSchema<object>({ type: "object" }),
      needsApproval: true,
      execute: () => "Bought",
    });
    const model = scriptedModel([{ calls: [{ name: "buy", id: "c1" }] }, "Enjoy."]);
    const steps = [
      () => "one",
      sequence("both", [
        parallel("at once", [
          new Agent({ id: "buyer", model, tools: { buy } }),
          function name({ resumeData }) {
            return resumeData === undefined ? StepResult.suspend({ ask: "Which name?" }) : resumeData;
          },
        ]),
      ]),
    ];
    return new Workflow({ id: "bot", name: "bot", db, steps });
  };

  /** The session's first run as Agno reads it. */
  const firstRun = async (db: string, user_id?: string): Promise<JsonObject> => {
    const session = (await agno.call("session", {
      db,
      session_id: "s",
      session_type: "workflow",
      ...(user_id !== undefined && { user_id }),
    })) as JsonObject;
    const [run] = session["runs"] as JsonObject[];
    return run ?? {};
  };

  describe("a workflow of ours that waits", () => {
    test("is read by Agno at every stage, and goes on after a run of Agno", { timeout: 60_000 }, async () => {
      const shared = await fresh();
      await using db = shared.open();
      const there = await shared.openIn(agno);
      const options = { sessionId: "s", userId: "ada" };
      const flow = flowOf(db);
      const read = (): Promise<JsonObject> => firstRun(there, "ada");
      const { runId, suspended } = await flow.run("in", options);
      const [buyer, name] = suspended;
      expect(await read()).toMatchObject({
        status: "PAUSED",
        paused_step_index: 1,
        paused_step_name: "both",
        pause_kind: "executor",
        step_results: [
          { content: "one" },
          { is_paused: true, steps: [{ steps: [{ is_paused: true }, { is_paused: true }] }] },
        ],
        step_requirements: [
          {
            step_id: buyer?.stepId,
            requires_executor_input: true,
            executor_name: "buyer",
            executor_requirements: [{ tool_execution: { tool_name: "buy", requires_confirmation: true } }],
          },
          { step_id: name?.stepId, requires_user_input: true, user_input_message: '{"ask":"Which name?"}' },
        ],
      });
      const resumeData = [{ toolCallId: "c1", approved: true }];
      await flow.continueRun({ ...options, runId, stepId: buyer?.stepId, resumeData });
      expect(await read()).toMatchObject({
        status: "PAUSED",
        pause_kind: "step",
        step_requirements: [{ executor_requirements: [{ confirmation: true }] }, { user_input: null }],
        step_executor_runs: [{ status: "COMPLETED", content: "Enjoy." }],
      });

      await agno.call("workflow", { name: "bot", db: there, steps: [{ name: "first" }] });
      const scripts = { first: [{ text: "Fine" }] };
      const { run } = await agno.run("bot", "And now?", { session_id: "s", user_id: "ada", scripts });
      expect(run).toMatchObject({ status: "COMPLETED" });
      const done = await flow.continueRun({ ...options, runId, resumeData: { name: "Ada" } });
      expect(done).toMatchObject({ status: "COMPLETED", content: ["Enjoy.", { name: "Ada" }] });
      expect(await read()).toMatchObject({
        status: "COMPLETED",
        step_requirements: [{}, { user_input: { name: "Ada" } }],
      });
    });

    test("that failed is read by Agno, and goes on", { timeout: 60_000 }, async () => {
      const shared = await fresh();
      await using db = shared.open();
      const there = await shared.openIn(agno);
      let isDown = true;
      const send = () => (isDown ? Promise.reject(new Error("out of order")) : "sent");
      const flow = new Workflow({ id: "bot", db, steps: [() => "one", sequence("s", [() => "two", send])] });
      await expect(flow.run("in", { sessionId: "s" })).rejects.toThrow("out of order");
      const run = await firstRun(there);
      expect(run).toMatchObject({
        status: "ERROR",
        step_results: [{ success: true }, { success: false, steps: [{ content: "two" }, {}] }],
      });
      isDown = false;
      const runId = run["run_id"] as string;
      expect(await flow.continueRun({ runId, sessionId: "s" })).toMatchObject({ content: "sent" });
    });
  });
});
