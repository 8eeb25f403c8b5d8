import type { Run } from "@sessiondb/core";

/** The writes of runs in progress, in the background and one at a time. A failure is left to the end of the turn. */
export class Checkpoints {
  readonly #write: (runId: string, run: () => Run) => Promise<unknown>;
  #last: Promise<unknown> = Promise.resolve();
  /** Those that have not begun, by the ids of their runs. */
  readonly #waiting = new Map<string, () => Run>();

  constructor(write: (runId: string, run: () => Run) => Promise<unknown>) {
    this.#write = write;
  }

  /** Stores a run as far as it is, `after` something. Until that begins, only the last call for a run counts. */
  add(runId: string, run: () => Run, after: Promise<void>): void {
    const isQueued = this.#waiting.has(runId);
    this.#waiting.set(runId, run);
    if (!isQueued) {
      this.#last = this.#next(runId, [this.#last, after]).catch(() => {});
    }
  }

  /** Drops the writes that have not begun, of one run or of all. Resolves when no other is under way. */
  async end(runId?: string): Promise<void> {
    if (runId === undefined) {
      this.#waiting.clear();
    } else {
      this.#waiting.delete(runId);
    }
    await this.#last;
  }

  async #next(runId: string, before: readonly Promise<unknown>[]): Promise<void> {
    await Promise.all(before);
    const run = this.#waiting.get(runId);
    this.#waiting.delete(runId);
    if (run !== undefined) {
      await this.#write(runId, run);
    }
  }
}
