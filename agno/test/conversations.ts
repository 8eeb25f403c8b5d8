import type { JsonObject, SessionType } from "@sessiondb/core";
import type { Agno, ScriptedAnswer } from "../src/agno.ts";

type Scripts = Readonly<Record<string, readonly ScriptedAnswer[]>>;

/** What is said to a component of Agno, and how each of its runs ends. */
export interface Conversation {
  readonly kind: SessionType;
  readonly options: Readonly<Record<string, unknown>>;
  readonly turns: readonly {
    readonly scripts: Scripts;
    readonly status?: string;
    readonly options?: Readonly<Record<string, unknown>>;
  }[];
  /** The name that the session gets. */
  readonly sessionName?: string;
}

const call = (name: string, given: JsonObject): ScriptedAnswer => ({ tools: [{ name, arguments: given }] });
const note = call("note", { what: "milk & Käse 🧀" });
const delegate = (member: string): ScriptedAnswer =>
  call("delegate_task_to_member", { member_id: member, task: "Do it" });
const said = (text: string): { scripts: Scripts } => ({ scripts: { bot: [{ text }] } });

/** What agents, teams and workflows of Agno write. Components are called `bot`. */
export const conversations: Readonly<Record<string, Conversation>> = {
  "tools, state and metadata": {
    kind: "agent",
    options: {
      tools: ["note"],
      session_state: { count: 1, deep: { list: [1, 2.5, null, "ü"] } },
      metadata: { plan: "free", tags: ["a", "b"] },
      add_history_to_context: true,
    },
    turns: [{ scripts: { bot: [note, { text: "Noted." }] } }, said("Yes."), said("Quite.")],
    sessionName: "Über Käse",
  },
  media: {
    kind: "agent",
    options: {},
    turns: [
      {
        scripts: { bot: [{ text: "I see." }] },
        options: {
          images: [{ url: "https://example.com/a.png" }, { content: "bytes", mime_type: "image/png" }],
          files: [{ content: "text", mime_type: "text/plain", filename: "a.txt" }],
          audio: [{ url: "https://example.com/a.wav", format: "wav" }],
        },
      },
      said("Still."),
    ],
  },
  "a model that fails": {
    kind: "agent",
    options: { add_history_to_context: true },
    turns: [said("Yes."), { scripts: { bot: [{ fail: "out of order" }] }, status: "ERROR" }, said("Again.")],
  },
  "a cancelled run": {
    kind: "agent",
    options: { tools: ["note"] },
    turns: [
      said("Yes."),
      {
        scripts: { bot: [{ ...note, cancel: "to be cancelled" }] },
        options: { run_id: "to be cancelled" },
        status: "CANCELLED",
      },
    ],
  },
  "an introduction": { kind: "agent", options: { introduction: "Welcome!" }, turns: [said("Yes."), said("No.")] },
  checkpoints: {
    kind: "agent",
    options: { tools: ["note"], checkpoint: "tool-batch" },
    turns: [{ scripts: { bot: [note, note, { text: "Noted." }] } }],
  },
  "a summary": {
    kind: "agent",
    options: { enable_session_summaries: true },
    turns: [{ scripts: { bot: [{ text: "Yes." }, { text: '{"summary": "They talked.", "topics": ["talk"]}' }] } }],
  },
  events: {
    kind: "agent",
    options: { tools: ["note"], store_events: true },
    turns: [{ scripts: { bot: [note, { text: "Noted." }] } }],
  },
  "a team and its members": {
    kind: "team",
    options: { members: [{ name: "member", tools: ["note"] }, { name: "other" }], add_history_to_context: true },
    turns: [
      { scripts: { bot: [delegate("member"), { text: "Done." }], member: [note, { text: "Noted." }] } },
      said("Yes."),
      { scripts: { bot: [delegate("other"), { text: "Done." }], other: [{ text: "Mine." }] } },
    ],
    sessionName: "A team's",
  },
  "a team within a team": {
    kind: "team",
    options: { members: [{ name: "inner", members: [{ name: "member" }] }], store_member_responses: true },
    turns: [
      {
        scripts: {
          bot: [delegate("inner"), { text: "Done." }],
          inner: [delegate("member"), { text: "Passed on." }],
          member: [{ text: "Mine." }],
        },
      },
    ],
  },
  "a workflow": {
    kind: "workflow",
    options: { steps: [{ name: "first", tools: ["note"] }, { name: "second" }], session_state: { a: 1 } },
    turns: [
      { scripts: { first: [note, { text: "First." }], second: [{ text: "Second." }] } },
      { scripts: { first: [{ text: "Third." }], second: [{ text: "Fourth." }] } },
    ],
    sessionName: "A workflow's",
  },
  // Agno completes such a workflow.
  "a workflow whose step fails": {
    kind: "workflow",
    options: { steps: [{ name: "first" }] },
    turns: [{ scripts: { first: [{ fail: "out of order" }] } }],
  },
  "a team that fails and one that is cancelled": {
    kind: "team",
    options: { members: [{ name: "member" }], tools: ["note"] },
    turns: [
      { scripts: { bot: [{ fail: "out of order" }] }, status: "ERROR" },
      { scripts: { bot: [delegate("member"), { text: "Done." }], member: [{ fail: "out of order" }] } },
      {
        scripts: { bot: [{ ...note, cancel: "team to be cancelled" }] },
        options: { run_id: "team to be cancelled" },
        status: "CANCELLED",
      },
    ],
  },
};

/** Holds a conversation in a session. A run that ends otherwise than it should is an error. */
export async function converse(
  agno: Agno,
  there: string,
  { sessionId, kind, options, turns, sessionName }: Conversation & { readonly sessionId: string },
): Promise<void> {
  await agno.call(kind, { name: "bot", db: there, ...structuredClone(options) });
  for (const [index, { scripts, status = "COMPLETED", options: given }] of turns.entries()) {
    const scope = { session_id: sessionId, user_id: "ada" };
    const { run } = await agno.run("bot", `Question ${index}`, { ...scope, scripts, ...given });
    if (run["status"] !== status) {
      throw new Error(
        `${sessionId}, run ${index} is ${JSON.stringify(run["status"])}: ${JSON.stringify(run["content"])}`,
      );
    }
  }
  if (sessionName !== undefined) {
    const name = { session_id: sessionId, session_type: kind, session_name: sessionName };
    await agno.db(there, "rename_session", name);
  }
}
