import type { JsonValue } from "@sessiondb/core";
import type { ScriptedAnswer } from "./agno.ts";

/** A component of Agno named `bot`, and the answers that lead it to pause. */
export interface Pause {
  readonly kind: "agent" | "team" | "workflow";
  readonly options: Readonly<Record<string, unknown>>;
  readonly scripts: Readonly<Record<string, readonly ScriptedAnswer[]>>;
}

/** A row of the runs' table. */
export interface PauseRow {
  readonly run_id: string;
  readonly run_type: string;
  readonly status: string;
  readonly run_index: number;
  readonly parent_run_id: string | null;
  readonly run_data: string;
}

const calls = (...names: string[]): ScriptedAnswer => ({
  tools: names.map((name, index) => ({
    name,
    id: `call-${index}`,
    // What the user is to fill in is not the model's.
    arguments: name === "asked_note" ? {} : { what: `milk ${index}` },
  })),
});
const delegate: ScriptedAnswer = {
  tools: [{ name: "delegate_task_to_member", id: "call-d", arguments: { member_id: "member", task: "Note it" } }],
};
const question = {
  tools: [
    {
      name: "ask_user",
      id: "call-0",
      arguments: { questions: [{ question: "Which?", header: "Which", options: [{ label: "A" }, { label: "B" }] }] },
    },
  ],
};
const toolsOf = ({ tools = [] }: ScriptedAnswer): string[] => [...new Set(tools.map(({ name }) => name))];

/** What a tool of an agent, of a team's leader or of a team's member may wait for. */
const waits: Readonly<Record<string, ScriptedAnswer>> = {
  confirmation: calls("confirmed_note"),
  "two confirmations": calls("confirmed_note", "confirmed_note"),
  "confirmation beside a tool that ran": calls("note", "confirmed_note"),
  "user input": calls("asked_note"),
  "external execution": calls("outside_note"),
  "one of each": calls("confirmed_note", "asked_note", "outside_note"),
  "an administrator": calls("approved_note"),
  "an audited confirmation": calls("audited_note"),
  feedback: question,
};

const steps = [{ name: "first" }, { name: "second" }];

/** Every kind of pause that Agno makes. */
export const pauses: Readonly<Record<string, Pause>> = {
  ...Object.fromEntries(
    Object.entries(waits).flatMap(([wait, answer]): [string, Pause][] => [
      [`agent: ${wait}`, { kind: "agent", options: { tools: toolsOf(answer) }, scripts: { bot: [answer] } }],
      [
        `team: ${wait}`,
        {
          kind: "team",
          options: { tools: toolsOf(answer), members: [{ name: "member" }] },
          scripts: { bot: [answer] },
        },
      ],
      [
        `member: ${wait}`,
        {
          kind: "team",
          options: { members: [{ name: "member", tools: toolsOf(answer) }] },
          scripts: { bot: [delegate], member: [answer] },
        },
      ],
      [
        `workflow: ${wait}`,
        {
          kind: "workflow",
          options: { steps: [{ name: "first", tools: toolsOf(answer) }] },
          scripts: { first: [answer] },
        },
      ],
    ]),
  ),
  "workflow: confirmation of a step": {
    kind: "workflow",
    options: { steps: [steps[0], { ...steps[1], review: { requires_confirmation: true } }] },
    scripts: { first: [{ text: "First" }] },
  },
  "workflow: user input of a step": {
    kind: "workflow",
    options: { steps: [steps[0], { ...steps[1], review: { requires_user_input: true } }] },
    scripts: { first: [{ text: "First" }] },
  },
  "workflow: review of an output": {
    kind: "workflow",
    options: { steps: [{ ...steps[0], review: { requires_output_review: true } }, steps[1]] },
    scripts: { first: [{ text: "First" }] },
  },
};

/** Rows without what is another each time (ids that Agno makes, times, durations), and without its long system messages. */
export function stable(value: unknown): JsonValue {
  const ids = new Map<string, string>();
  const read = (given: unknown, key = ""): JsonValue => {
    if (Array.isArray(given)) {
      return given.map((each) => read(each));
    }
    if (typeof given === "object" && given !== null) {
      const isSystem = "role" in given && given.role === "system";
      const all = isSystem ? { ...given, content: "…" } : given;
      return Object.fromEntries(Object.entries(all).map(([name, each]) => [name, read(each, name)]));
    }
    if (typeof given === "string") {
      return key === "run_data"
        ? read(JSON.parse(given))
        : key.endsWith("created_at")
          ? "2023-11-14T22:13:20+00:00"
          : named(given);
    }
    const isTime = typeof given === "number" && /_at$|_time$/.test(key);
    const isDuration = typeof given === "number" && /duration|^time/.test(key);
    return isTime ? 1_700_000_000 : isDuration ? 0.5 : (given as JsonValue);
  };
  const named = (text: string): string =>
    text.replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, (id) => {
      const name = ids.get(id) ?? `id-${ids.size + 1}`;
      ids.set(id, name);
      return name;
    });
  return read(value);
}
