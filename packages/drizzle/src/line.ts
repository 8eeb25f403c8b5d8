import { DatabaseBusyError } from "@sessiondb/core";
import { untilAborted, within, type Signal } from "@sessiondb/core/adapter";

export interface LineOptions {
  readonly signal?: Signal;
  /** The time from which on the call gives up if one under way cannot get on, as `performance.now()`. Default: never. */
  readonly patientUntil?: number;
  /** The time by which the call gives up in any case, as `performance.now()`. Default: never. */
  readonly until?: number;
}

/** A call that waits. */
interface Place {
  readonly patientUntil: number;
  readonly admit: () => void;
  readonly refuse: (reason: unknown) => void;
}

/** Calls that wait for each other, in the order in which they came. */
export class Line {
  readonly #width: number;
  #underWay = 0;
  readonly #waiting = new Set<Place>();
  // Goes on where it stopped, so that the next one is found at once among thousands.
  readonly #order = this.#waiting.values();

  /** @param width the number of calls that may be under way at once. */
  constructor(width = 1) {
    this.#width = width;
  }

  get isEmpty(): boolean {
    return this.#underWay === 0;
  }

  /** Waits until earlier calls have left room. Resolves with a function that ends this one. */
  async enter(options: LineOptions = {}): Promise<() => void> {
    if (this.#underWay < this.#width) {
      this.#underWay += 1;
    } else {
      await this.#wait(options);
    }
    return () => this.#leave();
  }

  /** Sends away those who have waited long enough, each with an error of its own; nobody if there is none. */
  giveUp(reason: () => unknown): void {
    const now = performance.now();
    for (const place of this.#waiting) {
      const error = place.patientUntil <= now ? reason() : null;
      if (error !== null) {
        this.#waiting.delete(place);
        place.refuse(error);
      }
    }
  }

  async #wait({
    signal,
    patientUntil = Number.POSITIVE_INFINITY,
    until = Number.POSITIVE_INFINITY,
  }: LineOptions): Promise<void> {
    let leave = (): void => {};
    const admitted = new Promise<void>((resolve, refuse) => {
      const admit = (): void => {
        // The call may have been aborted, and not have learnt of it yet.
        leave = () => this.#leave();
        resolve();
      };
      const place = { patientUntil, admit, refuse };
      this.#waiting.add(place);
      leave = () => this.#waiting.delete(place);
    });
    const waiting = untilAborted(admitted, signal);
    try {
      await (until === Number.POSITIVE_INFINITY ? waiting : within(waiting, until - performance.now(), tooLate));
    } catch (error) {
      leave();
      throw error;
    }
  }

  #leave(): void {
    if (this.#waiting.size === 0) {
      this.#underWay -= 1;
      return;
    }
    const place = this.#order.next().value as Place;
    this.#waiting.delete(place);
    place.admit();
  }
}

function tooLate(): never {
  throw new DatabaseBusyError("Too many calls on the same session came before this one.");
}
