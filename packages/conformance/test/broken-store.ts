import { InMemorySessionDb, type Session, type SessionHeader } from "@sessiondb/core";
import type { ScopeQuery } from "@sessiondb/core/adapter";

/** A store that works. Those that extend it have one fault each, which real stores have had. */
export abstract class Store extends InMemorySessionDb {
  constructor() {
    super({ maxPayloadBytes: 1024 * 1024 });
  }
}

/** The runs of a session that was read with them. */
export function runsOf(session: Session | SessionHeader | null): Session["runs"] {
  return session?.runs ?? [];
}

export function anyScope(sessionId: string): ScopeQuery {
  return { sessionId, sessionType: null, userId: null };
}
