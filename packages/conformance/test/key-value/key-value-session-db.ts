import { setTimeout as sleep } from "node:timers/promises";
import {
  DatabaseBusyError,
  DatabaseUnreachableError,
  type Run,
  type Session,
  type SessionHeader,
  type UpsertRunResult,
} from "@sessiondb/core";
import {
  admitOwner,
  admitType,
  BaseSessionDb,
  decodeHeader,
  decodeRows,
  decodeRun,
  decodeSession,
  isVisible,
  parseRunRow,
  parseSessionRow,
  withRunCount,
  type PageOf,
  type RunChangeFunction,
  type RunListQuery,
  type RunPosition,
  type RunQuery,
  type RunScopeQuery,
  type RunSelection,
  type RunWrite,
  type ScopeQuery,
  type SessionChangeFunction,
  type SessionListQuery,
  type SessionPageOf,
  type SessionQuery,
  type DeletedBatch,
  type MatchingSelection,
  type SessionSelection,
  type SessionWrite,
  type Signal,
} from "@sessiondb/core/adapter";
import { Draft, type EntryChange } from "./draft.ts";
import { ServiceError, type KeyValueService } from "./key-value-service.ts";
import {
  locatorKey,
  runLocator,
  sessionKey,
  storedRun,
  storedSession,
  type StoredRun,
  type StoredSession,
} from "./layout.ts";
import { runIds, sessionIds } from "./lists.ts";
import { Reader } from "./reader.ts";
import { runsOfSessions } from "./session-runs.ts";
import { ValueCache } from "./value-cache.ts";
import * as writes from "./writes.ts";

const mostConnects = 3;
const mostConflicts = 200;

/** A store over a service that has no locks: read, plan, compare and set, and all of it again when somebody was faster. */
export class KeyValueSessionDb extends BaseSessionDb {
  protected readonly service: KeyValueService;
  protected readonly cache = new ValueCache();

  constructor(service: KeyValueService) {
    super({ maxIdLength: 255, maxPayloadBytes: 1024 * 1024 }, "key-value");
    this.service = service;
  }

  protected override readSession(query: SessionQuery, signal: Signal): Promise<Session | SessionHeader | null> {
    return this.reading(signal, async (reader) => {
      const [entry] = await reader.get([sessionKey(query.sessionId)]);
      const stored = storedSession(entry);
      if (stored === null || !isVisible(stored.row, query)) {
        return null;
      }
      if (query.runs === "none") {
        return decodeHeader(parseSessionRow(stored.row));
      }
      const [runs = []] = await runsOfSessions(reader, [query.sessionId], query.runs);
      return decode(stored, runs);
    });
  }

  protected override listSessions(
    query: SessionListQuery,
    signal: Signal,
  ): Promise<SessionPageOf<Session | SessionHeader>> {
    return this.reading(signal, async (reader) => {
      const { items, next, previous, total } = await sessionIds(reader, query);
      const ids = items.map(({ sessionId }) => sessionId);
      const stored = (await reader.get(ids.map(sessionKey))).flatMap((entry) => storedSession(entry) ?? []);
      const runs = query.runs === "none" ? null : await runsOfSessions(reader, ids, query.runs);
      const rows = stored.map((session, index) => ({ session, runs: runs?.[index] ?? null }));
      const listed = decodeRows({ items: rows, next, previous }, query, {
        decode: ({ session, runs: found }) =>
          withRunCount(
            found === null ? decodeHeader(parseSessionRow(session.row)) : decode(session, found),
            query.includeRunCount ? session.runCount : null,
          ),
        idOf: ({ session }) => session.row.sessionId,
      });
      return { ...listed, total: query.includeTotal ? total : null };
    });
  }

  protected override readRun({ runId, userId }: RunQuery, signal: Signal): Promise<Run | null> {
    return this.reading(signal, async (reader) => {
      const [entry] = await reader.get([locatorKey(runId)]);
      const locator = runLocator(entry);
      if (locator === null) {
        return null;
      }
      const [run, session] = await reader.get([locator.key, sessionKey(locator.sessionId)]);
      const owner = storedSession(session)?.row.userId;
      const stored = storedRun(run);
      return stored === null || (userId !== null && owner !== userId) ? null : decodeStored(stored);
    });
  }

  protected override listRuns(query: RunListQuery, signal: Signal): Promise<PageOf<Run, RunPosition>> {
    return this.reading(signal, async (reader) => {
      const { items, next, previous } = await runIds(reader, query);
      const entries = await reader.get(items.map(({ runId }) => locatorKey(runId)));
      const keys = entries.flatMap((entry) => runLocator(entry)?.key ?? []);
      const runs = (await reader.get(keys)).flatMap((entry) => storedRun(entry) ?? []);
      return decodeRows({ items: runs, next, previous }, query, {
        decode: decodeStored,
        idOf: ({ row }) => row.runId,
      });
    });
  }

  protected override writeSessions(given: readonly SessionWrite[], signal: Signal): Promise<SessionHeader[]> {
    return this.writing(signal, (draft) => writes.putSessions(draft, given));
  }

  protected override changeSession(
    { sessionId, sessionType, userId }: ScopeQuery,
    change: SessionChangeFunction,
    signal: Signal,
  ): Promise<SessionHeader | null> {
    return this.writing(signal, async (draft) => {
      const stored = await draft.session(sessionId);
      if (stored === null) {
        return null;
      }
      if (userId !== null) {
        admitOwner(stored.row, userId);
      }
      if (sessionType !== null) {
        admitType(stored.row, sessionType);
      }
      return writes.update(draft, stored.row, { userId, columns: change(parseSessionRow(stored.row)) });
    });
  }

  protected override removeSessions(selection: SessionSelection, signal: Signal): Promise<number> {
    return this.writing(signal, (draft) => writes.deleteNamed(draft, selection));
  }

  protected override removeMatching(selection: MatchingSelection, signal: Signal): Promise<DeletedBatch> {
    const { conditions, limit } = selection;
    return this.writing(signal, async (draft) => {
      // Deleting takes them out of the index, so each batch begins at its start.
      const query = { ...conditions, sortBy: "createdAt", sortOrder: "asc", limit, start: null, offset: 0 } as const;
      const { items } = await sessionIds(draft.reader, query);
      return { deleted: await writes.deleteFound(draft, items), next: items.length < limit ? null : "the rest" };
    });
  }

  protected override writeRun(write: RunWrite, signal: Signal): Promise<UpsertRunResult> {
    return this.writing(signal, (draft) => writes.putTurn(draft, write));
  }

  protected override changeRun(scope: RunScopeQuery, change: RunChangeFunction, signal: Signal): Promise<Run | null> {
    return this.writing(signal, async (draft) => {
      const stored = await writes.changeRun(draft, scope, change);
      return stored === null ? null : decodeStored(stored);
    });
  }

  protected override removeRuns(selection: RunSelection, signal: Signal): Promise<number> {
    return this.writing(signal, (draft) => writes.deleteRuns(draft, selection));
  }

  protected override async release(): Promise<void> {
    // The service belongs to the caller.
  }

  /** A read may be repeated whenever the connection was lost. */
  protected async reading<Result>(signal: Signal, work: (reader: Reader) => Promise<Result>): Promise<Result> {
    for (let connects = 1; ; connects += 1) {
      signal?.throwIfAborted();
      try {
        return await work(new Reader(this.service, this.cache));
      } catch (error) {
        if (!(error instanceof ServiceError) || connects === mostConnects) {
          throw asTyped(error);
        }
      }
    }
  }

  /**
   * Reads, plans and commits, until nobody came between. A commit that was sent and not answered is not repeated: it may be
   * stored, and a second one might add to the first.
   */
  protected async writing<Result>(signal: Signal, plan: (draft: Draft) => Promise<Result>): Promise<Result> {
    for (let conflicts = 0; conflicts < mostConflicts; conflicts += 1) {
      const { draft, result } = await this.reading(signal, async (reader) => {
        const planned = new Draft(reader);
        return { draft: planned, result: await plan(planned) };
      });
      signal?.throwIfAborted();
      const changes = this.changesOf(draft);
      if (changes.length === 0 || (await this.#commit(draft, changes))) {
        return result;
      }
      // Of many that meet again and again each comes first at some time.
      await sleep(Math.random() * Math.min(conflicts, 5));
    }
    throw new DatabaseBusyError("The session kept changing while it was written. Try again.");
  }

  /** What a draft changes of what is stored. */
  protected changesOf(draft: Draft): readonly EntryChange[] {
    return draft.changes();
  }

  async #commit(draft: Draft, changes: readonly EntryChange[]): Promise<boolean> {
    for (let connects = 1; ; connects += 1) {
      try {
        return (await this.service.commit(draft.commit(changes))) !== null;
      } catch (error) {
        if (!(error instanceof ServiceError) || error.sent || connects === mostConnects) {
          throw asTyped(error);
        }
      }
    }
  }
}

function asTyped(error: unknown): unknown {
  if (!(error instanceof ServiceError)) {
    return error;
  }
  const outcome = error.sent ? "Whether the last write is stored is not known." : "Nothing was written.";
  return new DatabaseUnreachableError(`The key-value service cannot be reached. ${outcome}`, { cause: error });
}

function decode({ row }: StoredSession, runs: readonly StoredRun[]): Session {
  return decodeSession(parseSessionRow(row), runs.map(decodeStored));
}

function decodeStored({ row }: StoredRun): Run {
  return decodeRun(parseRunRow(row));
}
