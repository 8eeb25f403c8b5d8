import type { Run, Session, SessionHeader } from "@sessiondb/core";
import type {
  PageOf,
  RunListQuery,
  RunPosition,
  RunQuery,
  SessionListQuery,
  SessionPageOf,
  SessionQuery,
  Signal,
} from "@sessiondb/core/adapter";
import { InvalidArgumentError } from "@sessiondb/core";
import type { KeyValueService, ReadRequest } from "../key-value/key-value-service.ts";
import { Reader } from "../key-value/reader.ts";
import { TracedStore, type Fault, type Write } from "./traced-store.ts";

// Reads that show what was, what is of another moment, another page, or more than was asked for.

type Listed = SessionPageOf<Session | SessionHeader>;

class Lists extends TracedStore {
  readonly #list: (query: SessionListQuery, list: (query: SessionListQuery) => Promise<Listed>) => Promise<Listed>;
  constructor(
    service: KeyValueService,
    list: (query: SessionListQuery, list: (query: SessionListQuery) => Promise<Listed>) => Promise<Listed>,
  ) {
    super(service);
    this.#list = list;
  }
  protected override listSessions(query: SessionListQuery, signal: Signal): Promise<Listed> {
    return this.#list(query, (asked) => super.listSessions(asked, signal));
  }
}

type ListedRuns = PageOf<Run, RunPosition>;

class ListsRuns extends TracedStore {
  readonly #list: (query: RunListQuery, list: (query: RunListQuery) => Promise<ListedRuns>) => Promise<ListedRuns>;
  constructor(
    service: KeyValueService,
    list: (query: RunListQuery, list: (query: RunListQuery) => Promise<ListedRuns>) => Promise<ListedRuns>,
  ) {
    super(service);
    this.#list = list;
  }
  protected override listRuns(query: RunListQuery, signal: Signal): Promise<ListedRuns> {
    return this.#list(query, (asked) => super.listRuns(asked, signal));
  }
}

const lists =
  (list: ConstructorParameters<typeof Lists>[1]): Fault["make"] =>
  (service) =>
    new Lists(service, list);
const listsRuns =
  (list: ConstructorParameters<typeof ListsRuns>[1]): Fault["make"] =>
  (service) =>
    new ListsRuns(service, list);

/** Remembers what it read until it writes itself, by the writes named. */
class Remembers extends TracedStore {
  readonly #what: "session" | "run" | "list" | "runs" | "absence";
  readonly #forgetsOn: readonly Write["method"][];
  readonly #kept: Map<string, unknown>;

  constructor(
    service: KeyValueService,
    what: "session" | "run" | "list" | "runs" | "absence",
    forgetsOn?: readonly Write["method"][],
  ) {
    super(service);
    // All handles forget together where the fault is a write that forgets nothing.
    this.#kept = forgetsOn === undefined ? new Map() : (shared.get(service) ?? new Map());
    shared.set(service, this.#kept);
    this.#what = what;
    this.#forgetsOn = forgetsOn ?? everyWrite;
  }

  protected override readSession(query: SessionQuery, signal: Signal): Promise<Session | SessionHeader | null> {
    return this.#keep("session", query, () => super.readSession(query, signal));
  }

  protected override readRun(query: RunQuery, signal: Signal): Promise<Run | null> {
    return this.#keep("run", query, () => super.readRun(query, signal));
  }

  protected override listSessions(query: SessionListQuery, signal: Signal): Promise<Listed> {
    return this.#keep("list", query, () => super.listSessions(query, signal));
  }

  protected override listRuns(query: RunListQuery, signal: Signal): Promise<ListedRuns> {
    return this.#keep("runs", query, () => super.listRuns(query, signal));
  }

  protected override changesOf(draft: Parameters<TracedStore["changesOf"]>[0]): ReturnType<TracedStore["changesOf"]> {
    if (this.#forgetsOn.includes(this.current.method)) {
      this.#kept.clear();
    }
    return super.changesOf(draft);
  }

  async #keep<Result>(
    what: "session" | "run" | "list" | "runs",
    query: object,
    read: () => Promise<Result>,
  ): Promise<Result> {
    const key = JSON.stringify([what, query]);
    const kept = this.#kept.get(key) as Result | undefined;
    if (kept !== undefined) {
      return kept;
    }
    const result = await read();
    if (this.#what === what || (this.#what === "absence" && what === "session" && result === null)) {
      this.#kept.set(key, result);
    }
    return result;
  }
}

const everyWrite = ["writeRun", "writeSessions", "changeSession", "changeRun", "removeSessions", "removeRuns"] as const;
const butFor = (method: Write["method"]): readonly Write["method"][] => everyWrite.filter((each) => each !== method);

const shared = new WeakMap<KeyValueService, Map<string, unknown>>();

/** Reads each request at its own moment. */
class Torn extends TracedStore {
  readonly #service: KeyValueService;
  readonly #waits: boolean;
  constructor(service: KeyValueService, waits = false) {
    super(service);
    this.#waits = waits;
    this.#service = {
      read: (request: ReadRequest) => service.read({ ...request, revision: null }),
      commit: (request) => service.commit(request),
    };
  }
  protected override async reading<Result>(signal: Signal, work: (reader: Reader) => Promise<Result>): Promise<Result> {
    signal?.throwIfAborted();
    return this.#waits ? super.reading(signal, work) : work(new Reader(this.#service, this.cache));
  }
}

/** Reads the runs of a session in a second read. */
class ReadsTwice extends TracedStore {
  protected override async readSession(query: SessionQuery, signal: Signal): Promise<Session | SessionHeader | null> {
    const header = await super.readSession({ ...query, runs: "none" }, signal);
    const session = query.runs === "none" ? header : await super.readSession(query, signal);
    return header === null || session === null || query.runs === "none"
      ? header
      : Object.assign(session, {
          metadata: header.metadata,
          updatedAt: header.updatedAt,
          sessionData: header.sessionData,
        });
  }
}

class CountsLater extends TracedStore {
  protected override async listSessions(query: SessionListQuery, signal: Signal): Promise<Listed> {
    const page = await super.listSessions(query, signal);
    for (const item of query.includeRunCount ? page.items : []) {
      const now = await super.readSession(
        { sessionId: item.sessionId, sessionType: null, userId: null, runs: "all" },
        signal,
      );
      Object.assign(item, { runCount: now?.runs?.length ?? 0 });
    }
    return page;
  }
}

class ReadsEverything extends TracedStore {
  readonly #kind: "none" | "limit";
  constructor(service: KeyValueService, kind: "none" | "limit") {
    super(service);
    this.#kind = kind;
  }
  protected override async readSession(query: SessionQuery, signal: Signal): Promise<Session | SessionHeader | null> {
    const wasteful = this.#kind === "none" ? query.runs === "none" : typeof query.runs === "number";
    if (wasteful) {
      await super.readSession({ ...query, runs: "all" }, signal);
    }
    return super.readSession(query, signal);
  }
}

class ListsOneByOne extends TracedStore {
  protected override async listSessions(query: SessionListQuery, signal: Signal): Promise<Listed> {
    const page = await super.listSessions({ ...query, runs: "none" }, signal);
    if (query.runs === "none") {
      return page;
    }
    const items: (Session | SessionHeader)[] = [];
    for (const { sessionId } of page.items) {
      const session = await super.readSession({ sessionId, sessionType: null, userId: null, runs: query.runs }, signal);
      items.push(...(session === null ? [] : [session]));
    }
    const counts = new Map(page.items.map((item) => [item.sessionId, item.runCount]));
    for (const item of query.includeRunCount ? items : []) {
      Object.assign(item, { runCount: counts.get(item.sessionId) });
    }
    return { ...page, items };
  }
}

class CountsByReading extends TracedStore {
  protected override async listSessions(query: SessionListQuery, signal: Signal): Promise<Listed> {
    if (query.includeRunCount) {
      await super.listSessions({ ...query, runs: "all" }, signal);
    }
    return super.listSessions(query, signal);
  }
}

class TakesFailureForNothing extends TracedStore {
  protected override readSession(query: SessionQuery, signal: Signal): Promise<Session | SessionHeader | null> {
    return super.readSession(query, signal).catch((error: unknown) => {
      if (error instanceof Error && "code" in error && error.code === "CORRUPT_DATA") {
        return null;
      }
      throw error;
    });
  }
}

export const readFaults: readonly Fault[] = [
  {
    fault: "remembers a session until it writes itself",
    caughtBy: "caches: a handle sees a rename by another",
    message: 'after a rename by another handle: getSession({ sessionId: "a" }) returned',
    make: (service) => new Remembers(service, "session"),
  },
  {
    fault: "remembers a run until it writes itself",
    caughtBy: "caches: a handle sees updateRun with another status by another",
    message: 'by another handle: getRun({ runId: "a2" }) returned',
    make: (service) => new Remembers(service, "run"),
  },
  {
    fault: "remembers a list until it writes itself",
    caughtBy: "caches: a handle sees a rename by another",
    message: "after a rename by another handle: getSessions({",
    make: (service) => new Remembers(service, "list"),
  },
  {
    fault: "remembers a list of runs until it writes itself",
    caughtBy: "caches: a handle sees updateRun with another participant and component by another",
    message: "by another handle: getRuns({",
    make: (service) => new Remembers(service, "runs"),
  },
  {
    fault: "remembers that a session was missing",
    caughtBy: "caches: a handle sees a new session by another",
    message: 'getSession({ sessionId: "f" }) returned null',
    make: (service) => new Remembers(service, "absence"),
  },
  {
    fault: "remembers a session when it is deleted",
    caughtBy: "caches: a handle sees a delete of a session by another",
    message: 'getSession({ sessionId: "a" }) returned',
    make: (service) => new Remembers(service, "session", butFor("removeSessions")),
  },
  {
    fault: "remembers a session when its run is changed",
    caughtBy: "caches: a handle sees updateRun with another status by another",
    message: 'getSession({ sessionId: "a" }) returned',
    make: (service) => new Remembers(service, "session", butFor("changeRun")),
  },
  {
    fault: "remembers a session when its runs are deleted",
    caughtBy: "caches: a handle sees a delete of runs by another",
    message: 'getSession({ sessionId: "a" }) returned',
    make: (service) => new Remembers(service, "session", butFor("removeRuns")),
  },
  {
    fault: "remembers a list when a session is renamed",
    caughtBy: "caches: a handle sees a rename by another",
    message: "after a rename by another handle: getSessions({",
    make: (service) => new Remembers(service, "list", butFor("changeSession")),
  },
  {
    fault: "remembers a list when a run is changed",
    caughtBy: "caches: a handle sees updateRun with another status by another",
    message: "by another handle: getSessions({",
    make: (service) => new Remembers(service, "list", butFor("changeRun")),
  },
  {
    fault: "remembers a list of runs when a session is deleted",
    caughtBy: "caches: a handle sees a delete of a session by another",
    message: "by another handle: getRuns({",
    make: (service) => new Remembers(service, "runs", butFor("removeSessions")),
  },
  {
    fault: "remembers a run when a turn deletes it",
    caughtBy: "caches: a handle sees a turn that deletes the runs after another by another",
    message: 'by another handle: getRun({ runId: "a2" }) returned',
    make: (service) => new Remembers(service, "run", butFor("writeRun")),
  },
  {
    fault: "reads session and runs at two moments",
    caughtBy: "races: a session and its runs are read at one moment",
    message: "of another moment",
    make: (service) => new Torn(service),
  },
  {
    fault: "reads a session's row before its runs",
    caughtBy: "races: a session and its runs are read at one moment",
    message: "getSession shows, with the session of turn",
    make: (service) => new ReadsTwice(service),
  },
  {
    fault: "counts the runs of a list later",
    caughtBy: "races: a session and its runs are read at one moment",
    message: "getSessions returned, with its runs, a runCount of",
    make: (service) => new CountsLater(service),
  },
  {
    fault: "reads all runs when none were asked for",
    caughtBy: "cost: getSession without runs reads no run",
    message: "read is",
    make: (service) => new ReadsEverything(service, "none"),
  },
  {
    fault: "reads all runs to return the newest",
    caughtBy: "cost: getSession with runsLimit reads no earlier run",
    message: "read is",
    make: (service) => new ReadsEverything(service, "limit"),
  },
  {
    fault: "reads the runs of a list session by session",
    caughtBy: "cost: a list with runs takes one round trip more than without",
    message: "one more is allowed",
    make: (service) => new ListsOneByOne(service),
  },
  {
    fault: "counts runs by reading them",
    caughtBy: "cost: a list with the count of runs reads no run",
    message: "read is",
    make: (service) => new CountsByReading(service),
  },
  {
    fault: "treats an unreadable session as missing",
    caughtBy: "unreadable rows: getSession fails for a session that cannot be read",
    message: "getSession resolved, although a row cannot be read",
    make: (service) => new TakesFailureForNothing(service),
  },
  {
    fault: "silently leaves out unreadable sessions",
    caughtBy: "unreadable rows: a list reports a session that cannot be read, and returns the others",
    message: "reported as unreadable []",
    make: lists(async (query, list) => ({ ...(await list(query)), unreadable: [] })),
  },
  {
    fault: "fails for an unreadable session in any list",
    caughtBy: "unreadable rows: a list reports a session that cannot be read, and returns the others",
    message: "getSessions({}) failed: CORRUPT_DATA",
    make: lists((query, list) => list({ ...query, onUnreadable: "throw" })),
  },
  {
    fault: "reports unreadable sessions even when asked to throw",
    caughtBy: "unreadable rows: a list fails for a session that cannot be read, if asked to",
    message: 'getSessions({ onUnreadable: "throw" }) resolved',
    make: lists((query, list) => list({ ...query, onUnreadable: "report" })),
  },
  {
    fault: "silently leaves out unreadable runs",
    caughtBy: "unreadable rows: a list of runs reports one that cannot be read, and returns the others",
    message: "reported as unreadable []",
    make: listsRuns(async (query, list) => ({ ...(await list(query)), unreadable: [] })),
  },
  {
    fault: "ends a list of sessions at an unreadable one",
    caughtBy: "unreadable rows: pages continue past a session that cannot be read",
    message: "pages of 1 returned and reported",
    make: lists(async (query, list) => {
      const page = await list(query);
      return page.unreadable.length > 0 ? { ...page, next: null } : page;
    }),
  },
  {
    fault: "leaves out an unreadable run of a list with runs",
    caughtBy: "unreadable rows: a session with a run that cannot be read is unreadable when runs are requested",
    message: "a list with runs, one being unreadable, returned",
    make: lists(async (query, list) => {
      const page = await list(query);
      if (query.runs === "none" || page.unreadable.length === 0) {
        return page;
      }
      const bare = await list({ ...query, runs: "none" });
      return {
        ...bare,
        items: bare.items.map(
          (item) =>
            page.items.find(({ sessionId }) => sessionId === item.sessionId) ?? Object.assign(item, { runs: [] }),
        ) as Session[],
      };
    }),
  },
  {
    fault: "goes back by one session too few",
    caughtBy: "indexes: every list is right before anything else happens",
    message: "by previousCursor, from the last page back, returned",
    make: lists(async (query, list) => {
      const page = await list(query);
      const [, second] = page.items;
      return second === undefined || page.previous === null
        ? page
        : {
            ...page,
            previous: {
              timestamp: query.sortBy === "createdAt" ? second.createdAt : (second.updatedAt ?? second.createdAt),
              sessionId: second.sessionId,
            },
          };
    }),
  },
  {
    fault: "has no way back from a page reached by a cursor",
    caughtBy: "indexes: every list is right before anything else happens",
    message: "by previousCursor, from the last page back, returned",
    make: lists(async (query, list) => ({ ...(await list(query)), previous: null })),
  },
  {
    fault: "offers a page before the first",
    caughtBy: "indexes: every list is right before anything else happens",
    message: "has the cursors",
    make: lists(async (query, list) => {
      const page = await list(query);
      const [first] = page.items;
      return first === undefined || query.limit > 2
        ? page
        : {
            ...page,
            previous: page.previous ?? {
              timestamp: query.sortBy === "createdAt" ? first.createdAt : (first.updatedAt ?? first.createdAt),
              sessionId: first.sessionId,
            },
          };
    }),
  },
  {
    fault: "offers a page after the last",
    caughtBy: "indexes: every list is right before anything else happens",
    message: "has the cursors",
    make: lists(async (query, list) => {
      const page = await list(query);
      const last = page.items.at(-1);
      return last === undefined || page.items.length < query.limit
        ? page
        : {
            ...page,
            next: page.next ?? {
              timestamp: query.sortBy === "createdAt" ? last.createdAt : (last.updatedAt ?? last.createdAt),
              sessionId: last.sessionId,
            },
          };
    }),
  },
  {
    fault: "skips sessions with the same time as the end of a page",
    caughtBy: "indexes: every list is right before anything else happens",
    message: "by nextCursor returned",
    make: lists((query, list) =>
      list({
        ...query,
        start: query.start && {
          ...query.start,
          position: {
            ...query.start.position,
            sessionId: (query.sortOrder === "asc") === (query.start.side === "after") ? "\u{10ffff}" : "\0",
          },
        },
      }),
    ),
  },
  {
    fault: "always goes back by a whole page",
    caughtBy: "indexes: every list is right before anything else happens",
    message: "by previousCursor",
    make: lists(async (query, list) =>
      query.start?.side === "before" ? list({ ...query, start: { ...query.start, side: "after" } }) : list(query),
    ),
  },
  {
    fault: "reverses the order of sessions with the same time",
    caughtBy: "indexes: every list is right before anything else happens",
    message: "returned the sessions",
    make: lists(async (query, list) => {
      const page = await list(query);
      const direction = query.sortOrder === "asc" ? 1 : -1;
      return query.sortBy === "updatedAt"
        ? page
        : {
            ...page,
            items: page.items.toSorted(
              (a, b) => direction * (a.createdAt - b.createdAt) || direction * (a.sessionId < b.sessionId ? 1 : -1),
            ),
          };
    }),
  },
  {
    fault: "counts only the sessions after the cursor for the total",
    caughtBy: "indexes: every list is right before anything else happens",
    message: "counted, as its total,",
    make: lists(async (query, list) => {
      const page = await list(query);
      return page.total === null || query.start === null
        ? page
        : { ...page, total: page.items.length + (page.next === null ? 0 : 1) };
    }),
  },
  {
    fault: "counts all sessions for the total of a filter",
    caughtBy: "indexes: every list is right before anything else happens",
    message: "counted, as its total,",
    make: lists(async (query, list) => {
      const page = await list(query);
      const all = await list({ ...query, userId: null, participantId: null, runStatuses: null });
      return { ...page, total: page.total === null ? null : all.total };
    }),
  },
  {
    fault: "ignores the type when a component is given",
    caughtBy: "indexes: every list is right before anything else happens",
    message: 'getSessions({"componentId":"one","sessionType"',
    make: lists((query, list) => list(query.componentId === null ? query : { ...query, sessionType: null })),
  },
  {
    fault: "goes back by one run too few",
    caughtBy: "indexes: every list is right before anything else happens",
    message: "by previousCursor, from the last page back, returned",
    make: listsRuns(async (query, list) => {
      const page = await list(query);
      const second = page.items[1];
      return second === undefined || page.previous === null
        ? page
        : { ...page, previous: { ...page.previous, runId: second.runId, createdAt: second.createdAt ?? 0 } };
    }),
  },
  {
    fault: "starts over after the cursor of a deleted run",
    caughtBy: "cursors: in a session, the cursor of a deleted run is refused",
    message: "the call was accepted",
    make: listsRuns((query, list) =>
      list(query).catch((error: unknown) => {
        if (error instanceof InvalidArgumentError && query.start !== null) {
          return list({ ...query, start: null });
        }
        throw error;
      }),
    ),
  },
  {
    fault: "ignores the parent when a session is given",
    caughtBy: "indexes: every list is right before anything else happens",
    message: 'getRuns({"sessionId":"a","userId":"alice","parentRunId":null',
    make: listsRuns((query, list) => list(query.sessionId === null ? query : { ...query, parent: null })),
  },
  {
    fault: "ignores the owner when a session is given",
    caughtBy: "indexes: every list is right before anything else happens",
    message: 'getRuns({"sessionId":"a","userId":"bob"',
    make: listsRuns((query, list) => list(query.sessionId === null ? query : { ...query, userId: null })),
  },
];
