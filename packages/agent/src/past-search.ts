import type { SearchHit } from "@sessiondb/core";
import { ownRuns, type Component, type RunContext } from "@sessiondb/turns";

/** The maximum number of past turns that a model is shown at once. */
const mostHits = 20;
const longestName = 200;

/** What a model is shown of a past turn. */
interface PastTurn {
  readonly session_id: string;
  readonly session_name: string | null;
  readonly said_at: string | null;
  readonly role: SearchHit["role"];
  readonly excerpt: string;
}

/** What a search of past sessions tells a model. */
interface PastTurns {
  readonly found: readonly PastTurn[];
  readonly turns_searched: number;
  readonly is_complete: boolean;
  readonly note?: string;
}

/**
 * Searches what was said in the user's other sessions with a component, newest first, and leaves out what others said in
 * them.
 */
export async function searchPast(
  component: Component<object>,
  { sessionId }: RunContext,
  { userId, text, signal }: { userId: string; text: string; signal: AbortSignal | undefined },
): Promise<PastTurns> {
  const db = await component.getDb();
  const { hits, runsSearched, nextCursor } = await db.forUser(userId).searchSessions({
    text,
    sessionType: component.sessionType,
    componentId: component.id,
    excludeSessionId: sessionId,
    limit: mostHits,
    ...(signal !== undefined && { signal }),
  });
  const sessionIds = [...new Set(hits.map((hit) => hit.sessionId))];
  const own = await Promise.all(
    sessionIds.map((id) => {
      const oldestFirst = hits.filter((hit) => hit.sessionId === id).toReversed();
      return ownRuns(component, oldestFirst, { db, session: { sessionId: id, userId } });
    }),
  );
  const shown = new Set(own.flat());
  return {
    found: hits.filter((hit) => shown.has(hit)).map(pastTurn),
    turns_searched: runsSearched,
    is_complete: nextCursor === null,
    ...(nextCursor !== null && { note: "Older turns were not searched. A more specific text may find more." }),
  };
}

function pastTurn({ sessionId, sessionName, createdAt, role, excerpt }: SearchHit): PastTurn {
  return {
    session_id: sessionId,
    session_name: shortName(sessionName),
    said_at: createdAt === null ? null : new Date(createdAt * 1000).toISOString(),
    role,
    excerpt,
  };
}

/** Returns as much of a session's name as a model is shown. */
export function shortName(name: string | null): string | null {
  return name?.slice(0, longestName) ?? null;
}
