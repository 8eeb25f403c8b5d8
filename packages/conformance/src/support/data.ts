import type { AgentRun, Run, SessionDb, SessionInit, TurnSession } from "@sessiondb/core";
import type { RunListOptions, SessionListOptions } from "./list-options.ts";

/** The time of everything in the suite, unless stated otherwise, so that no case depends on the clock. */
export const start = 1_700_000_000;

/** Part of all stored content. It must never be in an error. */
export const secret = "stored-content-stays-secret";

export const sessionTypes = ["agent", "team", "workflow"] as const;

/** Returns a session of an agent, without an owner, with content in every document. */
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

/** Returns a completed run of an agent. */
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

/** Stores a session with runs that have these ids. */
export async function store(db: SessionDb, init: SessionInit, runIds: readonly string[] = []): Promise<void> {
  await db.upsertSession({ ...init, runs: runIds.map((runId) => run(runId)) });
}

export function idsOf(items: readonly { sessionId: string }[]): string[] {
  return items.map(({ sessionId }) => sessionId);
}

export function runIdsOf(runs: readonly Pick<Run, "runId">[]): string[] {
  return runs.map(({ runId }) => runId);
}

/** Returns the ids of a session's runs, in order. */
export async function runIdsIn(db: SessionDb, sessionId: string): Promise<string[]> {
  return runIdsOf((await db.getSession({ sessionId }))?.runs ?? []);
}

/** Returns the ids of the sessions of a list, in order. */
export async function listedIds(db: SessionDb, options: SessionListOptions = {}): Promise<string[]> {
  return idsOf((await db.getSessions(options)).sessions);
}

/** Returns the ids of the runs of a list, in order. */
export async function listedRunIds(db: SessionDb, options: RunListOptions = {}): Promise<string[]> {
  return runIdsOf((await db.getRuns(options)).runs);
}

/** Returns a change that fails with this error. */
export function throwing(error: Error): () => never {
  return () => {
    throw error;
  };
}

/** Lets a typed method take what an untyped caller might pass. */
export function untyped(value: unknown): never {
  return value as never;
}
