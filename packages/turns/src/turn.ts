import { setImmediate } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { InvalidArgumentError, type Metrics, type Run, type SessionDb } from "@sessiondb/core";
import { anySignal, unixSeconds } from "@sessiondb/core/adapter";
import { isRefusal } from "./admission.ts";
import { Checkpoints } from "./checkpoints.ts";
import type { ComponentSettings } from "./component-options.ts";
import { closeRun } from "./ended-runs.ts";
import { Presence } from "./presence.ts";
import { replacing } from "./replaced-run.ts";
import type { RunScope } from "./run-scope.ts";
import { RunState } from "./run-state.ts";
import { isStale, running, withoutMark } from "./running-mark.ts";
import { runIdsIn, withRunChanged } from "./runs-inside.ts";
import { metricsOf } from "./session-metrics.ts";
import { stateShape } from "./state-schema.ts";
import { isContentRefusal, type TurnEnd } from "./turn-end.ts";
import { writeEnd } from "./turn-end-writes.ts";
import { openTurn, type Found, type TurnComponent, type TurnOptions } from "./turn-opening.ts";
import { TurnWriter } from "./turn-writer.ts";

/** The end of a turn's run. */
export interface RunEnd<Ended extends Run = Run> {
  readonly run: Ended;
  /** Added to the metrics of the session, as are those of the runs inside this one. */
  readonly metrics: readonly Metrics[];
  /** The error that the run threw, if its status is ERROR or CANCELLED. */
  readonly error: unknown;
}

/**
 * The life of one turn, for any component and framework. It reads the session, writes the run's row when the run
 * begins, and writes it again when the run ends, with the changes to the session's state in the same transaction. A run
 * that cannot be stored is aborted to save its tokens, unless `onStorageError` is `continue`.
 *
 * ```ts
 * const turn = await this.openTurn(readScope(options, runOptionReaders), 10);
 * const answer = ask(model, turn.runs, turn.scope.signal);
 * turn.begin({ runType: "agent", ...scopeFields(turn.scope) });
 * const { run, error } = await turn.end(await answer);
 * ```
 */
export class Turn {
  /** The scope of the run that begins here. A run that continues a stored one replaces the ids with that run's. */
  readonly scope: RunScope;
  readonly #component: TurnComponent;
  readonly #settings: ComponentSettings;
  readonly #found: Found;
  readonly #controller = new AbortController();
  readonly #writer: TurnWriter;
  readonly #presence: Presence;
  /** The runs of this turn whose rows are known to be stored: its own, and those inside it. */
  readonly #stored = new Set<string>();
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
  readonly #checkpoints = new Checkpoints((runId, run) => this.#writeCheckpoint(runId, run));

  private constructor({ component, settings, options }: TurnOptions, found: Found) {
    this.#component = component;
    this.#settings = settings;
    this.#found = found;
    const { sessionId, userId, session, replaced } = found;
    this.#writer = new TurnWriter({
      component,
      sessionId,
      userId,
      session,
      replaced,
      sessionName: options.sessionName,
    });
    const { staleAfter } = settings;
    const abort = (reason: unknown): void => this.abort(reason);
    this.#presence = new Presence({ component, sessionId, userId, staleAfter, abort });
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
      dependencies: { ...settings.dependencies, ...options.dependencies },
      prices: settings.prices,
      session,
      store: (run) => this.#add(run),
      checkpoint: (ofRun, run) => this.#checkpoints.add(ofRun, run, this.#begun),
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
    return new Turn(turn, await openTurn(turn));
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

  /** The newest runs as they were read, before any are left out, and whether they are all runs of the session. */
  get newest(): { readonly runs: readonly Run[]; readonly isWhole: boolean } {
    const { read, isWhole } = this.#found;
    return { runs: read, isWhole };
  }

  /** Whether the turn replaces a run: then `newest` are the runs before that, and no others are its history. */
  get isReplacing(): boolean {
    return this.#found.replaced !== null;
  }

  /** Reads more. `onStorageError` decides what happens if that fails: null stands for what could not be read. */
  async look<Result>(work: (db: SessionDb) => Promise<Result>): Promise<Result | null> {
    let result: Result | null = null;
    await this.#keep(async (db) => {
      result = await work(db);
    });
    return result;
  }

  /** Resolves once the run's first row has been written; rejects if that fails, as the end of the turn does then. */
  get begun(): Promise<void> {
    return this.#begun;
  }

  get isWritten(): boolean {
    return this.#writer.isWritten;
  }

  /** The first storage failure that `onStorageError: "continue"` ignored; null without one. */
  get storageError(): unknown {
    return this.#found.failures[0] ?? null;
  }

  abort(reason: unknown): void {
    this.#controller.abort(reason);
  }

  /** Names a session that begins with this turn, unless its options do. Call it before `begin`. */
  suggestName(name: string): void {
    this.#writer.suggestName(name);
  }

  /**
   * Starts writing the run's first row, after that of an introduction, and closing the runs that dead processes left.
   * Call it after asking the model. Only later writes of the turn wait for it.
   */
  begin(run: Run, introduction: Run | null = null): void {
    if (this.#found.db !== null) {
      this.#presence.begin(run.runId);
    }
    if (this.storageError !== null) {
      // The session could not be read: one more wait, for the last row, is enough.
      return;
    }
    this.#begun = this.#keep(async (db) => {
      // Let the model call go out first, so that no write delays its first token.
      await setImmediate();
      if (introduction !== null) {
        await this.#writer.write(db, { run: introduction, onlyIfNewest: null });
      }
      if (this.#paused === null) {
        const { stored } = await this.#writer.writeProgress(db, { run: running(this.#marked(run)) });
        if (stored) {
          this.#exists(db);
        }
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
    const { sessionId, userId } = this.#found;
    const isConfined = this.#component.access === "owner" && userId !== null;
    let isTaken = false;
    await db.updateRun({ runId: run.runId, sessionId, ...(isConfined && { userId }) }, (row) => {
      // The status alone may be that of a further pause.
      isTaken = isDeepStrictEqual(row, before);
      return isTaken ? running(run) : row;
    });
    if (!isTaken) {
      const expected = "the id of a paused run: another call has continued or cancelled this one meanwhile";
      throw new InvalidArgumentError("runId", expected);
    }
    [this.#paused, this.#resumed] = [before, run];
    this.#presence.begin(run.runId);
    this.#exists(db);
    this.#rows.set(run.runId, runIdsIn(run));
  }

  /** Puts a run that was taken over back as it was before. If that fails, a later turn closes it. */
  async release(): Promise<void> {
    await this.#presence.end();
    await this.#begun;
    const [{ db }, run] = [this.#found, this.#paused];
    if (db !== null && run !== null) {
      await this.#writer.write(db, { run, onlyIfStatus: "RUNNING" }).catch(() => null);
    }
  }

  /** The id of the run that is written. */
  get #runId(): string {
    return (this.#resumed ?? this.scope).runId;
  }

  /** Returns the turn's run, while it is in progress, with the id of the one that it is to replace. */
  #marked(run: Run): Run {
    const { replaced } = this.#found;
    return replaced === null ? run : replacing(run, replaced.runId);
  }

  /** Notes that the run's row is stored. */
  #exists(db: SessionDb): void {
    this.#stored.add(this.#runId);
    this.#presence.keepLease(db, this.#runId);
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

  async #writeCheckpoint(runId: string, run: () => Run): Promise<void> {
    const { db } = this.#found;
    if (db === null || !this.#stored.has(this.#runId)) {
      return;
    }
    const exists = this.#stored.has(runId);
    const { stored } = await this.#writer.writeProgress(db, {
      run: running(runId === this.#runId ? this.#marked(run()) : run()),
      ...(exists && { onlyIfStatus: "RUNNING" }),
    });
    if (stored) {
      this.#stored.add(runId);
    } else {
      this.#presence.see(await db.getRun({ runId: this.#runId }));
    }
  }

  /**
   * Stores the end of the run, unless the run or its session was deleted meanwhile. Leaves out a state that cannot be
   * stored and keeps the answer; if the run cannot be stored, writes a row that says so. Rejects with the run's error
   * if its status is ERROR, stored or not; otherwise with the storage error, if any. Returns the end as it is stored: a
   * run that somebody cancelled by its id is CANCELLED, however it ended, and its error is a `RunCancelledError`.
   */
  async end<Ended extends Run>({ run, metrics, error }: RunEnd<Ended>): Promise<RunEnd<Ended>> {
    try {
      const status = await this.#end({ run, metrics: [...metrics, ...this.#metrics], state: this.scope.state });
      if (status !== run.status) {
        return { run: { ...run, status }, metrics, error: this.#presence.cancel(run.runId) };
      }
    } catch (storageError) {
      // Of two failures, the first says more.
      throw run.status === "ERROR" ? error : storageError;
    } finally {
      await this.#presence.end();
    }
    if (run.status === "ERROR") {
      throw error;
    }
    // Work that is aborted may fail in its own way.
    const { reason } = this.scope.signal;
    return { run, metrics, error: reason !== undefined && reason === this.#presence.cancelled ? reason : error };
  }

  /** Returns the status with which the run is stored. */
  async #end({ run, ...end }: TurnEnd): Promise<Run["status"]> {
    await this.#begun;
    await this.#checkpoints.end();
    await this.#presence.endLease();
    let ended: Run = this.#presence.cancelled === null ? run : { ...run, status: "CANCELLED" };
    await this.#keep(async (db) => {
      const { sessionId } = this.#found;
      const to = { db, sessionId, writer: this.#writer, runExists: this.#stored.has(run.runId) };
      const { run: written, refusal } = await writeEnd({ run: ended, ...end }, to);
      ended = written;
      if (refusal === null) {
        return;
      }
      // This is not a refusal of the caller's request: nobody can know an answer in advance.
      if (this.#settings.onStorageError === "throw") {
        throw refusal;
      }
      this.#found.failures.push(refusal);
    });
    await this.#written(ended);
    if (this.#broken !== null) {
      throw this.#broken.error;
    }
    return ended.status;
  }

  async #add(run: Run): Promise<void> {
    this.scope.count(run);
    await this.#begun;
    await this.#checkpoints.end(run.runId);
    try {
      let ended = run;
      await this.#keep(async (db) => {
        ended = await this.#writer.writeMember(db, run, { exists: this.#stored.has(run.runId) });
        if (ended.status !== run.status) {
          this.#presence.see(await db.getRun({ runId: this.#runId }));
        }
      });
      await this.#written(ended);
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

  /** Closes the runs that dead processes of ours left. If one is alive after all, its run's end overwrites this. */
  async #closeStale(db: SessionDb): Promise<void> {
    for (const run of this.#found.read.filter((each) => this.#isStale(each))) {
      // The next turn tries again.
      await this.#close(db, run).catch(() => null);
    }
  }

  async #close(db: SessionDb, run: Run): Promise<Run | null> {
    const { sessionId } = this.#found;
    const { run: closed } = await closeRun(run, (each) => this.#isStale(each), { db, sessionId });
    return closed;
  }

  #isStale(run: Run): boolean {
    return isStale(run, this.#settings.staleAfter);
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
}
