import { setImmediate, setTimeout as sleep } from "node:timers/promises";
import { untilAborted, type Signal } from "@sessiondb/core/adapter";
import { Line } from "@sessiondb/drizzle";
import { isLocked } from "./sqlite-errors.ts";

/** The work, in milliseconds, after which the event loop gets a turn. */
const share = 4;
/** The length of a write, in milliseconds, after which the lock stays free for `longestPause`. */
const longWrite = 20;
/** The pauses between two tries, in milliseconds. Their length is random, so that processes do not keep step. */
const shortestPause = 1;
const longestPause = 4;

/** The work of this thread since its event loop last had a turn, in milliseconds. */
let used = 0;

export interface WorkOptions {
  /** The database that the work reads or writes. */
  readonly file: string;
  /** Whether the call waits for other connections' locks, and so for other calls that do. */
  readonly waits: boolean;
  /** The time until which it waits for these locks, as `performance.now()`. */
  readonly until: number;
  readonly signal?: Signal;
}

/**
 * Runs the synchronous work of calls, with a turn of the event loop after every few milliseconds of it.
 *
 * Calls that meet another connection's lock wait in line, one line for each file. Only the first in line tries, with
 * short pauses: whoever waits longest is next in this process, and processes have equal prospects. Whoever's time is over
 * does not wait for its turn to hear that the file is locked.
 */
export class SqliteLines {
  readonly #lines = new Map<string, Line>();
  readonly #locks: boolean;
  #wasLong = false;

  /** `locks`: whether the work holds a lock that other connections wait for. */
  constructor({ locks }: { readonly locks: boolean }) {
    this.#locks = locks;
  }

  async run<Result>(work: () => Result, options: WorkOptions): Promise<Result> {
    const { file, waits, until, signal } = options;
    const name = waits ? file : `${file}\0`;
    signal?.throwIfAborted();
    if (!this.#lines.has(name) && used < share) {
      try {
        return this.#timed(work);
      } catch (error) {
        if (!isLocked(error)) {
          throw error;
        }
      }
    }
    const line = this.#lines.get(name) ?? new Line();
    this.#lines.set(name, line);
    const leave = await line.enter({ signal, patientUntil: until });
    try {
      await this.#rest(signal);
      return await this.#tries(work, line, options);
    } finally {
      leave();
      if (line.isEmpty) {
        this.#lines.delete(name);
      }
    }
  }

  async #tries<Result>(work: () => Result, line: Line, { until, signal }: WorkOptions): Promise<Result> {
    for (;;) {
      signal?.throwIfAborted();
      try {
        return this.#timed(work);
      } catch (error) {
        if (!isLocked(error)) {
          throw error;
        }
        line.giveUp(() => error);
        if (performance.now() >= until) {
          throw error;
        }
      }
      await untilAborted(sleep(shortestPause + Math.random() * (longestPause - shortestPause)), signal);
    }
  }

  #timed<Result>(work: () => Result): Result {
    const start = performance.now();
    try {
      return work();
    } finally {
      const took = performance.now() - start;
      used += took;
      this.#wasLong = took >= longWrite;
    }
  }

  /** Gives the event loop a turn when it is due. After a long write, those who try for the lock meet it free. */
  async #rest(signal: Signal): Promise<void> {
    if (used < share) {
      return;
    }
    await (this.#locks && this.#wasLong ? untilAborted(sleep(longestPause + 1), signal) : setImmediate());
    used = 0;
  }
}
