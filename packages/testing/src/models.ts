import type { AgentRun, AgentSessionInit } from "@sessiondb/core";

type WithoutRuns = { runs?: null };

/** An agent's session, for a turn or, with runs, to be stored whole. */
export function agentSession(
  sessionId: string,
  more?: Partial<AgentSessionInit> & WithoutRuns,
): AgentSessionInit & WithoutRuns;
export function agentSession(sessionId: string, more: Partial<AgentSessionInit>): AgentSessionInit;
export function agentSession(sessionId: string, more: Partial<AgentSessionInit> = {}): AgentSessionInit {
  return { sessionType: "agent", sessionId, agentId: "agent-1", ...more };
}

export function agentRun(runId: string, more: Partial<AgentRun> = {}): AgentRun {
  return { runType: "agent", runId, agentId: "agent-1", status: "COMPLETED", content: `Answer of ${runId}`, ...more };
}
