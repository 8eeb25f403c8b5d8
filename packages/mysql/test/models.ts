import { SessionDbError, type AgentRun, type AgentSessionInit, type SessionDbErrorCode } from "@sessiondb/core";
import { expect } from "vitest";

/** An agent's session as a turn takes it. */
export type AgentTurnSession = AgentSessionInit & { runs?: null };

export function session(sessionId: string, more: Partial<AgentTurnSession> = {}): AgentTurnSession {
  return { sessionType: "agent", sessionId, agentId: "agent-1", ...more };
}

export function run(runId: string, more: Partial<AgentRun> = {}): AgentRun {
  return { runType: "agent", runId, status: "COMPLETED", content: `Answer of ${runId}`, ...more };
}

/** What a promise rejects with, which must be an error of the library with this code. */
export async function refusal(promise: Promise<unknown>, code: SessionDbErrorCode): Promise<SessionDbError> {
  const outcome: unknown = await promise.then(
    () => "resolved",
    (error: unknown) => error,
  );
  expect(outcome).toMatchObject({ code });
  if (!SessionDbError.isInstance(outcome)) {
    throw new TypeError("Not an error of the library", { cause: outcome });
  }
  return outcome;
}
