import type { Signal } from "@sessiondb/core/adapter";
import { alsoGivenUp } from "./giving-up.ts";
import { Line } from "./line.ts";

/**
 * The calls on one session that may be at work at once. While one ends, the next one's statement is at the server already;
 * and one connection that is dead without a word does not hold up the session.
 */
const width = 2;

interface SessionLinesOptions {
  /** The time to retry, in milliseconds: whoever has waited that long gives up with a call that did not get on. */
  readonly patience: number;
  /** The longest time of a call, in milliseconds. */
  readonly limit: number;
}

interface LineUse {
  /** The start of the call, as `performance.now()`. */
  readonly since: number;
  readonly signal: Signal;
}

/**
 * The calls of a store that lock the same rows, in the order in which they came. Those that wait here keep their place,
 * however long they wait, and need no connection: the pool is left to calls on other sessions.
 */
export class SessionLines {
  readonly #options: SessionLinesOptions;
  readonly #lines = new Map<string, Line>();

  constructor(options: SessionLinesOptions) {
    this.#options = options;
  }

  /** Does work when its turn has come in the lines of all these names. It receives the milliseconds that it waited. */
  async run<Result>(
    names: readonly string[],
    work: (waited: number) => Promise<Result>,
    { since, signal }: LineUse,
  ): Promise<Result> {
    const { patience, limit } = this.#options;
    const start = performance.now();
    const entered: { readonly name: string; readonly line: Line; readonly leave: () => void }[] = [];
    try {
      // In one order, so that no two calls wait for each other.
      for (const name of [...new Set(names)].toSorted()) {
        const line = this.#lines.get(name) ?? new Line(width);
        this.#lines.set(name, line);
        const leave = await line.enter({ signal, patientUntil: since + patience, until: since + limit });
        entered.push({ name, line, leave });
      }
      return await work(performance.now() - start);
    } catch (error) {
      entered.forEach(({ line }) => line.giveUp(() => alsoGivenUp(error)));
      throw error;
    } finally {
      for (const { name, line, leave } of entered) {
        leave();
        if (line.isEmpty) {
          this.#lines.delete(name);
        }
      }
    }
  }
}
