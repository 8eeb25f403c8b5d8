import type { AgentRun, Run, SessionDb, SessionInit, TurnSession } from "@sessiondb/core";

/** When everything in the suite happens, unless it says otherwise: no case depends on the clock. */
export const start = 1_700_000_000;

/** In all stored content, and never in an error. */
export const secret = "stored-content-stays-secret";

/** A session of an agent, without owner, with content in every document. */
export function session(sessionId: string, fields?: Partial<TurnSession>): TurnSession;
export function session(sessionId: string, fields: Partial<SessionInit>): SessionInit;
export function session(sessionId: string, fields: Partial<SessionInit> = {}): SessionInit {
  return {
    sessionId,
    sessionType: "agent",
    agentId: "agent",
    sessionData: { session_name: `${sessionId} ${secret}`, session_state: { note: secret } },
    metadata: { note: secret },
    createdAt: start,
    updatedAt: start,
    ...fields,
  };
}

/** A completed run of an agent. */
export function run(runId: string, fields: Partial<AgentRun> = {}): AgentRun {
  return {
    runType: "agent",
    runId,
    agentId: "agent",
    status: "COMPLETED",
    createdAt: start,
    content: `answer ${secret}`,
    messages: [{ role: "user", content: `question of ${runId}, ${secret}` }],
    ...fields,
  };
}

/** Stores a session with runs of these ids. */
export async function store(db: SessionDb, init: SessionInit, runIds: readonly string[] = []): Promise<void> {
  await db.upsertSession({ ...init, runs: runIds.map((runId) => run(runId)) });
}

export function idsOf(items: readonly { sessionId: string }[]): string[] {
  return items.map(({ sessionId }) => sessionId);
}

export function runIdsOf(runs: readonly Pick<Run, "runId">[]): string[] {
  return runs.map(({ runId }) => runId);
}

/** The ids of a session's runs, in their order. */
export async function runIdsIn(db: SessionDb, sessionId: string): Promise<string[]> {
  return runIdsOf((await db.getSession({ sessionId }))?.runs ?? []);
}

/** Hands to a typed method what a caller without types might. */
export function untyped(value: unknown): never {
  return value as never;
}
