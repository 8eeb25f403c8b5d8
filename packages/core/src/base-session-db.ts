import * as check from "./arguments.ts";
import { changeOf, encodeRunWrite, encodeSessionWrite, runChangeOf } from "./encode-writes.ts";
import { ClosedError, InvalidArgumentError, PartialDeleteError } from "./errors.ts";
import type { MemoryDb } from "./memory-db.ts";
import type { Run } from "./models/runs.ts";
import type { Session, SessionHeader, SessionInit } from "./models/sessions.ts";
import type {
  CallOptions,
  DeleteSessionsOptions,
  GetRunsOptions,
  GetSessionsOptions,
  ImportOptions,
  ListHeaders,
  ListRuns,
  ReadRuns,
  RunChange,
  RunPage,
  SessionChange,
  SessionDbLimits,
  SessionKey,
  SessionPage,
  SkipRuns,
  UpdateRunOptions,
  UpsertRunOptions,
  UpsertRunResult,
  UserScope,
} from "./options.ts";
import { observed } from "./observed-calls.ts";
import { pagesOf } from "./pages.ts";
import {
  checkFilter,
  checkListQuery,
  checkRunListQuery,
  checkRunScope,
  checkRunsWanted,
  checkScope,
  runCursor,
  runsKeys,
  sessionCursor,
} from "./query-checks.ts";
import type {
  DeletedBatch,
  MatchingSelection,
  PageOf,
  RunChangeFunction,
  RunListQuery,
  RunPosition,
  RunQuery,
  RunScopeQuery,
  RunSelection,
  RunWrite,
  ScopeQuery,
  SessionChangeFunction,
  SessionConditions,
  SessionListQuery,
  SessionPageOf,
  SessionQuery,
  SessionSelection,
  SessionWrite,
} from "./queries.ts";
import { checkSearch, searchCursor } from "./search-checks.ts";
import type { SearchPage, SearchSessionsOptions } from "./search-options.ts";
import { SessionSearch, type SearchReads } from "./search-sessions.ts";
import type { SessionDb, UserSessionDb } from "./session-db.ts";
import { ScopedSessionDb } from "./scoped-session-db.ts";

/** The largest number of sessions that a delete by filter deletes in one transaction. */
const deleteBatch = 500;

/** The signal of a call, undefined without one. When it aborts, a store may stop waiting and undo its work. */
export type Signal = AbortSignal | undefined;

/**
 * The parts of `SessionDb` that are the same on every store: argument checks, encoding, defaults, cursors, page walks,
 * deletes in batches, `forUser` and `close`. A store extends it and implements the protected methods, which take
 * checked queries without gaps and return models.
 *
 * When its `signal` aborts, a method either throws `signal.reason` with nothing written, or runs to its end. A signal
 * that is aborted before the call never reaches the store.
 */
export abstract class BaseSessionDb implements SessionDb {
  readonly limits: SessionDbLimits;
  readonly #store: string;
  #closing: Promise<void> | null = null;
  #underWay = 0;
  #whenIdle: (() => void) | null = null;

  /** @param store the kind of store, for those who observe its calls: see `ObservedCall`. */
  constructor(limits: SessionDbLimits, store: string) {
    this.limits = limits;
    this.#store = store;
  }

  /** A store that keeps memories returns its `BaseMemoryDb`, always the same. */
  get memories(): MemoryDb | null {
    return null;
  }

  /** Returns a `SessionHeader` when `query.runs` is `"none"`, else a `Session`, read with its runs at one moment. */
  protected abstract readSession(query: SessionQuery, signal: Signal): Promise<Session | SessionHeader | null>;

  /** Returns sessions as `readSession` does. `query.onUnreadable` decides about those that cannot be read. */
  protected abstract listSessions(
    query: SessionListQuery,
    signal: Signal,
  ): Promise<SessionPageOf<Session | SessionHeader>>;

  /** Writes all or nothing, in order, by the rules of `upsertSession`. Resolves with the sessions as stored. */
  protected abstract writeSessions(writes: readonly SessionWrite[], signal: Signal): Promise<SessionHeader[]>;

  /** Applies `change` to the stored row under its lock. Resolves with the session as stored, or null without one. */
  protected abstract changeSession(
    scope: ScopeQuery,
    change: SessionChangeFunction,
    signal: Signal,
  ): Promise<SessionHeader | null>;

  /** Deletes in one transaction. Resolves with the number of sessions deleted. */
  protected abstract removeSessions(selection: SessionSelection, signal: Signal): Promise<number>;

  /**
   * Deletes one batch of the sessions that meet conditions, in one transaction. What it deletes must still meet them
   * then. Finds the batch from where the last one ended, at a cost that does not grow with the batches before it.
   */
  protected abstract removeMatching(selection: MatchingSelection, signal: Signal): Promise<DeletedBatch>;

  /** Writes a turn. Stores a missing session as given; touches an existing one and fills it in. */
  protected abstract writeRun(write: RunWrite, signal: Signal): Promise<UpsertRunResult>;

  /** Applies `change` to a run under its session's lock. Resolves with the run as stored, or null without one. */
  protected abstract changeRun(scope: RunScopeQuery, change: RunChangeFunction, signal: Signal): Promise<Run | null>;

  protected abstract readRun(query: RunQuery, signal: Signal): Promise<Run | null>;
  protected abstract listRuns(query: RunListQuery, signal: Signal): Promise<PageOf<Run, RunPosition>>;

  /** Deletes all or nothing and closes the gaps in `runIndex`. Resolves with the number of runs deleted. */
  protected abstract removeRuns(selection: RunSelection, signal: Signal): Promise<number>;

  /** Releases what this store opened. Called once, when nothing is under way. */
  protected abstract release(): Promise<void>;

  getSession(options: SessionKey & UserScope & ReadRuns): Promise<Session | null>;
  getSession(options: SessionKey & UserScope & SkipRuns): Promise<SessionHeader | null>;
  getSession(options: SessionKey & UserScope & (ReadRuns | SkipRuns)): Promise<Session | SessionHeader | null>;
  getSession(options: SessionKey & UserScope & (ReadRuns | SkipRuns)): Promise<Session | SessionHeader | null> {
    return this.perform("getSession", options, (signal) => {
      const scope = checkScope(options, this.limits, runsKeys);
      return this.readSession({ ...scope, runs: checkRunsWanted(options, true) }, signal);
    });
  }

  getSessions(options?: GetSessionsOptions & UserScope & ListHeaders): Promise<SessionPage>;
  getSessions(options: GetSessionsOptions & UserScope & ListRuns): Promise<SessionPage<Session>>;
  getSessions(
    options: GetSessionsOptions & UserScope & (ListHeaders | ListRuns),
  ): Promise<SessionPage<Session | SessionHeader>>;
  getSessions(
    options: GetSessionsOptions & UserScope & (ListHeaders | ListRuns) = {},
  ): Promise<SessionPage<Session | SessionHeader>> {
    return this.perform("getSessions", options, async (signal) => {
      const query = checkListQuery(options, this.limits);
      const { items, next, previous, unreadable, total } = await this.listSessions(query, signal);
      return {
        sessions: items,
        nextCursor: next && sessionCursor(query, { position: next, side: "after" }),
        previousCursor: previous && sessionCursor(query, { position: previous, side: "before" }),
        unreadable,
        ...(total !== null && { total }),
      };
    });
  }

  sessionPages(options?: GetSessionsOptions & UserScope & ListHeaders): AsyncIterableIterator<SessionPage>;
  sessionPages(options: GetSessionsOptions & UserScope & ListRuns): AsyncIterableIterator<SessionPage<Session>>;
  sessionPages(
    options: GetSessionsOptions & UserScope & (ListHeaders | ListRuns),
  ): AsyncIterableIterator<SessionPage<Session | SessionHeader>>;
  sessionPages(
    options: GetSessionsOptions & UserScope & (ListHeaders | ListRuns) = {},
  ): AsyncIterableIterator<SessionPage<Session | SessionHeader>> {
    return pagesOf(options, (page) => this.getSessions(page));
  }

  searchSessions(options: SearchSessionsOptions & UserScope): Promise<SearchPage> {
    return this.perform("searchSessions", options, async (signal) => {
      const query = checkSearch(options, this.limits);
      const reads: SearchReads = {
        session: (asked) => this.readSession(asked, signal),
        sessions: (asked) => this.listSessions(asked, signal),
        runs: (asked) => this.listRuns(asked, signal),
      };
      const { next, ...found } = await new SessionSearch(reads, query, signal).find();
      return { ...found, nextCursor: next && searchCursor(next) };
    });
  }

  upsertSession(session: SessionInit, options: CallOptions & ImportOptions = {}): Promise<SessionHeader> {
    return this.perform("upsertSession", options, async (signal) => {
      const write = encodeSessionWrite(session, "session", this.#importOf(options));
      const [stored] = await this.writeSessions([write], signal);
      return stored as SessionHeader;
    });
  }

  upsertSessions(sessions: readonly SessionInit[], options: CallOptions & ImportOptions = {}): Promise<void> {
    return this.perform("upsertSessions", options, async (signal) => {
      if (!Array.isArray(sessions)) {
        throw new InvalidArgumentError("sessions", "an array of sessions");
      }
      const how = this.#importOf(options);
      const writes = sessions.map((session: SessionInit, index) =>
        encodeSessionWrite(session, `sessions[${index}]`, how),
      );
      if (writes.length > 0) {
        await this.writeSessions(writes, signal);
      }
    });
  }

  updateSession(options: SessionKey & UserScope, change: SessionChange): Promise<SessionHeader | null> {
    return this.perform("updateSession", options, (signal) =>
      this.changeSession(checkScope(options, this.limits), changeOf(change, this.limits), signal),
    );
  }

  renameSession(options: SessionKey & UserScope & { sessionName: string }): Promise<SessionHeader | null> {
    return this.perform("renameSession", options, (signal) => {
      const scope = checkScope(options, this.limits, ["sessionName"]);
      const sessionName = check.checkText(options.sessionName, "sessionName");
      return this.changeSession(scope, changeOf({ sessionName }, this.limits), signal);
    });
  }

  deleteSession(options: CallOptions & UserScope & { sessionId: string }): Promise<boolean> {
    return this.perform("deleteSession", options, async (signal) => {
      check.checkKeys(options, "options", ["sessionId", "userId", "signal"]);
      const { sessionId, userId } = checkScope(options, this.limits);
      return (await this.removeSessions({ sessionIds: [sessionId], userId }, signal)) > 0;
    });
  }

  deleteSessions(options: DeleteSessionsOptions & UserScope): Promise<number> {
    return this.perform("deleteSessions", options, async (signal) => {
      check.checkObject(options, "options");
      const selection = "sessionIds" in options ? "sessionIds" : "filter";
      check.checkKeys(options, "options", [selection, "userId", "signal"]);
      const userId = check.checkUserScope(options, this.limits);
      if ("sessionIds" in options) {
        const sessionIds = check.checkIds(options.sessionIds, "sessionIds", this.limits);
        return sessionIds.length === 0 ? 0 : this.removeSessions({ sessionIds, userId }, signal);
      }
      return this.#removeInBatches(checkFilter(options.filter, userId, this.limits), signal);
    });
  }

  upsertRun(options: UpsertRunOptions & ImportOptions): Promise<UpsertRunResult> {
    return this.perform("upsertRun", options, (signal) => {
      check.checkKeys(options, "options", upsertRunKeys);
      const keepTimes = check.checkFlag(options.keepTimes, "keepTimes", false);
      return this.writeRun(encodeRunWrite(options, this.limits, keepTimes), signal);
    });
  }

  updateRun(options: UpdateRunOptions & UserScope, change: RunChange): Promise<Run | null> {
    return this.perform("updateRun", options, (signal) =>
      this.changeRun(checkRunScope(options, this.limits), runChangeOf(change, this.limits), signal),
    );
  }

  getRun(options: CallOptions & UserScope & { runId: string }): Promise<Run | null> {
    return this.perform("getRun", options, (signal) => {
      check.checkKeys(options, "options", ["runId", "userId", "signal"]);
      const runId = check.checkId(options.runId, "runId", this.limits);
      return this.readRun({ runId, userId: check.checkUserScope(options, this.limits) }, signal);
    });
  }

  getRuns(options: GetRunsOptions & UserScope = {}): Promise<RunPage> {
    return this.perform("getRuns", options, async (signal) => {
      const query = checkRunListQuery(options, this.limits);
      const { items, next, previous, unreadable } = await this.listRuns(query, signal);
      return {
        runs: items,
        nextCursor: next && runCursor(query, { position: next, side: "after" }),
        previousCursor: previous && runCursor(query, { position: previous, side: "before" }),
        unreadable,
      };
    });
  }

  runPages(options: GetRunsOptions & UserScope = {}): AsyncIterableIterator<RunPage> {
    return pagesOf(options, (page) => this.getRuns(page));
  }

  deleteRuns(options: CallOptions & UserScope & { runIds: readonly string[] }): Promise<number> {
    return this.perform("deleteRuns", options, async (signal) => {
      check.checkKeys(options, "options", ["runIds", "userId", "signal"]);
      const userId = check.checkUserScope(options, this.limits);
      const runIds = check.checkIds(options.runIds, "runIds", this.limits);
      return runIds.length === 0 ? 0 : this.removeRuns({ runIds, userId }, signal);
    });
  }

  forUser(userId: string): UserSessionDb {
    return new ScopedSessionDb(this, check.checkId(userId, "userId", this.limits));
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /**
   * Runs one call of the named method, which `close` then waits for. Refuses it on a closed store or with an aborted
   * signal.
   */
  protected perform<Result>(
    method: string,
    options: unknown,
    operation: (signal: Signal) => Promise<Result>,
  ): Promise<Result> {
    return observed({ store: this.#store, method, options }, () => this.#perform(options, operation));
  }

  async #perform<Result>(options: unknown, operation: (signal: Signal) => Promise<Result>): Promise<Result> {
    if (this.#closing !== null) {
      throw new ClosedError();
    }
    check.checkObject(options, "options");
    const signal = check.checkSignal(options);
    signal?.throwIfAborted();
    this.#underWay += 1;
    try {
      return await operation(signal);
    } finally {
      this.#underWay -= 1;
      if (this.#underWay === 0) {
        this.#whenIdle?.();
      }
    }
  }

  /** Commits each batch, so what was deleted stays deleted. */
  async #removeInBatches(conditions: SessionConditions, signal: Signal): Promise<number> {
    let deleted = 0;
    let start: string | null = null;
    try {
      do {
        signal?.throwIfAborted();
        const batch: DeletedBatch = await this.removeMatching({ conditions, limit: deleteBatch, start }, signal);
        deleted += batch.deleted;
        start = batch.next;
      } while (start !== null);
      return deleted;
    } catch (cause) {
      throw deleted === 0 ? cause : new PartialDeleteError(deleted, { cause });
    }
  }

  #importOf(options: CallOptions & ImportOptions): { limits: SessionDbLimits; keepTimes: boolean } {
    check.checkKeys(options, "options", ["keepTimes", "signal"]);
    return { limits: this.limits, keepTimes: check.checkFlag(options.keepTimes, "keepTimes", false) };
  }

  async #close(): Promise<void> {
    if (this.#underWay > 0) {
      await new Promise<void>((resolve) => {
        this.#whenIdle = resolve;
      });
    }
    await this.release();
  }
}

const upsertRunKeys = [
  "session",
  "run",
  "change",
  "onlyIfExists",
  "onlyIfStatus",
  "onlyIfNewest",
  "deleteRunsAfter",
  "keepLaterRuns",
  "also",
  "keepTimes",
  "signal",
];
