import { setImmediate } from "node:timers/promises";
import {
  InvalidArgumentError,
  SessionDbError,
  type Metrics,
  type Run,
  type Session,
  type SessionChange,
  type SessionDb,
  type SessionHeader,
  type SessionPatch,
  type TurnSession,
  type UpsertRunOptions,
  type UpsertRunResult,
} from "@sessiondb/core";
import { anySignal, unixSeconds, untilAborted } from "@sessiondb/core/adapter";
import { admit, isRefusal, type SessionMember } from "./admission.ts";
import type { ComponentSettings } from "./component-options.ts";
import { readHistory } from "./history-runs.ts";
import type { RunSettings } from "./run-options.ts";
import type { RunScope } from "./run-scope.ts";
import { RunState } from "./run-state.ts";
import { running, runningSince, withoutMark } from "./running-mark.ts";
import { runIdsIn, withRunChanged, withRunsInside } from "./runs-inside.ts";
import { metricsOf } from "./session-metrics.ts";
import { stateShape } from "./state-schema.ts";
import { endingsOf, identityOf, isContentRefusal, unstorable, withoutState, type TurnEnd } from "./turn-end.ts";

/** The part of a component that a turn uses. */
interface TurnComponent extends SessionMember {
  readonly keepsSessions: boolean;
  getDb(): Promise<SessionDb>;
  newSession(sessionId: string, userId: string | null): TurnSession;
}

interface TurnOptions {
  readonly component: TurnComponent;
  readonly settings: ComponentSettings;
  readonly options: RunSettings;
  /** The number of the session's newest runs to show. */
  readonly runsLimit: number;
}

/** The end of a turn's run. */
export interface RunEnd {
  readonly run: Run;
  /** Added to the metrics of the session, as are those of the runs inside this one. */
  readonly metrics: readonly Metrics[];
  /** The error that the run threw, if its status is ERROR or CANCELLED. */
  readonly error: unknown;
}

/** The result of opening a turn. */
interface Found {
  readonly sessionId: string;
  readonly userId: string | null;
  readonly db: SessionDb | null;
  readonly session: Session | null;
  /** The runs as they were read, before any are left out. */
  readonly read: readonly Run[];
  /** The storage failures that were ignored. */
  readonly failures: unknown[];
}

/** Some runs are read even without history, to find those that dead processes left. */
const leastRunsRead = 3;

/**
 * The life of one turn, for any component and framework. It reads the session, writes the run's row when the run
 * begins, and writes it again when the run ends, with the changes to the session's state in the same transaction. A run
 * that cannot be stored is aborted to save its tokens, unless `onStorageError` is `continue`.
 *
 * ```ts
 * const turn = await this.openTurn(readScope(options, runOptionReaders), 10);
 * const answer = ask(model, turn.runs, turn.scope.signal);
 * turn.begin({ runType: "agent", ...scopeFields(turn.scope) });
 * await turn.end(await answer);
 * ```
 */
export class Turn {
  /** The scope of the run that begins here. A run that continues a stored one replaces the ids with that run's. */
  readonly scope: RunScope;
  readonly #component: TurnComponent;
  readonly #settings: ComponentSettings;
  readonly #found: Found;
  readonly #controller = new AbortController();
  /** The user in whose name the session is written. */
  #owner: string | null;
  /** Whether the session is known to be stored. If it is deleted later, this turn does not recreate it. */
  #sessionExists: boolean;
  /** Whether the session is known to be of this component. Two may begin one that neither could read. */
  #isOurs: boolean;
  /** Whether the run's row is known to be stored. */
  #runExists = false;
  /** Whether the store accepted a write of this turn, and so its user. */
  #isWritten = false;
  /** The run that this turn continues, as it was before; null for a new run. */
  #paused: Run | null = null;
  /** The same run as last written, without the mark of a run in progress. */
  #resumed: Run | null = null;
  /** The rows of this turn's run and of those inside it, by id, with the ids of the runs in them. */
  readonly #rows = new Map<string, readonly string[]>();
  /** The changes to these rows that were settled. */
  readonly #settled: ((row: Run) => Run)[] = [];
  /** The error that kept a run inside this one from being stored; null without one. */
  #broken: { readonly error: unknown } | null = null;
  /** The metrics of the runs inside this one. */
  readonly #metrics: Metrics[] = [];
  #begun: Promise<void> = Promise.resolve();
  /** The last write of a run in progress. */
  #checkpointed: Promise<void> = Promise.resolve();
  /** Those that have not begun, by the ids of their runs. */
  readonly #checkpoints = new Map<string, () => Run>();

  private constructor({ component, settings, options }: TurnOptions, found: Found) {
    this.#component = component;
    this.#settings = settings;
    this.#found = found;
    const { sessionId, userId, session } = found;
    this.#owner = session?.userId ?? userId;
    this.#sessionExists = session !== null;
    this.#isOurs = session !== null && session.componentId !== null;
    const isKnown = session !== null || this.isFirst;
    // A state that could not be read is any that fits.
    const state = session?.sessionState ?? (isKnown || settings.sessionStateSchema ? settings.sessionState : undefined);
    const { signal } = this.#controller;
    this.scope = {
      runId: crypto.randomUUID(),
      sessionId,
      userId,
      access: component.access,
      parent: null,
      depth: 0,
      createdAt: unixSeconds(),
      state: new RunState({ ...state }, options.sessionState, stateShape(settings, sessionId)),
      signal: options.signal === undefined ? signal : anySignal(signal, options.signal),
      session,
      store: (run) => this.#add(run),
      checkpoint: (ofRun, run) => this.#checkpoint(ofRun, run),
      settle: (ofRun, change) => this.#settle((row) => withRunChanged(row, ofRun, change), ofRun),
      count: (run) => this.#metrics.push(...metricsOf(run)),
    };
  }

  /**
   * Reads the session, unless its id is new. Rejects with the signal's reason if it aborts meanwhile; nothing is stored.
   *
   * @throws SessionOwnershipError, SessionTypeMismatchError, SessionComponentMismatchError when the session is another
   * user's or another component's.
   * @throws SessionStateMismatchError when its state does not fit the schema.
   * @throws SessionDbError when the storage fails, unless `onStorageError` is `continue`.
   */
  static async open(turn: TurnOptions): Promise<Turn> {
    const { component, settings, options } = turn;
    const given = options.sessionId ?? settings.sessionId;
    const sessionId = given ?? crypto.randomUUID();
    const userId = options.userId ?? settings.userId ?? null;
    const nothing = { sessionId, userId, db: null, session: null, read: [], failures: [] };
    if (!component.keepsSessions) {
      return new Turn(turn, nothing);
    }
    const { signal } = options;
    let db: SessionDb | null = null;
    try {
      db = await untilAborted(component.getDb(), signal);
      const { runsLimit } = turn;
      const key = { sessionId, ...(signal !== undefined && { signal }) };
      const query = { db, key, count: runsLimit, atFirst: Math.max(runsLimit, leastRunsRead) };
      const found =
        given === undefined
          ? null
          : await untilAborted(
              readHistory(component, { ...query, admit: (session) => admit(session, { component, userId }) }),
              signal,
            );
      return new Turn(turn, { ...nothing, db, ...found });
    } catch (failure) {
      if (signal?.aborted === true || settings.onStorageError === "throw" || isRefusal(failure)) {
        throw failure;
      }
      return new Turn(turn, { ...nothing, db, failures: [failure] });
    }
  }

  /** Whether the session begins with this turn. False when unknown. */
  get isFirst(): boolean {
    const { db, session, failures } = this.#found;
    return db !== null && session === null && failures.length === 0;
  }

  /** The runs that a model may be shown, oldest first. */
  get runs(): readonly Run[] {
    return this.scope.session?.runs ?? [];
  }

  get isWritten(): boolean {
    return this.#isWritten;
  }

  /** The first storage failure that `onStorageError: "continue"` ignored; null without one. */
  get storageError(): unknown {
    return this.#found.failures[0] ?? null;
  }

  abort(reason: unknown): void {
    this.#controller.abort(reason);
  }

  /**
   * Starts writing the run's first row, after that of an introduction, and closing the runs that dead processes left.
   * Call it after asking the model. Only later writes of the turn wait for it.
   */
  begin(run: Run, introduction: Run | null = null): void {
    if (this.storageError !== null) {
      // The session could not be read: one more wait, for the last row, is enough.
      return;
    }
    this.#begun = this.#keep(async (db) => {
      // Let the model call go out first, so that no write delays its first token.
      await setImmediate();
      if (introduction !== null) {
        await this.#write(db, { run: introduction, onlyIfNewest: null });
      }
      if (this.#paused === null) {
        this.#runExists = (await this.#write(db, { run: running(run) })).stored;
      }
      await this.#closeStale(db);
    });
    // The end of the turn rejects with it too.
    this.#begun.catch((error: unknown) => this.abort(error));
  }

  /** Returns a stored run, closed if our process that ran it died and left it RUNNING; null if it no longer exists. */
  async closedIfStale(run: Run): Promise<Run | null> {
    return this.#isStale(run) ? this.#close(await this.#component.getDb(), run) : run;
  }

  /**
   * Takes over a paused run and stores the decisions about it. If several turns try, one succeeds.
   *
   * @throws InvalidArgumentError when another turn has it.
   */
  async takeOver({ before, run }: { readonly before: Run; readonly run: Run }): Promise<void> {
    const db = await this.#component.getDb();
    const { stored } = await this.#write(db, { run: running(run), onlyIfStatus: before.status ?? "PAUSED" });
    if (!stored) {
      throw new InvalidArgumentError("runId", "the id of a paused run: another call is already continuing this one");
    }
    [this.#paused, this.#resumed] = [before, run];
    this.#runExists = true;
    this.#rows.set(run.runId, runIdsIn(run));
  }

  /** Puts a run that was taken over back as it was before. If that fails, a later turn closes it. */
  async release(): Promise<void> {
    await this.#begun;
    const [{ db }, run] = [this.#found, this.#paused];
    if (db !== null && run !== null) {
      await this.#write(db, { run, onlyIfStatus: "RUNNING" }).catch(() => null);
    }
  }

  async #settle(change: (row: Run) => Run, runId: string): Promise<void> {
    this.#settled.push(change);
    const rows = [...this.#rows].filter(([, ids]) => ids.includes(runId));
    await this.#keep((db) => Promise.all(rows.map(([rowId]) => this.#change(db, rowId, change)))).catch(
      (error: unknown) => this.abort(error),
    );
  }

  /** Notes that a row was written, and applies the changes that were settled meanwhile. */
  async #written(row: Run): Promise<void> {
    this.#rows.set(row.runId, runIdsIn(row));
    for (const change of this.#settled.filter((each) => each(row) !== row)) {
      await this.#keep((db) => this.#change(db, row.runId, change));
    }
  }

  #checkpoint(runId: string, run: () => Run): void {
    const isQueued = this.#checkpoints.has(runId);
    this.#checkpoints.set(runId, run);
    if (!isQueued) {
      this.#checkpointed = this.#writeCheckpoint(runId, this.#checkpointed).catch(() => {});
    }
  }

  async #writeCheckpoint(runId: string, before: Promise<void>): Promise<void> {
    await Promise.all([before, this.#begun]);
    const [{ db }, run] = [this.#found, this.#checkpoints.get(runId)];
    this.#checkpoints.delete(runId);
    if (db !== null && run !== undefined && this.#runExists) {
      const isOwn = runId === (this.#resumed ?? this.scope).runId;
      await this.#write(db, { run: running(run()), ...(isOwn && { onlyIfStatus: "RUNNING" }) });
    }
  }

  /**
   * Stores the end of the run, unless the run or its session was deleted meanwhile. Leaves out a state that cannot be
   * stored and keeps the answer; if the run cannot be stored, writes a row that says so. Rejects with the run's error
   * if its status is ERROR, stored or not; otherwise with the storage error, if any.
   */
  async end({ run, metrics, error }: RunEnd): Promise<void> {
    try {
      await this.#end({ run, metrics: [...metrics, ...this.#metrics], state: this.scope.state });
    } catch (storageError) {
      // Of two failures, the first says more.
      throw run.status === "ERROR" ? error : storageError;
    }
    if (run.status === "ERROR") {
      throw error;
    }
  }

  async #end(end: TurnEnd): Promise<void> {
    await this.#begun;
    this.#checkpoints.clear();
    await this.#checkpointed;
    await this.#keep(async (db) => {
      const refusal = await this.#writeEnd(db, end).catch(async (error: unknown) => {
        await this.#closeRefused(db, end.run, error);
        throw error;
      });
      if (refusal === null) {
        return;
      }
      // This is not a refusal of the caller's request: nobody can know an answer in advance.
      if (this.#settings.onStorageError === "throw") {
        throw refusal;
      }
      this.#found.failures.push(refusal);
    });
    await this.#written(end.run);
    if (this.#broken !== null) {
      throw this.#broken.error;
    }
  }

  /** Writes as much of a run's end as the store accepts. Returns its refusal of the rest, or null. */
  async #writeEnd(db: SessionDb, end: TurnEnd): Promise<SessionDbError | null> {
    const conditions = this.#runExists ? { onlyIfExists: "run" as const } : {};
    let refusal: SessionDbError | null = null;
    for (const ending of endingsOf(end)) {
      try {
        const { run, change } = ending();
        await this.#write(db, { run, ...(change !== null && { change }), ...conditions });
        return refusal;
      } catch (error) {
        if (!isContentRefusal(error)) {
          throw error;
        }
        refusal = error;
      }
    }
    if (refusal !== null) {
      await this.#writeRefused(db, end.run, refusal);
    }
    return refusal;
  }

  /** Writes that a run's end cannot be stored: what its tools did is kept, if the store takes that. */
  async #writeRefused(db: SessionDb, run: Run, refusal: SessionDbError): Promise<void> {
    if (!this.#runExists) {
      await this.#write(db, { run: unstorable(identityOf(run), refusal) });
      return;
    }
    const { sessionId } = this.#found;
    const write = (change: (row: Run) => Run): Promise<Run | null> =>
      db.updateRun({ runId: run.runId, sessionId }, (row) => unstorable(change(row), refusal));
    try {
      await write((row) => ({ ...row, ...("tools" in run && { tools: run.tools }) }));
    } catch (error) {
      if (!isContentRefusal(error)) {
        throw error;
      }
      await write((row) => row);
    }
  }

  /** Closes the row of a run whose session has become another user's meanwhile. What it said is not for that user. */
  async #closeRefused(db: SessionDb, { runId }: Run, refusal: unknown): Promise<void> {
    if (this.#runExists && refusal instanceof Error && isRefusal(refusal)) {
      const { sessionId } = this.#found;
      await db
        .updateRun({ runId, sessionId }, (row) => (runningSince(row) === null ? row : unstorable(row, refusal)))
        // A later turn closes it.
        .catch(() => null);
    }
  }

  async #add(run: Run): Promise<void> {
    this.scope.count(run);
    await this.#begun;
    this.#checkpoints.delete(run.runId);
    await this.#checkpointed;
    try {
      await this.#keep((db) => this.#writeMember(db, run));
      await this.#written(run);
    } catch (error) {
      this.#broken ??= { error };
      this.abort(error);
      throw error;
    }
  }

  /** Does work on the store. `onStorageError` decides what happens if it fails. */
  async #keep(work: (db: SessionDb) => Promise<unknown>): Promise<void> {
    const { db } = this.#found;
    if (db === null) {
      return;
    }
    try {
      await work(db);
    } catch (error) {
      if (this.#settings.onStorageError === "throw" || isRefusal(error)) {
        throw error;
      }
      this.#found.failures.push(error);
    }
  }

  /**
   * Writes in the name of the session's owner, which a shared session may get only during this turn. Refuses, under the
   * session's lock, a session that another component has begun.
   */
  async #write(db: SessionDb, write: Omit<UpsertRunOptions, "session">): Promise<UpsertRunResult> {
    const component = this.#component;
    const { sessionId, userId } = this.#found;
    const upsert = (): Promise<UpsertRunResult> =>
      db.upsertRun({
        session: component.newSession(sessionId, this.#owner),
        ...(this.#sessionExists && { onlyIfExists: "session" }),
        ...write,
        ...(!this.#isOurs && { change: (stored: SessionHeader) => this.#admitted(stored, write.change) }),
      });
    try {
      const result = await upsert();
      this.#sessionExists ||= result.stored;
      this.#isWritten ||= result.stored;
      this.#isOurs ||= result.stored;
      return result;
    } catch (error) {
      if (component.access === "owner" || !(SessionDbError.isInstance(error) && error.code === "SESSION_OWNERSHIP")) {
        throw error;
      }
      const session = await db.getSession({ sessionId, includeRuns: false });
      this.#sessionExists ||= session !== null;
      this.#owner = session === null ? userId : session.userId;
      return upsert();
    }
  }

  #admitted(session: SessionHeader, change: SessionChange = {}): SessionPatch {
    admit(session, { component: this.#component, userId: this.#found.userId });
    return typeof change === "function" ? change(session) : change;
  }

  /** Writes a run inside this one, without a state that cannot be stored: the end of the turn reports that state. */
  async #writeMember(db: SessionDb, run: Run): Promise<void> {
    try {
      await this.#write(db, { run });
    } catch (error) {
      if (!isContentRefusal(error)) {
        throw error;
      }
      await this.#write(db, { run: withoutState(run) });
    }
  }

  /** Closes the runs that dead processes of ours left. If one is alive after all, its run's end overwrites this. */
  async #closeStale(db: SessionDb): Promise<void> {
    for (const run of this.#found.read.filter((each) => this.#isStale(each))) {
      // The next turn tries again.
      await this.#close(db, run).catch(() => null);
    }
  }

  async #close(db: SessionDb, { runId }: Run, isLeft = (run: Run) => this.#isStale(run)): Promise<Run | null> {
    const { sessionId } = this.#found;
    let isClosed = false;
    const after = await db.updateRun({ runId, sessionId }, (run) => {
      isClosed = isLeft(run);
      return isClosed ? closed(run) : run;
    });
    if (isClosed && after?.runType === "team") {
      const { runs } = await db.getRuns({ sessionId, parentRunId: runId, status: "RUNNING" });
      for (const run of runs) {
        await this.#close(db, run, isMarked);
      }
    }
    return after;
  }

  async #change(db: SessionDb, runId: string, change: (row: Run) => Run): Promise<void> {
    const { sessionId } = this.#found;
    try {
      const run = await db.updateRun({ runId, sessionId }, change);
      if (this.#resumed?.runId === runId && run !== null) {
        this.#resumed = withoutMark(run);
      }
    } catch (error) {
      // The end of the turn reports it.
      if (!isContentRefusal(error)) {
        throw error;
      }
    }
  }

  #isStale(run: Run): boolean {
    return (runningSince(run) ?? Infinity) < unixSeconds() - this.#settings.staleAfter;
  }
}

function isMarked(run: Run): boolean {
  return runningSince(run) !== null;
}

function closed(run: Run): Run {
  return {
    ...withoutMark(withRunsInside(run, (inside) => (isMarked(inside) ? closed(inside) : inside))),
    status: "ERROR",
    content: run.content ?? "The process of this run ended before the run did.",
  };
}
