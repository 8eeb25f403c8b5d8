import { SessionDbError, type CorruptDataError, type SessionDbErrorCode } from "./errors.ts";
import { sessionPosition } from "./list-rules.ts";
import type { Run } from "./models/runs.ts";
import type { Session, SessionHeader } from "./models/sessions.ts";
import type { UnreadableRow } from "./options.ts";
import type {
  PageOf,
  PageQuery,
  RunListQuery,
  RunPosition,
  SessionConditions,
  SessionListQuery,
  SessionPageOf,
  SessionPosition,
  SessionQuery,
} from "./queries.ts";
import { excerptOf, saidIn } from "./said-text.ts";
import type { SearchHit } from "./search-options.ts";

/** The most runs that are in memory at once: a run may have tens of megabytes. */
const runsAtOnce = 10;
const sessionsAtOnce = 20;

/** Where a search goes on: after a session, or after a run of it. */
export interface SearchPlace {
  readonly session: SessionPosition;
  readonly run: RunPosition | null;
}

export interface SearchQuery extends Pick<PageQuery<unknown>, "limit" | "onUnreadable"> {
  /** The text, folded by `foldName`. */
  readonly folded: string;
  readonly conditions: SessionConditions;
  readonly excludeSessionId: string | null;
  readonly maxRuns: number;
  readonly start: SearchPlace | null;
}

export interface Found {
  readonly hits: SearchHit[];
  readonly runsSearched: number;
  readonly next: SearchPlace | null;
  readonly unreadable: readonly UnreadableRow[];
}

/** The reads of a store that a search needs. */
export interface SearchReads {
  session(query: SessionQuery): Promise<Session | SessionHeader | null>;
  sessions(query: SessionListQuery): Promise<SessionPageOf<Session | SessionHeader>>;
  runs(query: RunListQuery): Promise<PageOf<Run, RunPosition>>;
}

/**
 * One search. It goes along the sessions and the runs of each, both newest first, and compares in JavaScript: databases
 * cannot look for text in documents that Agno has written with escapes and others without.
 */
export class SessionSearch {
  readonly #reads: SearchReads;
  readonly #query: SearchQuery;
  readonly #signal: AbortSignal | undefined;
  readonly #hits = new Map<string, SearchHit>();
  readonly #unreadable: UnreadableRow[] = [];
  #runsSearched = 0;
  #sessionsSearched = 0;

  constructor(reads: SearchReads, query: SearchQuery, signal: AbortSignal | undefined) {
    this.#reads = reads;
    this.#query = query;
    this.#signal = signal;
  }

  async find(): Promise<Found> {
    const next = await this.#walk();
    return {
      hits: [...this.#hits.values()],
      runsSearched: this.#runsSearched,
      next,
      unreadable: this.#unreadable,
    };
  }

  /** Returns the place where it stopped, or null at the end of the last session. */
  async #walk(): Promise<SearchPlace | null> {
    const { start } = this.#query;
    let position = start?.session ?? null;
    if (start?.run) {
      const session = await this.#begunSession(start.session.sessionId);
      const stopped = session === null ? null : await this.#searchRuns(session, start.run);
      if (stopped !== null) {
        return { session: start.session, run: stopped };
      }
    }
    for (;;) {
      this.#signal?.throwIfAborted();
      const page: SessionPageOf<Session | SessionHeader> = await this.#reads.sessions(this.#sessionsAfter(position));
      this.#unreadable.push(...page.unreadable);
      this.#sessionsSearched += page.unreadable.length;
      for (const session of page.items) {
        if (position !== null && this.#isDone()) {
          return { session: position, run: null };
        }
        const place = sessionPosition(session, "updatedAt");
        if (!this.#isExcluded(session)) {
          this.#sessionsSearched += 1;
          const stopped = await this.#searchRuns(session, null);
          if (stopped !== null) {
            return { session: place, run: stopped };
          }
        }
        position = place;
      }
      if (page.next === null) {
        return null;
      }
      position = page.next;
      if (this.#isDone()) {
        return { session: position, run: null };
      }
    }
  }

  /** Returns the session inside which the last search stopped, if it may still be searched. */
  async #begunSession(sessionId: string): Promise<Session | SessionHeader | null> {
    const { sessionType, userId, componentId } = this.#query.conditions;
    try {
      const session = await this.#reads.session({ sessionId, sessionType, userId, runs: "none" });
      // A cursor comes from outside, and may name any session of the user.
      const isWanted = session !== null && !this.#isExcluded(session) && isOf(session, { sessionType, componentId });
      return isWanted ? session : null;
    } catch (error) {
      if (this.#query.onUnreadable === "throw" || !hasCode(error, "CORRUPT_DATA")) {
        throw error;
      }
      this.#unreadable.push({ id: sessionId, error: error as CorruptDataError });
      return null;
    }
  }

  /** Searches a session's runs, from after a place in it. Returns the place where it stopped, or null at the end. */
  async #searchRuns(session: Session | SessionHeader, after: RunPosition | null): Promise<RunPosition | null> {
    let position = after;
    do {
      const page = await this.#runsAfter(session.sessionId, position);
      if (page === null) {
        // The run at this place was deleted, and nobody knows where it was: rather repeat some runs than skip any.
        position = null;
        continue;
      }
      this.#runsSearched += page.items.length + page.unreadable.length;
      this.#unreadable.push(...page.unreadable);
      for (const run of page.items) {
        const hit = hitIn(run, session, this.#query.folded);
        if (hit !== null) {
          this.#hits.set(run.runId, hit);
        }
      }
      position = page.next;
      if (position === null) {
        return null;
      }
    } while (!this.#isDone());
    return position;
  }

  /** Reads no more runs than may still be hits, so that a search always stops at the end of what was read. */
  async #runsAfter(sessionId: string, after: RunPosition | null): Promise<PageOf<Run, RunPosition> | null> {
    const { conditions, limit, maxRuns, onUnreadable } = this.#query;
    // A store need not heed the signal of a read.
    this.#signal?.throwIfAborted();
    try {
      return await this.#reads.runs({
        sessionId,
        userId: conditions.userId,
        participantId: null,
        statuses: null,
        componentId: null,
        parent: null,
        startTimestamp: null,
        endTimestamp: null,
        sortOrder: "desc",
        limit: Math.min(runsAtOnce, limit - this.#hits.size, maxRuns - this.#runsSearched),
        start: after && { position: after, side: "after" },
        onUnreadable,
      });
    } catch (error) {
      if (after !== null && hasCode(error, "INVALID_ARGUMENT")) {
        return null;
      }
      throw error;
    }
  }

  #sessionsAfter(position: SessionPosition | null): SessionListQuery {
    const { conditions, onUnreadable } = this.#query;
    return {
      sortBy: "updatedAt",
      sortOrder: "desc",
      limit: sessionsAtOnce,
      start: position && { position, side: "after" },
      onUnreadable,
      offset: 0,
      runs: "none",
      includeTotal: false,
      includeRunCount: false,
      ...conditions,
    };
  }

  #isDone(): boolean {
    const { limit, maxRuns } = this.#query;
    return this.#hits.size >= limit || Math.max(this.#runsSearched, this.#sessionsSearched) >= maxRuns;
  }

  #isExcluded({ sessionId }: Pick<Session, "sessionId">): boolean {
    return sessionId === this.#query.excludeSessionId;
  }
}

function hasCode(error: unknown, code: SessionDbErrorCode): boolean {
  return SessionDbError.isInstance(error) && error.code === code;
}

function isOf(
  session: Session | SessionHeader,
  { sessionType, componentId }: Pick<SessionConditions, "sessionType" | "componentId">,
): boolean {
  const { agentId, teamId, workflowId } = session;
  const ids = sessionType === null ? [agentId, teamId, workflowId] : [session.componentId];
  return componentId === null || ids.includes(componentId);
}

function hitIn(run: Run, session: Session | SessionHeader, folded: string): SearchHit | null {
  for (const { role, text } of saidIn(run)) {
    const excerpt = excerptOf(text, folded);
    if (excerpt !== null) {
      const { sessionId, sessionType, sessionName, componentId } = session;
      return {
        sessionId,
        sessionType,
        sessionName,
        componentId,
        runId: run.runId,
        userId: run.userId ?? null,
        createdAt: run.createdAt ?? null,
        role,
        excerpt,
      };
    }
  }
  return null;
}
