import {
  InvalidArgumentError,
  SessionDbError,
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
import { admit, type SessionMember } from "./admission.ts";
import { findPlace, hasReplaced, replacing, type ReplacedRun } from "./replaced-run.ts";
import { isContentRefusal, withoutState } from "./turn-end.ts";

/** The part of a component that writes of its turns use. */
export interface WritingComponent extends SessionMember {
  newSession(sessionId: string, userId: string | null): TurnSession;
}

interface TurnWriterOptions {
  readonly component: WritingComponent;
  readonly sessionId: string;
  readonly userId: string | null;
  /** The session as it was found; null if it is new or could not be read. */
  readonly session: Session | null;
  /** The name of the session if it is new; undefined for none. */
  readonly sessionName: string | undefined;
  /** The run that the end of this turn's run replaces; null for none. */
  readonly replaced: ReplacedRun | null;
}

/** Writes the runs of one turn into its session, as long as the turn may. */
export class TurnWriter {
  readonly #options: TurnWriterOptions;
  /** The user in whose name the session is written. */
  #owner: string | null;
  /** Whether the session is known to be stored. If it is deleted later, this turn does not recreate it. */
  #sessionExists: boolean;
  /** Whether the session is known to be of this component. Two may begin one that neither could read. */
  #isOurs: boolean;
  #suggested: string | undefined = undefined;
  #isWritten = false;

  constructor(options: TurnWriterOptions) {
    this.#options = options;
    const { session, userId } = options;
    this.#owner = session?.userId ?? userId;
    this.#sessionExists = session !== null;
    this.#isOurs = session !== null && session.componentId !== null;
  }

  /** Whether the store accepted a write of this turn, and so its user. */
  get isWritten(): boolean {
    return this.#isWritten;
  }

  /** Names a session that this turn begins, unless its options do. Call it before anything is written. */
  suggestName(name: string): void {
    this.#suggested = name;
  }

  /**
   * Writes in the name of the session's owner, which a shared session may get only during this turn. Refuses, under the
   * session's lock, a session that another component has begun.
   */
  async write(db: SessionDb, write: Omit<UpsertRunOptions, "session">): Promise<UpsertRunResult> {
    const { component, sessionId, userId, sessionName = this.#suggested } = this.#options;
    const upsert = (): Promise<UpsertRunResult> =>
      db.upsertRun({
        session: named(component.newSession(sessionId, this.#owner), sessionName),
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

  /** Writes the row of a run in progress, without a state that cannot be stored: the end of the turn reports that state. */
  async writeProgress(db: SessionDb, write: Omit<UpsertRunOptions, "session">): Promise<UpsertRunResult> {
    try {
      return await this.write(db, write);
    } catch (error) {
      if (!isContentRefusal(error)) {
        throw error;
      }
      return this.write(db, { ...write, run: withoutState(write.run) });
    }
  }

  /**
   * Writes the end of a run, unless it was deleted, or ended by another process that went on with it when it was taken for
   * dead. One that was cancelled meanwhile stays CANCELLED, with what it said and did. Returns the run as this turn has it.
   */
  async writeEnd(db: SessionDb, end: Omit<UpsertRunOptions, "session">): Promise<Run> {
    const { replaced, sessionId } = this.#options;
    try {
      return await this.#writeEnd(db, { ...end, ...replacement(end.run, replaced) });
    } catch (error) {
      if (replaced === null || !(error instanceof InvalidArgumentError) || error.argument !== "deleteRunsAfter") {
        throw error;
      }
      // The run before the replaced one was deleted meanwhile.
      const isMeant = ({ runId }: Run): boolean => runId === replaced.runId;
      const place = await findPlace(db, { sessionId, isMeant, isEnough: () => true, signal: undefined });
      const again = place === null ? null : { ...replaced, after: place.after };
      return this.#writeEnd(db, { ...end, ...replacement(end.run, again) });
    }
  }

  async #writeEnd(db: SessionDb, write: Omit<UpsertRunOptions, "session">): Promise<Run> {
    const { run } = write;
    // ERROR is the row of a run that was taken for dead.
    const open = ["RUNNING", "ERROR"] as const;
    if (run.status === "CANCELLED") {
      await this.write(db, { ...write, onlyIfStatus: [...open, "CANCELLED"] });
      return run;
    }
    if ((await this.write(db, { ...write, onlyIfStatus: open })).stored) {
      return run;
    }
    const cancelled: Run = { ...run, status: "CANCELLED" };
    const { stored } = await this.write(db, { ...write, run: cancelled, onlyIfStatus: "CANCELLED" });
    return stored ? cancelled : run;
  }

  /** Writes a run inside the turn's, without a state that cannot be stored: the end of the turn reports that state. */
  async writeMember(db: SessionDb, run: Run, { exists }: { readonly exists: boolean }): Promise<Run> {
    const write = async (member: Run): Promise<Run> => {
      if (exists) {
        return this.writeEnd(db, { run: member });
      }
      await this.write(db, { run: member });
      return member;
    };
    try {
      return await write(run);
    } catch (error) {
      if (!isContentRefusal(error)) {
        throw error;
      }
      return write(withoutState(run));
    }
  }

  #admitted(session: SessionHeader, change: SessionChange = {}): SessionPatch {
    const { component, userId } = this.#options;
    admit(session, { component, userId });
    return typeof change === "function" ? change(session) : change;
  }
}

function named(session: TurnSession, sessionName: string | undefined): TurnSession {
  return sessionName === undefined
    ? session
    : { ...session, sessionData: { ...session.sessionData, session_name: sessionName } };
}

/** Returns the end of a turn's run with what it deletes. */
function replacement(
  run: Run,
  replaced: ReplacedRun | null,
): Pick<UpsertRunOptions, "run" | "deleteRunsAfter" | "keepLaterRuns"> {
  if (replaced === null || (run.parentRunId ?? null) !== null) {
    return { run };
  }
  // Turns that began later, and this one's members, come after it.
  return hasReplaced(run)
    ? { run, deleteRunsAfter: replaced.after, keepLaterRuns: true }
    : { run: replacing(run, replaced.runId) };
}
