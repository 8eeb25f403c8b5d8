import { setImmediate as afterOthers } from "node:timers/promises";
import {
  InvalidArgumentError,
  SessionDbError,
  type Run,
  type Session,
  type SessionDb,
  type UpsertRunOptions,
  type UpsertRunResult,
} from "@sessiondb/core";
import { admit, isRefusal } from "./admission.ts";
import { unixSeconds } from "@sessiondb/core/adapter";
import type { Component } from "./component.ts";
import { ownRuns } from "./own-runs.ts";
import { running, runningSince, withoutMark } from "./running-mark.ts";
import { endingsOf, isContentRefusal, unstorable, withoutState, type TurnEnd } from "./turn-end.ts";

export interface TurnOptions {
  readonly component: Component;
  readonly sessionId: string;
  readonly userId: string | null;
  /** Whether the session id was made for this turn, so that there is nothing to read. */
  readonly isNew: boolean;
  /** How many of the newest runs to read. */
  readonly runsLimit: number;
  readonly onStorageError: "throw" | "continue";
  /** Seconds. */
  readonly staleAfter: number;
}

/** Runs are looked at for those that a dead process left, also where no history is wanted. */
const leastRunsRead = 3;

/**
 * What one turn reads and writes: the session with its newest runs before, the run's row when it starts, and the row again
 * when it ends, with the changes of the session's state and its metrics in the same transaction.
 */
export class Turn {
  /** As it was read, with the runs that a model may be told of; null when it is new, could not be read, or is not kept. */
  readonly session: Session | null;
  readonly #options: TurnOptions;
  readonly #db: SessionDb | null;
  readonly #failures: unknown[];
  /** The runs as they were read, whoever wrote them. */
  readonly #read: readonly Run[];
  #owner: string | null;
  /** Whether the session is known to be stored. Should it be deleted from then on, this turn does not bring it back. */
  #sessionExists: boolean;
  /** Whether the run's row is known to be stored; the same goes for it. */
  #runExists = false;
  /** Whether the store took anything of this turn, and so the user for one who may write to the session. */
  #isWritten = false;
  /** The run that this turn goes on with, as it was; null for a run that begins. */
  #paused: Run | null = null;
  /** The same as it was written last, without the mark of a run that is under way. */
  #resumed: Run | null = null;
  /** What is known of it before its end. */
  readonly #settled: ((run: Run) => Run)[] = [];
  /** What kept a run that belongs to the turn from being stored. */
  #broken: { readonly error: unknown } | null = null;
  #started: Promise<void> = Promise.resolve();

  private constructor(options: TurnOptions, { db, session, read = [], failure }: Found) {
    this.#options = options;
    this.#db = db;
    this.session = session;
    this.#read = read;
    this.#owner = session?.userId ?? options.userId;
    this.#sessionExists = session !== null;
    this.#failures = failure === null ? [] : [failure];
  }

  /** Reads the session, once. */
  static async open(options: TurnOptions): Promise<Turn> {
    const { component, sessionId, isNew, onStorageError } = options;
    if (!component.keepsSessions) {
      return new Turn(options, { db: null, session: null, failure: null });
    }
    let db: SessionDb | null = null;
    try {
      db = await component.getDb();
      const runsLimit = Math.max(options.runsLimit, leastRunsRead);
      const session = isNew ? null : await db.getSession({ sessionId, runsLimit });
      const read = session?.runs ?? [];
      if (session !== null) {
        admit(session, options);
        session.runs = await ownRuns(component, read, { db, session });
      }
      return new Turn(options, { db, session, read, failure: null });
    } catch (failure) {
      if (onStorageError === "throw" || isRefusal(failure)) {
        throw failure;
      }
      return new Turn(options, { db, session: null, failure });
    }
  }

  /** Whether the session begins with this turn. False when that is not known. */
  get isFirst(): boolean {
    return this.#db !== null && this.session === null && this.#failures.length === 0;
  }

  /** The runs that a model may be told of, oldest first. */
  get runs(): readonly Run[] {
    return this.session?.runs ?? [];
  }

  get isWritten(): boolean {
    return this.#isWritten;
  }

  /** What went wrong with the storage and was passed over, the first of several; null if nothing did. */
  get storageError(): unknown {
    return this.#failures[0] ?? null;
  }

  /**
   * Begins to write the run's first row, after `introduction` if there is one, and to close those that dead processes left.
   * Nothing waits for it but what is written later.
   */
  start(run: Run, introduction: Run | null): Promise<void> {
    this.#started = this.#keep(async (db) => {
      // Once the model was asked: no write stands before its first token.
      await afterOthers();
      if (introduction !== null) {
        await this.#write(db, { run: introduction });
      }
      if (this.#paused === null) {
        this.#runExists = (await this.#write(db, { run: running(run) })).stored;
      }
      await this.#closeStale(db);
    });
    // Whoever runs the model looks at it too; until then nobody may, and that must not end the process.
    this.#started.catch(() => {});
    return this.#started;
  }

  /** A run as it is once it was closed, if a dead process of ours left it. */
  async closedIfStale(run: Run): Promise<Run | null> {
    return this.#isStale(run) ? this.#close(await this.#options.component.getDb(), run) : run;
  }

  /**
   * Makes a paused run this turn's, which has begun with that, and stores what was decided: of several turns that try, one
   * succeeds.
   *
   * @throws InvalidArgumentError when another one has it.
   */
  async takeOver({ before, run }: { readonly before: Run; readonly run: Run }): Promise<void> {
    const db = await this.#options.component.getDb();
    const { stored } = await this.#write(db, { run: running(run), onlyIfStatus: before.status ?? "PAUSED" });
    if (!stored) {
      throw new InvalidArgumentError("runId", "the id of a paused run: another call goes on with it");
    }
    [this.#paused, this.#resumed] = [before, run];
    this.#runExists = true;
  }

  /** Puts a run that was taken over back as it was. What cannot be put back, a later turn closes. */
  async release(): Promise<void> {
    const [db, run] = [this.#db, this.#paused];
    if (db !== null && run !== null) {
      await this.#write(db, { run, onlyIfStatus: "RUNNING" }).catch(() => null);
    }
  }

  /** Stores at once what came to be known of a run that was taken over, be it after its end. */
  async settle(change: (run: Run) => Run): Promise<void> {
    this.#settled.push(change);
    await this.#keep((db) => this.#change(db, change));
  }

  /** Adds a run that belongs to the turn, such as that of a team's member, or replaces it. */
  async add(run: Run): Promise<void> {
    await this.#started;
    try {
      await this.#keep((db) => this.#writeMember(db, run));
    } catch (error) {
      this.#broken ??= { error };
      throw error;
    }
  }

  /**
   * Writes the run's last row, unless the run or its session was deleted meanwhile. A state that cannot be stored costs the
   * state and not the answer; of a run that cannot be stored there is a row that says so. Either rejects.
   */
  async end(end: TurnEnd): Promise<void> {
    await this.#started;
    await this.#keep(async (db) => {
      const refusal = await this.#writeEnd(db, end);
      if (refusal === null) {
        return;
      }
      // It is no refusal of what the caller asked: what a run comes to, nobody knows before.
      if (this.#options.onStorageError === "throw") {
        throw refusal;
      }
      this.#failures.push(refusal);
    });
    // Of what was settled while this was written.
    for (const change of this.#settled.filter((each) => each(end.run) !== end.run)) {
      await this.#keep((db) => this.#change(db, change));
    }
    if (this.#broken !== null) {
      throw this.#broken.error;
    }
  }

  /** Writes as much of a run's end as the store takes. Resolves with why it did not take more, or null. */
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
      await this.#write(db, { run: unstorable(end.run, this.#resumed, refusal), ...conditions });
    }
    return refusal;
  }

  /** Work on the store that may fail like the rest of the turn. */
  async #keep(work: (db: SessionDb) => Promise<unknown>): Promise<void> {
    if (this.#db === null) {
      return;
    }
    try {
      await work(this.#db);
    } catch (error) {
      if (this.#options.onStorageError === "throw" || isRefusal(error)) {
        throw error;
      }
      this.#failures.push(error);
    }
  }

  /** A shared session is written in the name of its owner, who may have come to be known only now. */
  async #write(db: SessionDb, write: Omit<UpsertRunOptions, "session">): Promise<UpsertRunResult> {
    const { component, sessionId } = this.#options;
    const upsert = (): Promise<UpsertRunResult> =>
      db.upsertRun({
        session: component.newSession(sessionId, this.#owner),
        ...(this.#sessionExists && { onlyIfExists: "session" }),
        ...write,
      });
    try {
      const result = await upsert();
      this.#sessionExists ||= result.stored;
      this.#isWritten ||= result.stored;
      return result;
    } catch (error) {
      if (component.access === "owner" || !(SessionDbError.isInstance(error) && error.code === "SESSION_OWNERSHIP")) {
        throw error;
      }
      const session = await db.getSession({ sessionId, includeRuns: false });
      this.#sessionExists ||= session !== null;
      this.#owner = session === null ? this.#options.userId : session.userId;
      return upsert();
    }
  }

  /** The state belongs to the turn, whose end tells of one that cannot be stored. */
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

  /** Closes what dead processes of ours left. Should one be alive after all, what it writes at its end counts. */
  async #closeStale(db: SessionDb): Promise<void> {
    for (const run of this.#read.filter((each) => this.#isStale(each))) {
      // What cannot be closed, the next turn tries.
      await this.#close(db, run).catch(() => null);
    }
  }

  #close(db: SessionDb, { runId }: Run): Promise<Run | null> {
    const { sessionId } = this.#options;
    return db.updateRun({ runId, sessionId }, (run) => (this.#isStale(run) ? closed(run) : run));
  }

  async #change(db: SessionDb, change: (run: Run) => Run): Promise<void> {
    const { sessionId } = this.#options;
    const { runId } = this.#resumed ?? {};
    if (runId === undefined) {
      return;
    }
    try {
      const run = await db.updateRun({ runId, sessionId }, change);
      this.#resumed = run === null ? this.#resumed : withoutMark(run);
    } catch (error) {
      // The end tells of it.
      if (!isContentRefusal(error)) {
        throw error;
      }
    }
  }

  #isStale(run: Run): boolean {
    return (runningSince(run) ?? Infinity) < unixSeconds() - this.#options.staleAfter;
  }
}

function closed(run: Run): Run {
  return {
    ...withoutMark(run),
    status: "ERROR",
    content: run.content ?? "The process of this run ended before it.",
  };
}

interface Found {
  readonly db: SessionDb | null;
  readonly session: Session | null;
  readonly read?: readonly Run[];
  readonly failure: unknown;
}
