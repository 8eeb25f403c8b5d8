import type { PageOptions, UnreadableRow } from "./options.ts";
import type { SessionType } from "./models/sessions.ts";

/** What to search for, in which sessions, and how far. */
export interface SearchSessionsOptions extends PageOptions {
  /**
   * What was said, in any case: 1 to 200 characters that are not all blank. `%`, `_` and backslashes are ordinary
   * characters.
   */
  text: string;
  sessionType?: SessionType;
  /** The id of the session's agent, team or workflow: of the kind of `sessionType` if that is given, otherwise of any kind. */
  componentId?: string;
  /** A session to pass over, such as the conversation that is going on. */
  excludeSessionId?: string;
  /** The largest number of hits. Default 50. */
  limit?: number;
  /**
   * The largest number of runs to look at, and of sessions to look into: 1 to 10,000. It bounds the cost of the call.
   * Default 500.
   */
  maxRuns?: number;
  /** `nextCursor` of another search, requested with the same conditions. */
  cursor?: string;
}

/** A run in which the text was said. */
export interface SearchHit {
  readonly sessionId: string;
  readonly sessionType: SessionType;
  /** Null for a session without a name. */
  readonly sessionName: string | null;
  /** The agent, team or workflow of the session. */
  readonly componentId: string | null;
  readonly runId: string;
  /** The user who wrote the run; null if the run names none. It need not be the owner of the session. */
  readonly userId: string | null;
  /** The time of the run, in Unix seconds; null if the run has none. */
  readonly createdAt: number | null;
  /** Who said it. */
  readonly role: "user" | "assistant";
  /** The first place in the run that has the text, with what surrounds it: at most 300 characters (UTF-16 units). */
  readonly excerpt: string;
}

/** What a search found, and how far it looked. */
export interface SearchPage {
  /** At most one for each run. */
  readonly hits: SearchHit[];
  /** The number of runs that were looked at for this page, unreadable ones included. */
  readonly runsSearched: number;
  /** Goes on where this search stopped. Null when it has looked at everything. */
  readonly nextCursor: string | null;
  /** The sessions and runs on the way that cannot be read. */
  readonly unreadable: readonly UnreadableRow[];
}
