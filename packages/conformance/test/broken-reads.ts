import type { Run, Session, SessionHeader, SessionKey, UserScope, UserSessionDb } from "@sessiondb/core";
import type { ReadRuns, SkipRuns } from "@sessiondb/core/adapter";
import type { RunQuery, SessionListQuery, SessionQuery } from "@sessiondb/core/adapter";
import { Store } from "./broken-store.ts";

export class LeaksASession extends Store {
  protected override readSession(query: SessionQuery): Promise<Session | SessionHeader | null> {
    return super.readSession({ ...query, userId: null });
  }
}

export class LeaksAList extends Store {
  protected override listSessions(query: SessionListQuery) {
    return super.listSessions({ ...query, userId: null });
  }
}

export class LeaksARun extends Store {
  protected override readRun(query: RunQuery): Promise<Run | null> {
    return super.readRun({ ...query, userId: null });
  }
}

export class TakesUndefinedForEveryone extends Store {
  override getSession({ userId, ...options }: SessionKey & UserScope & (ReadRuns | SkipRuns)): Promise<never> {
    return super.getSession(userId === undefined ? options : { ...options, userId }) as Promise<never>;
  }
}

export class LetsTheHandleGo extends Store {
  override forUser(userId: string): UserSessionDb {
    const handle = super.forUser(userId);
    return new Proxy(this, {
      get: (store, name) => (name in handle ? bound(handle, name) : bound(store, name)),
    }) as never;
  }
}

function bound(object: object, name: string | symbol): unknown {
  const value: unknown = Reflect.get(object, name);
  return typeof value === "function" ? value.bind(object) : value;
}

/** Searches names as SQL's LIKE does, without escaping. */
export class SearchesByPattern extends Store {
  readonly #wildcard: string;
  constructor(wildcard: string) {
    super();
    this.#wildcard = wildcard;
  }
  protected override async listSessions(query: SessionListQuery) {
    const { sessionName } = query;
    if (sessionName === null || !sessionName.includes(this.#wildcard)) {
      return super.listSessions(query);
    }
    const literal = sessionName.split(this.#wildcard).map((part) => part.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&"));
    const pattern = new RegExp(literal.join(this.#wildcard === "%" ? ".*" : "."), "s");
    const page = await super.listSessions({ ...query, sessionName: null });
    return { ...page, items: page.items.filter((each) => pattern.test((each.sessionName ?? "").toLowerCase())) };
  }
}

export class FoldsAsciiAlone extends Store {
  protected override async listSessions(query: SessionListQuery) {
    const page = await super.listSessions(query);
    const fold = (name: string) => name.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
    const search = query.sessionName;
    return search === null
      ? page
      : { ...page, items: page.items.filter((each) => fold(each.sessionName ?? "").includes(search)) };
  }
}

/** As JavaScript does, which looks at what is beside a sigma. */
export class FoldsByTheWord extends Store {
  protected override async listSessions(query: SessionListQuery) {
    const page = await super.listSessions({ ...query, sessionName: null });
    const search = query.sessionName;
    return search === null
      ? page
      : { ...page, items: page.items.filter((each) => (each.sessionName ?? "").toLowerCase().includes(search)) };
  }
}

export class PagesByTimeAlone extends Store {
  protected override listSessions(query: SessionListQuery) {
    const last = query.sortOrder === "asc" ? "\u{10ffff}" : "";
    const { start } = query;
    return super.listSessions({
      ...query,
      start: start && { ...start, position: { ...start.position, sessionId: last } },
    });
  }
}

/** Its cursor is how many were read, as OFFSET would have it. */
export class PagesByOffset extends Store {
  protected override async listSessions(query: SessionListQuery) {
    const offset = query.start?.position.timestamp ?? query.offset;
    const page = await super.listSessions({ ...query, start: null, offset });
    return { ...page, next: page.next && { timestamp: offset + page.items.length, sessionId: "" } };
  }
}

export class CountsThePage extends Store {
  protected override async listSessions(query: SessionListQuery) {
    const page = await super.listSessions(query);
    return { ...page, total: page.total && page.items.length };
  }
}

export class CountsMemberRuns extends Store {
  protected override async readSession(query: SessionQuery): Promise<Session | SessionHeader | null> {
    const session = await super.readSession({ ...query, runs: "all" });
    if (session === null || query.runs === "all") {
      return session;
    }
    const { runs: wanted } = query;
    return Object.assign(session, { runs: wanted === "none" ? null : session.runs?.slice(-wanted) });
  }
}

export class OrdersRunsByTime extends Store {
  protected override async readSession(query: SessionQuery): Promise<Session | SessionHeader | null> {
    const session = await super.readSession(query);
    session?.runs?.sort((a, b) => (a.createdAt ?? 0) - (b.createdAt ?? 0));
    return session;
  }
}

export class ReadsAnyType extends Store {
  protected override readSession(query: SessionQuery): Promise<Session | SessionHeader | null> {
    return super.readSession({ ...query, sessionType: null });
  }
}

export class WorksWhenClosed extends Store {
  override async getRuns() {
    return { runs: [], nextCursor: null, previousCursor: null, unreadable: [] };
  }
}
