import { isDeepStrictEqual } from "node:util";
import {
  DatabaseError,
  type AgentRun,
  type JsonObject,
  type Metrics,
  type Session,
  type SessionHeader,
  type SessionPatch,
  type SessionSummary,
  type SessionType,
  type TeamRun,
} from "@sessiondb/core";
import { withMetrics } from "@sessiondb/turns";
import type { SessionSummaryManager, SummaryRequest } from "./summary.ts";

/** A summary that is built on the previous one would lose what others have added meanwhile. */
const mostTries = 10;

/** The key in a session's data for the time since when turns are missing in its summary: Agno refuses it in the summary. */
const unsummarizedSince = "unsummarized_since";

interface SummaryState {
  readonly previous: SessionSummary | null;
  readonly since: number | null;
}

interface SummaryUpdate extends Omit<SummaryRequest, "previous" | "messages" | "missed"> {
  readonly sessionType: SessionType;
  /** The session before the run; null if it was not read. */
  readonly session: Session | null;
  /** The run that has just ended. */
  readonly run: AgentRun | TeamRun;
}

/**
 * Makes a summary and stores it, under the session's lock, if the one that it follows is still stored. If not, makes it
 * again. If that fails, notes in the session that its summary lacks the run.
 */
export async function updateSummary(
  manager: Pick<SessionSummaryManager, "createSummary">,
  { sessionType, session: before, run, ...request }: SummaryUpdate,
): Promise<void> {
  const { db, sessionId } = request;
  const unstored: Metrics[] = [];
  const write = async (change: (session: SessionHeader) => SessionPatch): Promise<void> => {
    await db.updateSession({ sessionId, sessionType }, (session) => {
      const { sessionData = session.sessionData, ...patch } = change(session);
      return { ...patch, sessionData: withMetrics(sessionData, unstored) };
    });
    unstored.length = 0;
  };
  let state = summaryStateOf(before);
  try {
    for (let tries = 0; tries < mostTries; tries += 1) {
      const { previous, since } = state;
      const summary = await manager.createSummary({
        ...request,
        previous,
        messages: run.messages ?? [],
        missed: since === null ? null : { since, runId: run.runId },
        count: (used) => unstored.push(used),
      });
      if (summary === null) {
        return;
      }
      let stored = state;
      await write((session) => {
        stored = summaryStateOf(session);
        const { [unsummarizedSince]: _since, ...complete } = session.sessionData;
        return isDeepStrictEqual(stored, state) ? { sessionData: complete, summary } : {};
      });
      if (isDeepStrictEqual(stored, state)) {
        return;
      }
      state = stored;
    }
    throw new DatabaseError(
      `The summary of session ${JSON.stringify(sessionId)} was not stored: others changed it ${mostTries} times meanwhile.`,
    );
  } catch (error) {
    // An answer that is no summary has its cost too.
    await write(({ sessionData }) => ({ sessionData: lacking(sessionData, run) })).catch(() => {});
    throw error;
  }
}

function summaryStateOf(session: Pick<Session, "getSummary" | "sessionData"> | null): SummaryState {
  const since = session?.sessionData[unsummarizedSince];
  return { previous: session?.getSummary() ?? null, since: typeof since === "number" ? since : null };
}

/** Returns the data of a session whose summary lacks a run. */
function lacking(data: JsonObject, { createdAt }: AgentRun | TeamRun): JsonObject {
  const since = data[unsummarizedSince];
  const began = Math.floor(createdAt ?? 0);
  return { ...data, [unsummarizedSince]: typeof since === "number" ? Math.min(since, began) : began };
}
