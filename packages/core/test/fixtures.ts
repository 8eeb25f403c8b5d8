import { readFileSync } from "node:fs";
import type { JsonObject, JsonValue } from "../src/json.ts";

// JSON that the real framework wrote: fixtures/agno-2 by 2.9.0, fixtures/agno-3 by 3.0.0a3.

/** What one `get_session` of the framework printed: the raw row, the runs' rows, and what its methods returned. */
export interface RecordedSession {
  session_id: string;
  class: "AgentSession" | "TeamSession" | "WorkflowSession";
  raw: RawSession;
  object: JsonObject;
  /** `get_messages()`, reduced to four keys. Absent for workflows. */
  history?: { role: string; content: JsonValue; tool_call_id: string | null; tool_calls: JsonObject[] | null }[];
  /** `get_chat_history()`, reduced to two keys. Absent for workflows. */
  chat_history?: { role: string; content: JsonValue }[];
  run_rows?: RawRun[];
}

export interface RawSession extends JsonObject {
  session_id: string;
  session_type: string;
  agent_id: string | null;
  team_id: string | null;
  workflow_id: string | null;
  user_id: string | null;
  session_data: JsonValue;
  agent_data: JsonValue;
  team_data: JsonValue;
  workflow_data: JsonValue;
  metadata: JsonValue;
  summary: JsonValue;
  runs: JsonObject[] | null;
  created_at: number;
  updated_at: number | null;
}

export interface RawRun extends JsonObject {
  run_id: string;
  run_data: JsonObject;
  created_at: number;
}

const loops = ["a", "bg", "cancel", "ck", "err", "fork", "hitl", "st", "team", "wf"];

export const recordings = ["agno-2/read", "agno-3/read", ...loops.map((name) => `agno-3/loop-${name}`)];

export function readFixture(name: string): unknown {
  return JSON.parse(readFileSync(new URL(`fixtures/${name}.json`, import.meta.url), "utf8"));
}

export function recordedSessions(name: string): RecordedSession[] {
  return (readFixture(name) as { result: { sessions: RecordedSession[] } }).result.sessions;
}

/** Every raw session of every fixture, with a name for the test report. */
export function rawSessions(): [name: string, session: RawSession][] {
  const single = ["agno-2/agent-session", "agno-2/team-session", "agno-2/workflow-session", "agno-3/agent-session"];
  const edge = readFixture("agno-2/edge-sessions") as Record<string, RawSession>;
  return [
    ...single.map((name): [string, RawSession] => [name, readFixture(name) as RawSession]),
    ...Object.entries(edge).map(([key, session]): [string, RawSession] => [`agno-2/edge-sessions ${key}`, session]),
    ...recordings.flatMap((name) =>
      recordedSessions(name).map(({ raw }): [string, RawSession] => [`${name} ${raw.session_id}`, raw]),
    ),
  ];
}

/** JSON text with the keys of every object in order, so that two values are equal exactly when their texts are. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) {
    return `[${value.map(canonical).join(",")}]`;
  }
  if (typeof value === "object" && value !== null) {
    const pairs = Object.entries(value).filter(([, item]) => item !== undefined);
    pairs.sort(([left], [right]) => (left < right ? -1 : 1));
    return `{${pairs.map(([key, item]) => `${JSON.stringify(key)}:${canonical(item)}`).join(",")}}`;
  }
  return JSON.stringify(value);
}
