import type { Run, Session, SessionInit } from "@sessiondb/core";

/** Copies a session under a new id and its runs under new ids, also where one run names another. */
export function forkOf(session: Session, userId: string | null): SessionInit {
  const sessionId = crypto.randomUUID();
  const ids = new Map(session.runs.map(({ runId }) => [runId, crypto.randomUUID() as string]));
  const { sessionType, agentId, teamId, workflowId, agentData, teamData, workflowData, metadata, summary } = session;
  return structuredClone({
    sessionType,
    sessionId,
    agentId,
    teamId,
    workflowId,
    agentData,
    teamData,
    workflowData,
    metadata,
    summary,
    userId,
    sessionData: { ...session.sessionData, forked_from_session_id: session.sessionId },
    runs: session.runs.map((run) => copyOf(run, { sessionId, ids, forkedFrom: session.sessionId })),
  }) as SessionInit;
}

interface Fork {
  readonly sessionId: string;
  readonly ids: ReadonlyMap<string, string>;
  readonly forkedFrom: string;
}

function copyOf(run: Run, { sessionId, ids, forkedFrom }: Fork): Run {
  const parentRunId = run.parentRunId ?? null;
  return {
    ...run,
    runId: ids.get(run.runId) ?? run.runId,
    sessionId,
    ...(parentRunId !== null && { parentRunId: ids.get(parentRunId) ?? parentRunId }),
    // Record where the copy came from, unless the run already does.
    ...(run.runType !== "workflow" && {
      forkedFromRunId: run.forkedFromRunId ?? run.runId,
      forkedFromSessionId: run.forkedFromSessionId ?? forkedFrom,
    }),
  };
}
