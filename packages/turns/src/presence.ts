import { RunCancelledError, type Run, type SessionDb } from "@sessiondb/core";
import type { SessionMember } from "./admission.ts";
import { Renewal } from "./renewal.ts";
import { renewed, renewEvery } from "./running-mark.ts";
import { turnBegins, turnEnds, type TurnHere } from "./turns-here.ts";

interface PresenceOptions {
  readonly component: SessionMember;
  readonly sessionId: string;
  readonly userId: string | null;
  readonly staleAfter: number | undefined;
  /** Aborts the run. */
  readonly abort: (reason: RunCancelledError) => void;
}

/** The run of a turn as others see it: alive by the lease in its row, and theirs to cancel by its id. */
export class Presence {
  readonly #options: PresenceOptions;
  readonly #renewal = new Renewal();
  #cancelled: RunCancelledError | null = null;
  #isEnding = false;
  #here: TurnHere | null = null;

  constructor(options: PresenceOptions) {
    this.#options = options;
  }

  /** The reason of a run that somebody cancelled; null if nobody did, as far as is known here. */
  get cancelled(): RunCancelledError | null {
    return this.#cancelled;
  }

  /** Makes the run known in this process. A second call changes nothing. */
  begin(runId: string): void {
    const { component, sessionId, userId } = this.#options;
    const cancel = (): boolean => {
      if (!this.#isEnding) {
        this.cancel(runId);
      }
      return !this.#isEnding;
    };
    if (this.#here === null) {
      this.#here = { component, sessionId, userId, runId, cancel };
      turnBegins(this.#here);
    }
  }

  /** Keeps the lease of the run's row, which is stored now. */
  keepLease(db: SessionDb, runId: string): void {
    const { sessionId, staleAfter = Infinity } = this.#options;
    // Of three signs of life, two may be missed.
    const seconds = Math.max(1, Math.min(renewEvery, staleAfter / 3));
    this.#renewal.start(async () => this.see(await db.updateRun({ runId, sessionId }, renewed)), seconds);
  }

  /** Takes note of the run's row, which another process may have cancelled. */
  see(row: Run | null): void {
    if (row?.status === "CANCELLED") {
      this.cancel(row.runId);
    }
  }

  cancel(runId: string): RunCancelledError {
    this.#cancelled ??= new RunCancelledError(runId);
    this.#options.abort(this.#cancelled);
    return this.#cancelled;
  }

  /** Lets go of the lease. From now on the row alone says whether the run was cancelled. */
  async endLease(): Promise<void> {
    await this.#renewal.stop();
    this.#isEnding = true;
  }

  async end(): Promise<void> {
    if (this.#here !== null) {
      turnEnds(this.#here);
    }
    await this.#renewal.stop();
  }
}
