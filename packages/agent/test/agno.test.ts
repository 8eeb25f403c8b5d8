import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { InMemorySessionDb, type JsonObject, type SessionDb } from "@sessiondb/core";
import { SqliteSessionDb } from "@sessiondb/sqlite";
import { jsonSchema, tool } from "ai";
import Database from "better-sqlite3";
import { afterAll, describe, expect, test } from "vitest";
import { Agent, SessionSummaryManager, Team, Workflow } from "@sessiondb/agent";
import { scriptedModel, shown } from "@sessiondb/testing/scripted-model";

const folder = mkdtempSync(join(tmpdir(), "sessiondb-agno-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A copy of a database that the real framework wrote. */
function sample(name: string): SqliteSessionDb {
  const file = join(folder, `${crypto.randomUUID()}.db`);
  copyFileSync(new URL(`../../sqlite/test/fixtures/${name}.db`, import.meta.url), file);
  return new SqliteSessionDb({ file });
}

async function onlySession(db: SessionDb) {
  const { sessions } = await db.getSessions({ includeRuns: true });
  const session = sessions.find(({ runs }) => runs.length > 0);
  if (session === undefined) {
    throw new Error("The sample has no session");
  }
  return session;
}

describe("sessions that Agno wrote", () => {
  test.each(["agno-2-agent", "agno-3"])("an agent continues %s", async (name) => {
    await using db = sample(name);
    const { sessionId, agentId, userId, runs } = await onlySession(db);
    const model = scriptedModel(() => "From TypeScript");
    const agent = new Agent({ id: agentId ?? "", model, db });
    await agent.run("Go on", { sessionId, ...(userId !== null && { userId }) });
    const asked = shown(model.prompts[0] ?? []);
    expect(asked.length).toBeGreaterThan(2);
    expect(asked.at(-1)).toBe("user: Go on");
    const after = await agent.getSession({ sessionId });
    expect(after?.runs.slice(0, runs.length)).toEqual(runs);
    expect(after?.runs.at(-1)).toMatchObject({ content: "From TypeScript", status: "COMPLETED" });
  });

  test("a team and a workflow continue them", async () => {
    await using teams = sample("agno-2-team");
    const team = await onlySession(teams);
    const model = scriptedModel(() => "From TypeScript");
    const member = new Agent({ id: "member", model: scriptedModel([]) });
    const own = { sessionId: team.sessionId, ...(team.userId !== null && { userId: team.userId }) };
    await new Team({ id: team.teamId ?? "", model, db: teams, members: [member] }).run("Go on", own);
    expect((await teams.getSession({ sessionId: team.sessionId }))?.runs).toHaveLength(team.runs.length + 1);
    expect(shown(model.prompts[0] ?? []).length).toBeGreaterThan(3);

    await using workflows = sample("agno-2-workflow");
    const flow = await onlySession(workflows);
    let told: string | null = null;
    const look = ({ history }: { history: string | null }) => {
      told = history;
      return "From TypeScript";
    };
    const options = { id: flow.workflowId ?? "", db: workflows, steps: [look], addWorkflowHistoryToSteps: true };
    await new Workflow(options).run("Go on", {
      sessionId: flow.sessionId,
      ...(flow.userId !== null && { userId: flow.userId }),
    });
    expect(told).toContain("DRAFT TEXT ONE.");
    expect((await workflows.getSession({ sessionId: flow.sessionId }))?.runs).toHaveLength(flow.runs.length + 1);
  });
});

// The keys that Agno 3 reads; of a run, a message or a tool it drops every other one, of a summary it fails for it.
const runKeys =
  "run_id agent_id agent_name team_id team_name session_id parent_run_id workflow_id workflow_name user_id input content content_type reasoning_content messages metrics model model_provider model_provider_data tools status created_at session_state requirements metadata workflow_step_id member_responses step_results step_executor_runs forked_from_run_id forked_from_session_id images videos audio files events queue_attempt".split(
    " ",
  );
const messageKeys =
  "id role content from_history stop_after_tool_call created_at reasoning_content tool_call_id tool_name tool_args tool_call_error tool_calls provider_data images audio videos files metrics".split(
    " ",
  );

function expectReadable(run: JsonObject): void {
  expect(run).toMatchObject({
    run_id: expect.any(String),
    session_id: expect.any(String),
    created_at: expect.any(Number),
  });
  expect(runKeys).toEqual(expect.arrayContaining(Object.keys(run)));
  expect("agent_id" in run || "team_id" in run || "workflow_id" in run).toBe(true);
  expect(["RUNNING", "COMPLETED", "PAUSED", "CANCELLED", "ERROR"]).toContain(run["status"]);
  for (const message of (run["messages"] ?? []) as JsonObject[]) {
    expect(message).toMatchObject({
      id: expect.any(String),
      role: expect.any(String),
      from_history: expect.any(Boolean),
    });
    expect(messageKeys).toEqual(expect.arrayContaining(Object.keys(message)));
    expect(typeof (message["content"] ?? "")).toBe("string");
  }
  const metrics = "workflow_id" in run && !("agent_id" in run) ? (run["metrics"] ?? { steps: {} }) : { steps: {} };
  expect(metrics).toHaveProperty("steps");
  for (const each of [run["member_responses"], run["step_executor_runs"]].flatMap(
    (list) => (list ?? []) as JsonObject[],
  )) {
    expectReadable(each);
  }
}

describe("stored rows", () => {
  test("match the golden files that Agno reads", async () => {
    const file = join(folder, "written.db");
    await using db = new SqliteSessionDb({ file });
    const look = tool({
      inputSchema: jsonSchema<object>({ type: "object" }),
      execute: () => ({ found: true }),
    });
    const calls = [{ name: "look", input: { at: "it" }, id: "call-1" }];
    const summary = scriptedModel(() => JSON.stringify({ summary: "Talk", topics: ["it"] }));
    const agent = new Agent({
      id: "agent",
      name: "Agent",
      model: scriptedModel([{ calls, text: "I look." }, "Found."]),
      db,
      tools: { look },
      awaitSummaries: true,
      sessionSummaryManager: new SessionSummaryManager({ model: summary }),
    });
    await agent.run("Look", { sessionId: "agent", userId: "ada", sessionState: { step: 1 } });
    const delegation = { name: "delegate_task_to_member", input: { member_id: "member", task: "Help" }, id: "call-2" };
    const member = new Agent({ id: "member", model: scriptedModel(["Helped."]) });
    const team = new Team({
      id: "team",
      model: scriptedModel([{ calls: [delegation] }, "Done."]),
      db,
      members: [member],
    });
    await team.run("Help", { sessionId: "team", userId: "ada" });
    const step = new Agent({ id: "step", model: scriptedModel(["Stepped."]) });
    const flow = new Workflow({ id: "flow", db, steps: [step, ({ previous }) => previous] });
    await flow.run({ any: "JSON" }, { sessionId: "flow", userId: "ada" });

    using client = closing(new Database(file, { readonly: true }));
    const rows = client.value
      .prepare("select run_data from agno_runs order by session_id, run_index")
      .pluck()
      .all() as string[];
    const runs = rows.map((row) => JSON.parse(row) as JsonObject);
    expect(runs).toHaveLength(4);
    runs.forEach(expectReadable);
    const sessions = client.value
      .prepare(
        "select session_type, session_data, agent_data, team_data, workflow_data, summary from agno_sessions order by session_id",
      )
      .all();
    expect(Object.keys(JSON.parse((sessions[0] as { summary: string }).summary) as object)).toEqual([
      "summary",
      "topics",
      "updated_at",
    ]);
    await expect(normal({ sessions, runs })).toMatchFileSnapshot("golden/written.json");
  });

  test("round-trip through the in-memory store", async () => {
    const db = new InMemorySessionDb();
    await new Agent({ id: "agent", model: scriptedModel(["Hi"]), db }).run("Hi", { sessionId: "s" });
    const session = await db.getSession({ sessionId: "s" });
    expectReadable(((session?.toJSON()["runs"] ?? []) as JsonObject[])[0] ?? {});
  });
});

function closing(value: Database.Database): Disposable & { readonly value: Database.Database } {
  return { value, [Symbol.dispose]: () => void value.close() };
}

/** The same on each day and each machine: ids, times and durations by their order. */
function normal(value: object): string {
  const ids = new Map<string, string>();
  return `${JSON.stringify(value, null, 2)}\n`
    .replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, (id) => {
      ids.set(id, ids.get(id) ?? `id-${ids.size + 1}`);
      return ids.get(id) ?? "";
    })
    .replaceAll(/("(?:created_at|duration|time_to_first_token)": )[\d.e-]+/g, "$10")
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+/g, "2026-01-01T00:00:00.000");
}
