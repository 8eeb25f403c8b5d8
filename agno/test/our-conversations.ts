import { Agent, SessionSummaryManager, step, Team, Workflow, type UserInput } from "@sessiondb/agent";
import type { SessionDb, SessionInit, SessionType } from "@sessiondb/core";
import { decodeRun } from "@sessiondb/core/adapter";
import { jsonSchema, tool, type ToolSet } from "ai";
import { scriptedModel, type Answer } from "@sessiondb/testing/scripted-model";
import { fullRuns } from "./full-runs.ts";

/** Media by URL are the model's to fetch. */
export const generation = {
  maxRetries: 0,
  experimental_download: async (requested: unknown[]) => requested.map(() => null),
};

/** The tool `note`, which Agno's components have too. */
export function noteTool(options: { needsApproval?: boolean; abort?: AbortController } = {}): ToolSet {
  const { abort, needsApproval = false } = options;
  return {
    note: tool({
      inputSchema: jsonSchema<{ what: string }>({ type: "object" }),
      needsApproval,
      execute: async ({ what }) => {
        abort?.abort();
        return `noted: ${what}`;
      },
    }),
  };
}

const note: Answer = { calls: [{ name: "note", id: "call-1", input: { what: "milk & Käse 🧀" } }] };
const delegate: Answer = {
  calls: [{ name: "delegate_task_to_member", id: "call-d", input: { member_id: "member", task: "Do it" } }],
};

interface Turns {
  readonly script: readonly Answer[];
  readonly inputs?: readonly UserInput[];
}

const owned = { userId: "ada" } as const;

async function asAgent(db: SessionDb, sessionId: string, { script, inputs = ["Question"] }: Turns): Promise<void> {
  const agent = new Agent({
    id: "bot",
    db,
    model: scriptedModel(script),
    tools: noteTool(),
    generation,
    metadata: { plan: "free", tags: ["a", "b"] },
    sessionState: { count: 1, deep: { list: [1, 2.5, null, "ü"] } },
  });
  for (const input of inputs) {
    await agent.run(input, { ...owned, sessionId });
  }
}

async function asWhole(db: SessionDb, sessionId: string, kind: SessionType): Promise<void> {
  const owner = { agent: { agentId: "a" }, team: { teamId: "t" }, workflow: { workflowId: "w" } }[kind];
  await db.upsertSession({
    ...({ sessionType: kind, sessionId, ...owner, ...owned } as SessionInit),
    sessionData: { session_name: "Übrig", session_state: { a: [1, { b: null }] }, own: true },
    ...{ agent: { agentData: { a: 1 } }, team: { teamData: { a: 1 } }, workflow: { workflowData: { a: 1 } } }[kind],
    metadata: { a: "ü" },
    summary: { summary: "They talked.", topics: ["talk"], updatedAt: "2026-01-01T00:00:00" },
    runs: [1, 2].map((index) =>
      decodeRun({
        runId: `${sessionId} ${index}`,
        sessionId,
        runType: kind,
        userId: "ada",
        parentRunId: null,
        status: "COMPLETED",
        runData: { ...fullRuns[kind], run_id: `${sessionId} ${index}`, session_id: sessionId, user_id: "ada" },
        createdAt: 1_700_000_000,
      }),
    ),
  });
}

/** What our agents, teams, workflows and our store write. Components are called `bot`. */
export const ourConversations: Readonly<
  Record<string, { readonly kind: SessionType; readonly hold: (db: SessionDb, sessionId: string) => Promise<unknown> }>
> = {
  "tools, state and metadata": {
    kind: "agent",
    hold: async (db, sessionId) => {
      const script = [note, "Noted.", "Yes.", "Quite."];
      await asAgent(db, sessionId, { script, inputs: ["Question 1", "Question 2", "Question 3"] });
      await db.renameSession({ sessionId, sessionName: "Über Käse" });
    },
  },
  "costs, sources and metadata of runs": {
    kind: "agent",
    hold: async (db, sessionId) => {
      const url = {
        type: "source",
        sourceType: "url",
        id: "s1",
        url: "https://example.com/käse",
        title: "Käse",
      } as const;
      const call = { type: "tool-call", toolCallId: "call-1", toolName: "note", input: '{"what":"Käse"}' } as const;
      const agent = new Agent({
        id: "bot",
        db,
        model: scriptedModel([{ content: [url, call] }, "Noted.", "Yes."]),
        tools: noteTool(),
        generation,
        prices: { scripted: { input: 1.25, output: 10 } },
      });
      await agent.run("Question", { ...owned, sessionId, metadata: { requestId: "r1", tags: ["ü"] } });
      await agent.run("And now?", { ...owned, sessionId });
    },
  },
  media: {
    kind: "agent",
    hold: (db, sessionId) =>
      asAgent(db, sessionId, {
        script: ["I see.", "Still."],
        inputs: [
          [
            { type: "text", text: "What is this?" },
            { type: "image", image: new URL("https://example.com/a.png") },
            { type: "image", image: new Uint8Array([137, 80, 78, 71]), mediaType: "image/png" },
            { type: "file", data: new Uint8Array([1, 2, 3]), mediaType: "application/pdf", filename: "a.pdf" },
            { type: "file", data: new URL("https://example.com/a.wav"), mediaType: "audio/wav" },
          ],
          "And now?",
        ],
      }),
  },
  "a model that fails": {
    kind: "agent",
    hold: async (db, sessionId) => {
      await asAgent(db, sessionId, { script: ["Yes."] });
      await asAgent(db, sessionId, { script: [new Error("out of order")] }).catch(() => {});
      await asAgent(db, sessionId, { script: ["Again."] });
    },
  },
  "what guardrails refused": {
    kind: "agent",
    hold: async (db, sessionId) => {
      const agent = new Agent({
        id: "bot",
        db,
        model: scriptedModel(["Yes.", "A secret."]),
        inputGuardrails: [({ text }) => (text === "Question 1" ? "Not this." : null)],
        outputGuardrails: [({ text }) => (text === "A secret." ? "Not that." : null)],
      });
      for (const input of ["Question 1", "Question 2", "Question 3"]) {
        await agent.run(input, { ...owned, sessionId }).catch(() => {});
      }
    },
  },
  "a cancelled run": {
    kind: "agent",
    hold: async (db, sessionId) => {
      const abort = new AbortController();
      const tools = noteTool({ abort });
      const agent = new Agent({ id: "bot", db, model: scriptedModel([note, "No."]), tools, generation });
      await agent.run("Question", { ...owned, sessionId, signal: abort.signal }).catch(() => {});
    },
  },
  "a paused run": {
    kind: "agent",
    hold: (db, sessionId) => {
      const tools = noteTool({ needsApproval: true });
      const agent = new Agent({ id: "bot", db, model: scriptedModel([note]), tools, generation });
      return agent.run("Question", { ...owned, sessionId });
    },
  },
  "an introduction and a summary": {
    kind: "agent",
    hold: (db, sessionId) => {
      const summary = scriptedModel(['{"summary": "They talked.", "topics": ["talk"]}']);
      const sessionSummaryManager = new SessionSummaryManager({ model: summary });
      const model = scriptedModel(["Yes."]);
      const agent = new Agent({
        id: "bot",
        db,
        model,
        introduction: "Welcome!",
        awaitSummaries: true,
        sessionSummaryManager,
      });
      return agent.run("Question", { ...owned, sessionId });
    },
  },
  "a history that did not fit": {
    kind: "agent",
    hold: async (db, sessionId) => {
      const model = scriptedModel(["Yes.", "No."]);
      const agent = new Agent({ id: "bot", db, model, maxHistoryTokens: 1 });
      await agent.run("Question 1", { ...owned, sessionId });
      await agent.run("Question 2", { ...owned, sessionId });
    },
  },
  "a team and its members": {
    kind: "team",
    hold: async (db, sessionId) => {
      const member = new Agent({ id: "member", model: scriptedModel([note, "Noted."]), tools: noteTool() });
      const model = scriptedModel([delegate, "Done.", "Yes."]);
      const team = new Team({ id: "bot", db, model, members: [member], storeMemberResponses: true });
      await team.run("Question 1", { ...owned, sessionId });
      await team.run("Question 2", { ...owned, sessionId });
      await db.renameSession({ sessionId, sessionName: "A team's" });
    },
  },
  "a team within a team": {
    kind: "team",
    hold: (db, sessionId) => {
      const inner = new Agent({ id: "member", model: scriptedModel(["Mine."]) });
      const middle = new Team({ id: "member", model: scriptedModel([delegate, "Passed on."]), members: [inner] });
      const team = new Team({ id: "bot", db, model: scriptedModel([delegate, "Done."]), members: [middle] });
      return team.run("Question", { ...owned, sessionId });
    },
  },
  "a workflow": {
    kind: "workflow",
    hold: async (db, sessionId) => {
      const agent = new Agent({ id: "first", model: scriptedModel([note, "First.", "Second."]), tools: noteTool() });
      const steps = [step({ name: "first", run: agent }), () => "Done."];
      const workflow = new Workflow({ id: "bot", db, steps, sessionState: { a: 1 } });
      await workflow.run("Question 1", { ...owned, sessionId });
      await workflow.run({ topic: "Question 2" }, { ...owned, sessionId });
      await db.renameSession({ sessionId, sessionName: "A workflow's" });
    },
  },
  "a workflow that fails": {
    kind: "workflow",
    hold: (db, sessionId) => {
      const fails = () => {
        throw new Error("out of order");
      };
      const workflow = new Workflow({ id: "bot", db, steps: [() => "First.", fails] });
      return workflow.run("Question", { ...owned, sessionId }).catch(() => {});
    },
  },
  "every field of an agent": { kind: "agent", hold: (db, sessionId) => asWhole(db, sessionId, "agent") },
  "every field of a team": { kind: "team", hold: (db, sessionId) => asWhole(db, sessionId, "team") },
  "every field of a workflow": { kind: "workflow", hold: (db, sessionId) => asWhole(db, sessionId, "workflow") },
};
