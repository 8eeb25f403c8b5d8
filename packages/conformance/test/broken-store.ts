import { InMemorySessionDb, type ScopeQuery } from "@sessiondb/core";

/** A store that works. Those that extend it have one fault each, which real stores have had. */
export abstract class Store extends InMemorySessionDb {
  constructor() {
    super({ maxPayloadBytes: 1024 * 1024 });
  }
}

export function anyScope(sessionId: string): ScopeQuery {
  return { sessionId, sessionType: null, userId: null };
}
