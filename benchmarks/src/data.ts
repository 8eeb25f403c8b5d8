import type { AgentRun, TurnSession } from "@sessiondb/core";

const words = "The quick brown fox jumps over the lazy dog while the agent answers. ".repeat(10);

export function sessionOf(sessionId: string, userId = "user"): TurnSession {
  return {
    sessionId,
    sessionType: "agent",
    agentId: "agent",
    userId,
    sessionData: { session_name: `Session ${sessionId}`, session_state: { step: 1 } },
    createdAt: 1_790_000_000,
  };
}

/** A turn of about 4 KB of JSON: three messages, one with metrics, the input and the answer. */
export function runOf(runId: string): AgentRun {
  const message = { fromHistory: false, stopAfterToolCall: false, createdAt: 1_790_000_000 };
  return {
    runType: "agent",
    runId,
    agentId: "agent",
    agentName: "Benchmark agent",
    userId: "user",
    status: "COMPLETED",
    contentType: "str",
    content: words,
    model: "model",
    modelProvider: "provider",
    input: { inputContent: words },
    metrics: { inputTokens: 812, outputTokens: 160, totalTokens: 972, duration: 1.7 },
    createdAt: 1_790_000_000,
    messages: [
      { ...message, id: `${runId}:0`, role: "system", content: words },
      { ...message, id: `${runId}:1`, role: "user", content: words },
      {
        ...message,
        id: `${runId}:2`,
        role: "assistant",
        content: words,
        metrics: { inputTokens: 812, outputTokens: 160, totalTokens: 972 },
      },
    ],
  };
}

/** The same turn as the JSON that is stored, as somebody would write it who builds on the driver. */
export function rowOf(runId: string, sessionId: string): Record<string, unknown> {
  const message = { from_history: false, stop_after_tool_call: false, created_at: 1_790_000_000 };
  return {
    run_id: runId,
    agent_id: "agent",
    agent_name: "Benchmark agent",
    session_id: sessionId,
    user_id: "user",
    status: "COMPLETED",
    content_type: "str",
    content: words,
    model: "model",
    model_provider: "provider",
    input: { input_content: words },
    metrics: { input_tokens: 812, output_tokens: 160, total_tokens: 972, duration: 1.7 },
    created_at: 1_790_000_000,
    messages: [
      { ...message, id: `${runId}:0`, role: "system", content: words },
      { ...message, id: `${runId}:1`, role: "user", content: words },
      {
        ...message,
        id: `${runId}:2`,
        role: "assistant",
        content: words,
        metrics: { input_tokens: 812, output_tokens: 160, total_tokens: 972 },
      },
    ],
  };
}
