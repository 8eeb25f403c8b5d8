import { Agent, Team, Workflow } from "@sessiondb/agent";
import type { AgentRun, JsonObject, SessionDb } from "@sessiondb/core";
import { jsonSchema, tool, type LanguageModel } from "ai";
import { describe, expect, test } from "vitest";
import { scriptedModel } from "@sessiondb/testing/scripted-model";
import { pinned } from "../src/environment.ts";
import { pauses, stable, type PauseRow } from "../src/pauses.ts";
import { startAgno, withAgnoOnEach } from "./support.ts";

// On SQLite every kind of pause, elsewhere one of each outcome.
const ours = /^(agent|team): (?!an |feedback)/;
const theirs = /^(agent|team): (an |feedback)|^member: (confirmation$|an )/;
const everywhere = /one of each|an administrator|^member: confirmation$|^workflow: confirmation$|of a step/;

const fixtures = "../../packages/agent/test/fixtures/agno-pauses.json";

withAgnoOnEach((name, fresh) => {
  const agno = startAgno();

  // What another release stores is another question.
  const isPinned = (process.env["SESSIONDB_TEST_AGNO_VERSION"] ?? pinned.newest) === pinned.newest;
  describe.runIf(name === "sqlite" && isPinned)("the pauses that Agno stores", () => {
    test("match the fixtures of the agent tests", { timeout: 120_000 }, async () => {
      const shared = await fresh();
      const there = await shared.openIn(agno);
      const rows: Record<string, PauseRow[]> = {};
      for (const [pause, { kind, options, scripts }] of Object.entries(pauses)) {
        await agno.call(kind, { name: "bot", db: there, ...options });
        const { run } = await agno.run("bot", "Note it", { session_id: pause, user_id: "ada", scripts });
        expect([pause, run["status"]]).toEqual([pause, "PAUSED"]);
        const found = await shared.query(`select * from agno_runs where session_id = '${pause}' order by run_index`);
        rows[pause] = found as unknown as PauseRow[];
      }
      await expect(fixtureOf(rows)).toMatchFileSnapshot(fixtures);
    });
  });

  const is = (pause: string): boolean => name === "sqlite" || everywhere.test(pause);
  const decisions = { approve: true, reject: false };

  describe.each(Object.keys(pauses).filter((pause) => ours.test(pause) && is(pause)))(
    "Agno pauses, we continue: %s",
    (pause) => {
      test.each(Object.entries(decisions))("%s", { timeout: 60_000 }, async (_decision, approved) => {
        const { db, runId, sessionId, there, kind } = await paused(pause);
        await using store = db;
        const ran: string[] = [];
        const model = scriptedModel([new Error("out of order"), "Done.", "Again."]);
        const component = componentOf(kind, { db: store, model, ran });
        const run = (await store.getRun({ runId })) as AgentRun;
        const waiting = (run.tools ?? []).filter(({ result }) => (result ?? null) === null);
        const approvals = waiting.map(({ toolCallId, requiresUserInput, externalExecutionRequired }) => ({
          toolCallId: toolCallId ?? "",
          approved,
          ...(approved && requiresUserInput === true && { values: { what: "tea" } }),
          ...(approved && externalExecutionRequired === true && { result: "noted: outside" }),
        }));
        const options = { runId, sessionId, userId: "ada" };
        await expect(component.continueRun({ ...options, approvals })).rejects.toThrow("out of order");
        expect((await component.continueRun({ ...options, approvals: [] })).status).toBe("COMPLETED");
        const here = waiting.filter(({ externalExecutionRequired }) => externalExecutionRequired !== true);
        expect(ran).toEqual(approved ? here.map(({ toolName }) => toolName) : []);

        const read = (await agno.call("session", {
          db: there,
          session_id: sessionId,
          session_type: kind,
        })) as JsonObject;
        const seen = (read["runs"] as JsonObject[]).find(({ run_id: id }) => id === runId) ?? {};
        expect(seen).toMatchObject({ status: "COMPLETED", content: "Done." });
        expect((seen["tools"] as JsonObject[]).every(({ result }) => typeof result === "string")).toBe(true);
        const next = await agno.run("bot", "And now?", {
          session_id: sessionId,
          user_id: "ada",
          scripts: { bot: [{ text: "Fine" }] },
        });
        expect(next.run).toMatchObject({ status: "COMPLETED" });
        const roles = next.shown["bot"]?.[0]?.map(({ role }) => role).filter((role) => role === "tool");
        expect(roles).toHaveLength(run.tools?.length ?? 0);
        expect(next.called).toEqual([]);
      });
    },
  );

  describe.each(Object.keys(pauses).filter((pause) => ours.test(pause) && is(pause)))(
    "Agno pauses, decides, and fails; we continue: %s",
    (pause) => {
      const isConfirmation = !/user input|external execution|one of each/.test(pause);
      test.each(isConfirmation ? ["approve", "reject"] : ["approve"])("%s", { timeout: 60_000 }, async (decide) => {
        const { db, runId, sessionId, kind } = await paused(pause);
        await using store = db;
        const options = { run_id: runId, session_id: sessionId, user_id: "ada" };
        const scripts = { bot: [{ fail: "out of order" }] };
        await agno.call("resume", { component: "bot", ...options, scripts, decide });
        const before = (await store.getRun({ runId })) as AgentRun;
        expect(before.status).toBe("ERROR");
        const results = (before.tools ?? []).map(({ result }) => result ?? null);
        expect(
          decide === "reject" || results.every((result) => typeof result === "string" && result.startsWith("noted")),
        ).toBe(true);

        const ran: string[] = [];
        const model = scriptedModel(["Done."]);
        const component = componentOf(kind, { db: store, model, ran });
        const going = component.continueRun({ runId, sessionId, userId: "ada", approvals: [] });
        expect((await going).status).toBe("COMPLETED");
        expect(ran).toEqual([]);
        const after = (await store.getRun({ runId })) as AgentRun;
        for (const [index, result] of results.entries()) {
          expect(result === null || after.tools?.[index]?.result === result).toBe(true);
        }
        const told = JSON.stringify(model.prompts.at(-1));
        expect(told).not.toContain("unknown");
        for (const result of results.filter((each) => each !== null)) {
          expect(told).toContain(JSON.stringify(result).slice(1, -1));
        }
        expect(decide === "approve" || /denied|reject/i.test(told)).toBe(true);
      });
    },
  );

  describe.each(Object.keys(pauses).filter((pause) => theirs.test(pause) && is(pause)))(
    "we leave to Agno: %s",
    (pause) => {
      test("continues there", { timeout: 60_000 }, async () => {
        const { db, runId, sessionId, there, kind } = await paused(pause);
        await using store = db;
        const component = componentOf(kind, { db: store, model: scriptedModel([]), ran: [] });
        const going = component.continueRun({ runId, sessionId, userId: "ada", approvals: [] });
        await expect(going).rejects.toMatchObject({ code: "RUN_NOT_CONTINUABLE" });
        if (pause.endsWith("an administrator")) {
          if (name === "mysql" || name === "mariadb") {
            return; // Agno keeps no approvals there.
          }
          const [approvals] = (await agno.db(there, "get_approvals", { approval_type: "required" })) as [JsonObject[]];
          for (const { id } of approvals) {
            await agno.db(there, "update_approval", {
              approval_id: id,
              expected_status: "pending",
              status: "approved",
            });
          }
        }
        const resumed = await agno.call("resume", {
          component: "bot",
          run_id: runId,
          session_id: sessionId,
          user_id: "ada",
          scripts: { bot: [{ text: "Done." }], ...(kind === "team" && { member: [{ text: "Noted." }] }) },
          ...(pause.endsWith("feedback")
            ? { decide: "provide_user_feedback", given: [{ "Which?": ["A"] }] }
            : { decide: "confirm" }),
        });
        expect(resumed).toMatchObject({ run: { status: "COMPLETED" } });
      });
    },
  );

  describe.each(["agent", "team"] as const)("we pause, Agno continues: %s", (kind) => {
    test.each(Object.keys(decisions))("%s", { timeout: 60_000 }, async (decision) => {
      const shared = await fresh();
      await using db = shared.open();
      const there = await shared.openIn(agno);
      const ran: string[] = [];
      const asks = (id: string) => ({ calls: [{ name: "confirmed_note", id, input: { what: id } }] });
      const model = scriptedModel([asks("c1"), asks("c2")]);
      const component = componentOf(kind, { db, model, ran, needsApproval: true });
      const { runId } = await component.run("Note it", { sessionId: "s", userId: "ada" });
      const options = { runId, sessionId: "s", userId: "ada" };
      const approvals = [{ toolCallId: "c1", approved: true }];
      expect((await component.continueRun({ ...options, approvals })).status).toBe("PAUSED");
      await agno.call(kind, {
        name: "bot",
        db: there,
        tools: ["confirmed_note"],
        ...(kind === "team" && { members: [{ name: "member" }] }),
      });
      const resumed = (await agno.call("resume", {
        component: "bot",
        run_id: runId,
        session_id: "s",
        user_id: "ada",
        scripts: { bot: [{ text: "Done." }] },
        decide: decision === "approve" ? "confirm" : "reject",
      })) as JsonObject;
      expect(resumed["called"]).toEqual(decision === "approve" ? [{ name: "confirmed_note", what: "c2" }] : []);
      expect(resumed["run"]).toMatchObject({ status: "COMPLETED", content: "Done." });
      expect(ran).toEqual(["confirmed_note"]);
      const run = (await db.getRun({ runId })) as AgentRun;
      const results = run.messages?.filter(({ role }) => role === "tool").map(({ toolCallId }) => toolCallId);
      expect(results).toEqual(["c1", "c2"]);
      expect(run.tools).toMatchObject([
        { toolCallId: "c1", confirmed: true, result: "noted: c1" },
        { toolCallId: "c2", confirmed: decision === "approve" },
      ]);
    });

    test(
      "a tool that ran on one side does not run again on the other after the model failed",
      { timeout: 60_000 },
      async () => {
        const shared = await fresh();
        await using db = shared.open();
        const there = await shared.openIn(agno);
        await agno.call(kind, {
          name: "bot",
          db: there,
          tools: ["confirmed_note"],
          ...(kind === "team" && { members: [{ name: "member" }] }),
        });
        const asked = { tools: [{ name: "confirmed_note", id: "c1", arguments: { what: "milk" } }] };
        const pause = async (sessionId: string) =>
          (await agno.run("bot", "Note it", { session_id: sessionId, user_id: "ada", scripts: { bot: [asked] } })).run[
            "run_id"
          ] as string;
        const resume = (runId: string, sessionId: string, options: object) =>
          agno.call("resume", {
            component: "bot",
            run_id: runId,
            session_id: sessionId,
            user_id: "ada",
            ...options,
          }) as Promise<unknown>;

        const first = await pause("first");
        const ran: string[] = [];
        const failing = componentOf(kind, { db, model: scriptedModel([new Error("out of order")]), ran });
        const options = { runId: first, sessionId: "first", userId: "ada" };
        await expect(
          failing.continueRun({ ...options, approvals: [{ toolCallId: "c1", approved: true }] }),
        ).rejects.toThrow("out of order");
        const taken = await resume(first, "first", { scripts: { bot: [{ text: "Done." }] }, decide: null });
        expect(taken).toMatchObject({ run: { status: "COMPLETED" }, called: [] });
        expect(ran).toEqual(["confirmed_note"]);

        const second = await pause("second");
        const failed = await resume(second, "second", {
          scripts: { bot: [{ fail: "out of order" }] },
          decide: "confirm",
        });
        expect(failed).toMatchObject({ run: { status: "ERROR" }, called: [{ what: "milk" }] });
        const going = componentOf(kind, { db, model: scriptedModel(["Done."]), ran });
        const done = await going.continueRun({ runId: second, sessionId: "second", userId: "ada", approvals: [] });
        expect(done.status).toBe("COMPLETED");
        expect(ran).toEqual(["confirmed_note"]);
      },
    );
  });

  test.each(Object.keys(pauses).filter((pause) => pause.startsWith("workflow") && is(pause)))(
    "our run in the same session leaves it unchanged: %s",
    { timeout: 60_000 },
    async (pause) => {
      const { db, runId, sessionId } = await paused(pause);
      await using store = db;
      const before = await store.getRun({ runId });
      await new Workflow({ id: "bot", db: store, steps: [() => "Fine"], staleAfter: 0 }).run("Go on", {
        sessionId,
        userId: "ada",
      });
      expect(await store.getRun({ runId })).toEqual(before);
    },
  );

  /** A database in which Agno has paused. */
  async function paused(pause: string) {
    const shared = await fresh();
    const there = await shared.openIn(agno);
    const { kind, options, scripts } = pauses[pause] ?? { kind: "agent", options: {}, scripts: {} };
    await agno.call(kind, {
      name: "bot",
      db: there,
      add_history_to_context: true,
      ...withoutHistory(kind),
      ...options,
    });
    const { run } = await agno.run("bot", "Note it", { session_id: "s", user_id: "ada", scripts });
    expect(run["status"]).toBe("PAUSED");
    return { db: shared.open(), there, kind, runId: run["run_id"] as string, sessionId: "s" };
  }
});

function withoutHistory(kind: string): object {
  return kind === "workflow" ? { add_history_to_context: undefined } : {};
}

function componentOf(
  kind: "agent" | "team" | "workflow",
  {
    db,
    model,
    ran,
    needsApproval = false,
  }: { db: SessionDb; model: LanguageModel; ran: string[]; needsApproval?: boolean },
): Agent | Team {
  const note = (name: string) =>
    tool({
      inputSchema: jsonSchema<{ what?: string }>({ type: "object" }),
      needsApproval,
      execute: ({ what }) => {
        ran.push(name);
        return `noted: ${what}`;
      },
    });
  const tools = { confirmed_note: note("confirmed_note"), asked_note: note("asked_note") };
  const common = { id: "bot", db, model, tools, generation: { maxRetries: 0 } };
  const member = new Agent({ id: "member", model });
  return kind === "team" ? new Team({ ...common, members: [member] }) : new Agent(common);
}

/** A row a line. */
function fixtureOf(rows: Readonly<Record<string, readonly PauseRow[]>>): string {
  const lines = Object.entries(stable(rows) as JsonObject).map(
    ([pause, stored]) =>
      `${JSON.stringify(pause)}: [\n${(stored as JsonObject[]).map((row) => JSON.stringify(row)).join(",\n")}\n]`,
  );
  return `{\n${lines.join(",\n")}\n}\n`;
}
