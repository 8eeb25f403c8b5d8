import type { Run, SessionDb, SessionHeader } from "@sessiondb/core";
import type { SessionMember } from "./admission.ts";
import { cancelStored } from "./ended-runs.ts";
import { ownRuns } from "./own-runs.ts";
import { isStale, runningSince } from "./running-mark.ts";
import type { RunningRun } from "./session-options.ts";
import { cancelHere } from "./turns-here.ts";

interface CancelQuery {
  readonly runId: string;
  /** The only session to look in; null for any. */
  readonly sessionId: string | null;
  /** The only user whose sessions to look in; null for any. */
  readonly userId: string | null;
  readonly db: SessionDb;
  /** Returns the session if the caller may reach it. */
  readonly find: (sessionId: string) => Promise<SessionHeader | null>;
}

interface RunningQuery {
  readonly sessionId: string | null;
  readonly userId: string | null;
  readonly staleAfter: number | undefined;
  readonly db: SessionDb;
}

/** Rows of other programs may be RUNNING too, any number of them. */
const pageLength = 100;

/** Cancels a run of a component: its row first, and then its work if that is done here. */
export async function cancelRun(
  component: SessionMember,
  { runId, sessionId: only, userId, db, find }: CancelQuery,
): Promise<boolean> {
  const run = await db.getRun({ runId });
  if (run === null) {
    // Its first row is not written yet.
    return cancelHere(
      (turn) =>
        turn.runId === runId &&
        turn.component.id === component.id &&
        turn.component.sessionType === component.sessionType &&
        (only === null || turn.sessionId === only) &&
        (userId === null || turn.userId === userId),
    );
  }
  const { sessionId } = run;
  if (typeof sessionId !== "string" || (only !== null && sessionId !== only) || !isTurnOf(component, run)) {
    return false;
  }
  const session = await find(sessionId);
  if (session === null || (await ownRuns(component, [run], { db, session })).length === 0) {
    return false;
  }
  const { run: stored, isEnded } = await cancelStored(run, { db, sessionId });
  // Another process may have been first.
  if (stored?.status === "CANCELLED") {
    cancelHere((turn) => turn.runId === runId && turn.sessionId === sessionId);
  }
  return isEnded;
}

/** Returns the runs of a component whose lease is alive, in the order in which they began. */
export async function runningRuns(
  component: SessionMember,
  { db, sessionId, userId, staleAfter }: RunningQuery,
): Promise<RunningRun[]> {
  const { id: componentId, access } = component;
  const query = {
    componentId,
    status: "RUNNING",
    parentRunId: null,
    limit: pageLength,
    ...(sessionId !== null && { sessionId }),
    ...(userId !== null && (access === "shared" ? { participantId: userId } : { userId })),
  } as const;
  const found: RunningRun[] = [];
  for await (const { runs } of db.runPages(query)) {
    for (const run of runs) {
      const aliveAt = runningSince(run);
      if (aliveAt !== null && isTurnOf(component, run) && !isStale(run, staleAfter)) {
        const { runId, userId: user = null, createdAt } = run;
        found.push({ runId, sessionId: run.sessionId ?? "", userId: user, createdAt: createdAt ?? aliveAt, aliveAt });
      }
    }
  }
  return found;
}

/** Returns whether a run is a turn of a component, and not the run of a member or a step. */
export function isTurnOf({ id, sessionType }: SessionMember, run: Run): boolean {
  const component = run.runType === "agent" ? run.agentId : run.runType === "team" ? run.teamId : run.workflowId;
  return run.runType === sessionType && (run.parentRunId ?? null) === null && (component ?? id) === id;
}
