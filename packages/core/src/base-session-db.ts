import * as check from "./arguments.ts";
import { changeOf, encodeRunWrite, encodeSessionWrite } from "./encode-writes.ts";
import { ClosedError, InvalidArgumentError, type SchemaProblem } from "./errors.ts";
import type { Run } from "./models/runs.ts";
import type { Session, SessionInit } from "./models/sessions.ts";
import {
  checkFilter,
  checkListQuery,
  checkOnlyIfStatus,
  checkRunListQuery,
  checkRunsWanted,
  checkScope,
  runCursor,
  runsKeys,
  sessionCursor,
} from "./query-checks.ts";
import type {
  PageOf,
  RunListQuery,
  RunPosition,
  RunQuery,
  RunSelection,
  RunWrite,
  ScopeQuery,
  SessionChangeFunction,
  SessionListQuery,
  SessionPosition,
  SessionQuery,
  SessionSelection,
  SessionWrite,
} from "./queries.ts";
import type {
  DeleteSessionsOptions,
  GetRunsOptions,
  GetSessionOptions,
  GetSessionsOptions,
  LegacyRunsProgress,
  MigrateLegacyRunsOptions,
  RunPage,
  SessionChange,
  SessionDb,
  SessionDbLimits,
  SessionPage,
  SessionScope,
  UpsertRunOptions,
  UserSessionDb,
} from "./session-db.ts";
import { ScopedSessionDb } from "./user-session-db.ts";

/**
 * The half of the contract that is the same for every store: checks arguments, fills in defaults, encodes what is
 * written, keeps cursors, and closes. A store extends it with the protected methods below, which get only checked input.
 * docs/writing-an-adapter.md walks through one.
 */
export abstract class BaseSessionDb implements SessionDb {
  readonly limits: SessionDbLimits;
  #closing: Promise<void> | null = null;
  #underWay = 0;
  #whenIdle: (() => void) | null = null;

  protected constructor(limits: SessionDbLimits) {
    this.limits = limits;
  }

  protected abstract readSession(query: SessionQuery): Promise<Session | null>;

  /** Items in the order asked for, and the position after the last one unless there are no more. */
  protected abstract listSessions(
    query: SessionListQuery,
  ): Promise<PageOf<Session, SessionPosition> & { readonly total: number | null }>;

  /** Writes all or nothing, in order, with the rules of `upsertSession`. Resolves with the sessions as stored. */
  protected abstract writeSessions(writes: readonly SessionWrite[]): Promise<Session[]>;

  /** Applies `change` to the stored row under its lock. Resolves with the session as stored, or null without one. */
  protected abstract changeSession(scope: ScopeQuery, change: SessionChangeFunction): Promise<Session | null>;

  /** Deletes all or nothing. Resolves with the number of sessions deleted. */
  protected abstract removeSessions(selection: SessionSelection): Promise<number>;

  /** Writes a turn. A session that is missing is stored as given; one that is there is touched and, if need be, adopted. */
  protected abstract writeRun(write: RunWrite): Promise<void>;
  protected abstract readRun(query: RunQuery): Promise<Run | null>;
  protected abstract listRuns(query: RunListQuery): Promise<PageOf<Run, RunPosition>>;

  /** Deletes all or nothing and closes the gaps in `runIndex`. Resolves with the number of runs deleted. */
  protected abstract removeRuns(selection: RunSelection): Promise<number>;

  /** Releases what this store opened. Called once, when nothing is under way. */
  protected abstract release(): Promise<void>;

  // A store without a schema of its own has nothing to migrate.
  protected async applyMigration(): Promise<void> {}

  protected async pendingStatements(): Promise<readonly string[]> {
    return [];
  }

  protected async schemaProblems(): Promise<readonly SchemaProblem[]> {
    return [];
  }

  protected async copyLegacyRuns(_options: MigrateLegacyRunsOptions): Promise<LegacyRunsProgress> {
    return { sessions: 0, runs: 0, skipped: 0 };
  }

  getSession(options: GetSessionOptions): Promise<Session | null> {
    return this.#perform(() => {
      const scope = checkScope(options, this.limits, runsKeys);
      return this.readSession({ ...scope, runs: checkRunsWanted(options, true) });
    });
  }

  getSessions(options: GetSessionsOptions = {}): Promise<SessionPage> {
    return this.#perform(async () => {
      const query = checkListQuery(options, this.limits);
      const { items, next, total } = await this.listSessions(query);
      const nextCursor = next && sessionCursor(query, next);
      return { sessions: items, nextCursor, ...(total !== null && { total }) };
    });
  }

  upsertSession(session: SessionInit): Promise<Session> {
    return this.#perform(async () => {
      const [stored] = await this.writeSessions([encodeSessionWrite(session, "session", this.limits)]);
      return stored as Session;
    });
  }

  upsertSessions(sessions: readonly SessionInit[]): Promise<void> {
    return this.#perform(async () => {
      if (!Array.isArray(sessions)) {
        throw new InvalidArgumentError("sessions", "an array of sessions");
      }
      const writes = sessions.map((session: SessionInit, index) =>
        encodeSessionWrite(session, `sessions[${index}]`, this.limits),
      );
      if (writes.length > 0) {
        await this.writeSessions(writes);
      }
    });
  }

  updateSession(scope: SessionScope, change: SessionChange): Promise<Session | null> {
    return this.#perform(() => this.changeSession(checkScope(scope, this.limits), changeOf(change, this.limits)));
  }

  renameSession(options: SessionScope & { sessionName: string }): Promise<Session | null> {
    return this.#perform(() => {
      const scope = checkScope(options, this.limits, ["sessionName"]);
      const sessionName = check.checkText(options.sessionName, "sessionName");
      return this.changeSession(scope, changeOf({ sessionName }, this.limits));
    });
  }

  deleteSession(options: { sessionId: string; userId?: string }): Promise<boolean> {
    return this.#perform(async () => {
      check.checkKeys(options, "options", ["sessionId", "userId"]);
      const { sessionId, userId } = checkScope(options, this.limits);
      return (await this.removeSessions({ sessionIds: [sessionId], userId })) > 0;
    });
  }

  deleteSessions(options: DeleteSessionsOptions): Promise<number> {
    return this.#perform(async () => {
      check.checkObject(options, "options");
      const selection = "sessionIds" in options ? "sessionIds" : "filter";
      check.checkKeys(options, "options", [selection, "userId"]);
      const userId = check.checkUserScope(options, this.limits);
      if ("sessionIds" in options) {
        const sessionIds = check.checkIds(options.sessionIds, "sessionIds", this.limits);
        return sessionIds.length === 0 ? 0 : this.removeSessions({ sessionIds, userId });
      }
      const conditions = checkFilter(options.filter, userId, this.limits);
      return this.removeSessions({ conditions });
    });
  }

  upsertRun(options: UpsertRunOptions): Promise<void> {
    return this.#perform(() => {
      check.checkKeys(options, "options", ["session", "run", "change", "onlyIfStatus"]);
      const { session, run, change } = options;
      return this.writeRun({
        ...encodeRunWrite(session, run, this.limits),
        change: change === undefined ? null : changeOf(change, this.limits),
        onlyIfStatus: checkOnlyIfStatus(options),
      });
    });
  }

  getRun(options: { runId: string; userId?: string }): Promise<Run | null> {
    return this.#perform(() => {
      check.checkKeys(options, "options", ["runId", "userId"]);
      return this.readRun({
        runId: check.checkId(options.runId, "runId", this.limits),
        userId: check.checkUserScope(options, this.limits),
      });
    });
  }

  getRuns(options: GetRunsOptions = {}): Promise<RunPage> {
    return this.#perform(async () => {
      const query = checkRunListQuery(options, this.limits);
      const { items, next } = await this.listRuns(query);
      const nextCursor = next && runCursor(query, next);
      return { runs: items, nextCursor };
    });
  }

  deleteRuns(options: { runIds: readonly string[]; userId?: string }): Promise<number> {
    return this.#perform(async () => {
      check.checkKeys(options, "options", ["runIds", "userId"]);
      const userId = check.checkUserScope(options, this.limits);
      const runIds = check.checkIds(options.runIds, "runIds", this.limits);
      return runIds.length === 0 ? 0 : this.removeRuns({ runIds, userId });
    });
  }

  migrate(): Promise<void> {
    return this.#perform(() => this.applyMigration());
  }

  planMigration(): Promise<readonly string[]> {
    return this.#perform(() => this.pendingStatements());
  }

  verifySchema(): Promise<readonly SchemaProblem[]> {
    return this.#perform(() => this.schemaProblems());
  }

  migrateLegacyRuns(options: MigrateLegacyRunsOptions = {}): Promise<LegacyRunsProgress> {
    return this.#perform(() => {
      check.checkKeys(options, "options", ["batchSize", "onProgress", "signal"]);
      const batchSize = check.checkCount(options.batchSize, "batchSize", { from: 1, otherwise: 100 });
      return this.copyLegacyRuns({ ...options, batchSize });
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

  async #close(): Promise<void> {
    if (this.#underWay > 0) {
      await new Promise<void>((resolve) => {
        this.#whenIdle = resolve;
      });
    }
    await this.release();
  }

  async #perform<Result>(operation: () => Promise<Result>): Promise<Result> {
    if (this.#closing !== null) {
      throw new ClosedError();
    }
    this.#underWay += 1;
    try {
      return await operation();
    } finally {
      this.#underWay -= 1;
      if (this.#underWay === 0) {
        this.#whenIdle?.();
      }
    }
  }
}
