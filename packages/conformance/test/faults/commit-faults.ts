import { setTimeout as sleep } from "node:timers/promises";
import { DatabaseBusyError, DatabaseUnreachableError } from "@sessiondb/core";
import type { DeletedBatch, MatchingSelection, RunWrite, Signal } from "@sessiondb/core/adapter";
import type { Draft } from "../key-value/draft.ts";
import type { CommitRequest, KeyValueService } from "../key-value/key-value-service.ts";
import { Reader } from "../key-value/reader.ts";
import { TracedStore, type Fault } from "./traced-store.ts";

// Commits that do not compare, are made twice, or by halves; and connections whose loss is not said.

type Commit = (request: CommitRequest) => Promise<number | null>;

const commits =
  (commit: (request: CommitRequest, commit: Commit) => Promise<number | null>): Fault["make"] =>
  (service) =>
    new TracedStore({
      read: (request) => service.read(request),
      commit: (request) => commit(request, (asked) => service.commit(asked)),
    });

const expecting = (keeps: (key: string, version: number) => boolean): Fault["make"] =>
  commits((request, commit) =>
    commit({ ...request, expected: new Map([...request.expected].filter(([key, version]) => keeps(key, version))) }),
  );

/** Commits in two parts; the second has those entries that the condition chooses. */
const inParts = (second: (key: string) => boolean, between: () => Promise<unknown> = async () => {}): Fault["make"] =>
  commits(async (request, commit) => {
    const part = (wanted: boolean): CommitRequest => ({
      expected: wanted ? new Map() : request.expected,
      puts: new Map([...request.puts].filter(([key]) => second(key) === wanted)),
      deletes: new Set([...request.deletes].filter((key) => second(key) === wanted)),
    });
    const revision = await commit(part(false));
    await between();
    return revision === null ? null : commit(part(true));
  });

/** Does something else where the service was not reached. */
class Otherwise extends TracedStore {
  readonly #otherwise: (error: DatabaseUnreachableError, again: () => Promise<unknown>) => Promise<unknown>;
  constructor(
    service: KeyValueService,
    otherwise: (error: DatabaseUnreachableError, again: () => Promise<unknown>) => Promise<unknown>,
  ) {
    super(service);
    this.#otherwise = otherwise;
  }
  protected override async writing<Result>(signal: Signal, plan: (draft: Draft) => Promise<Result>): Promise<Result> {
    try {
      return await super.writing(signal, plan);
    } catch (error) {
      if (!(error instanceof DatabaseUnreachableError)) {
        throw error;
      }
      return (await this.#otherwise(error, () => super.writing(signal, plan))) as Result;
    }
  }
}

const otherwise =
  (what: ConstructorParameters<typeof Otherwise>[1]): Fault["make"] =>
  (service) =>
    new Otherwise(service, what);

/** Says what was written when the connection breaks. */
class Quotes extends TracedStore {
  protected override async writeRun(write: RunWrite, signal: Signal): ReturnType<TracedStore["writeRun"]> {
    return super.writeRun(write, signal).catch((error: unknown) => {
      if (error instanceof DatabaseUnreachableError) {
        throw new DatabaseUnreachableError("The key-value service cannot be reached.", {
          cause: Object.assign(new Error("put failed"), { value: write.run.runData }),
        });
      }
      throw error;
    });
  }
}

class StaysBroken extends TracedStore {
  #broken = false;
  protected override async reading<Result>(signal: Signal, work: (reader: Reader) => Promise<Result>): Promise<Result> {
    if (this.#broken) {
      throw new DatabaseUnreachableError("The key-value service cannot be reached.");
    }
    try {
      return await super.reading(signal, work);
    } catch (error) {
      this.#broken ||= error instanceof DatabaseUnreachableError;
      throw error;
    }
  }
}

class EmptyWhenLost extends TracedStore {
  protected override async reading<Result>(signal: Signal, work: (reader: Reader) => Promise<Result>): Promise<Result> {
    const nothing: KeyValueService = {
      read: async ({ keys = [], ranges = [] }) => ({
        revision: 0,
        values: keys.map(() => null),
        ranges: ranges.map(() => []),
      }),
      commit: async () => 0,
    };
    return super.reading(signal, work).catch((error: unknown) => {
      if (error instanceof DatabaseUnreachableError) {
        return work(new Reader(nothing, this.cache));
      }
      throw error;
    });
  }
}

class FindsThenDeletes extends TracedStore {
  protected override async removeMatching(selection: MatchingSelection, signal: Signal): Promise<DeletedBatch> {
    const { items } = await this.listSessions(
      {
        ...selection.conditions,
        limit: selection.limit,
        sortBy: "createdAt",
        sortOrder: "asc",
        start: null,
        offset: 0,
        onUnreadable: "report",
        runs: "none",
        includeTotal: false,
        includeRunCount: false,
      },
      signal,
    );
    await sleep(1);
    const sessionIds = items.map(({ sessionId }) => sessionId);
    const deleted = sessionIds.length === 0 ? 0 : await this.removeSessions({ sessionIds, userId: null }, signal);
    return { deleted, next: deleted === 0 ? null : "the rest" };
  }
}

class GivesUpAtOnce extends TracedStore {
  protected override async writing<Result>(signal: Signal, plan: (draft: Draft) => Promise<Result>): Promise<Result> {
    let tries = 0;
    return super.writing(signal, (draft) => {
      tries += 1;
      if (tries > 1) {
        throw new DatabaseBusyError("The session changed.");
      }
      return plan(draft);
    });
  }
}

class AbortsTooLate extends TracedStore {
  protected override async writing<Result>(signal: Signal, plan: (draft: Draft) => Promise<Result>): Promise<Result> {
    const result = await super.writing(undefined, plan);
    signal?.throwIfAborted();
    return result;
  }
}

/** Reads all runs of the session in every turn. */
class ReadsTheSession extends TracedStore {
  protected override async writeRun(write: RunWrite, signal: Signal): ReturnType<TracedStore["writeRun"]> {
    const { sessionId } = write.session;
    await this.readSession({ sessionId, sessionType: null, userId: null, runs: "all" }, signal);
    return super.writeRun(write, signal);
  }
}

/** Keeps the ids of all runs in one value, which every turn writes. */
class WritesAllIds extends TracedStore {
  protected override changesOf(draft: Draft): ReturnType<TracedStore["changesOf"]> {
    const counts = [...draft.sessions.values()].flatMap(({ after }) => (after === null ? [] : [after]));
    return [
      ...super.changesOf(draft),
      ...counts.map(({ row, runCount }) => ({ key: `ids\0${row.sessionId}`, after: "run-id,".repeat(runCount) })),
    ];
  }
}

const raw = (make: (error: DatabaseUnreachableError) => unknown): Fault["make"] =>
  otherwise(async (error) => {
    throw make(error);
  });

export const commitFaults: readonly Fault[] = [
  {
    fault: "commits even if something has changed since",
    caughtBy: "races: turns that change an existing session all count",
    message: "after 20 turns with a change the stored changes are",
    make: expecting(() => false),
  },
  {
    fault: "does not compare entries that were missing",
    caughtBy: "races: turns that create a session at once all count",
    message: "turns that create one session at once",
    make: expecting((_, version) => version > 0),
  },
  {
    fault: "compares only the session, not the run",
    caughtBy: "races: when sessions take one run id at once, one gets it",
    message: "one run id number",
    make: expecting((key) => key.startsWith("session\0")),
  },
  {
    fault: "compares only the runs, not the session",
    caughtBy: "races: turns that change an existing session all count",
    message: "after 20 turns with a change the stored changes are",
    make: expecting((key) => !key.startsWith("session\0")),
  },
  {
    fault: "gives up when somebody was faster",
    caughtBy: "races: turns that change an existing session all count",
    message: "a call made during others failed: DATABASE_BUSY",
    make: (service) => new GivesUpAtOnce(service),
  },
  {
    fault: "commits runs after the session",
    caughtBy: "races: a session and its runs are read at one moment",
    message: "runs of another moment",
    make: inParts((key) => key.startsWith("place\0") || key.startsWith("run\0")),
  },
  {
    fault: "commits the index after the rest",
    caughtBy: "connections: a new session is stored once, or not at all, when the connection breaks",
    message: "with the connection cut before answer to commit",
    make: inParts((key) => key.startsWith("sessions\0")),
  },
  {
    fault: "repeats a write whose outcome is unknown",
    caughtBy: "connections: a turn that counts is stored once, or not at all, when the connection breaks",
    message: 'resolved, and the store holds, of session "a", as sessionData',
    make: otherwise((_, again) => again()),
  },
  {
    fault: "treats a write whose outcome is unknown as stored",
    caughtBy: "connections: upsertRun says that the database cannot be reached",
    message: "upsertRun resulted in { result: { stored: true",
    make: otherwise(async () => ({ stored: true, deletedRuns: 0 })),
  },
  {
    fault: "treats a write whose outcome is unknown as not stored",
    caughtBy: "connections: a turn that counts is stored once, or not at all, when the connection breaks",
    message: "resulted in { result: { stored: false",
    make: otherwise(async () => ({ stored: false, unmet: "onlyIfStatus" })),
  },
  {
    fault: "throws the service's own error when the connection breaks",
    caughtBy: "connections: a turn that counts is stored once, or not at all, when the connection breaks",
    message: "rejects with ServiceError: connection lost",
    make: raw((error) => error.cause),
  },
  {
    fault: "throws an error without a code when the connection breaks",
    caughtBy: "connections: a turn that counts is stored once, or not at all, when the connection breaks",
    message: "rejects with TypeError",
    make: raw(() => new TypeError("Cannot read properties of null")),
  },
  {
    fault: "quotes what was written when the connection breaks",
    caughtBy: "connections: a turn that counts is stored once, or not at all, when the connection breaks",
    message: "an error contains stored content",
    make: (service) => new Quotes(service),
  },
  {
    fault: "stays broken after an outage",
    caughtBy: "connections: getSession says that the database cannot be reached",
    message: "without a database, the store holds failed: DATABASE_UNREACHABLE",
    make: (service) => new StaysBroken(service),
  },
  {
    fault: "shows an empty store when the service is away",
    caughtBy: "connections: getSession says that the database cannot be reached",
    message: "getSession resulted in { result: null } without a database",
    make: (service) => new EmptyWhenLost(service),
  },
  {
    fault: "finds the sessions to delete before it locks them",
    caughtBy: "races: a delete by name spares a session that is renamed",
    message: "a delete by filter left",
    make: (service) => new FindsThenDeletes(service),
  },
  {
    fault: "stores a write that it reports as aborted",
    caughtBy: "races: a turn whose signal aborts while its change runs is stored whole or not at all",
    message: "an aborted turn that rejected left",
    make: (service) => new AbortsTooLate(service),
  },
  {
    fault: "reads the whole session in every turn",
    caughtBy: "cost: a further turn costs the same in a long session",
    message: "read is",
    make: (service) => new ReadsTheSession(service),
  },
  {
    fault: "writes the ids of all runs with every turn",
    caughtBy: "cost: a further turn costs the same in a long session",
    message: "written is",
    make: (service) => new WritesAllIds(service),
  },
];
