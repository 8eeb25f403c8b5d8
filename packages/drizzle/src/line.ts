import { untilAborted, type Signal } from "@sessiondb/core/adapter";

/** Calls that wait for each other, in the order in which they came. */
export class Line {
  #length = 0;
  #last: Promise<void> = Promise.resolve();

  get isEmpty(): boolean {
    return this.#length === 0;
  }

  /** Waits for all earlier calls. Resolves with a function that ends this one. */
  async enter(signal?: Signal): Promise<() => void> {
    const before = this.#last;
    let end = (): void => {};
    this.#last = new Promise((resolve) => {
      end = resolve;
    });
    this.#length += 1;
    const leave = (): void => {
      this.#length -= 1;
      end();
    };
    try {
      await untilAborted(before, signal);
    } catch (error) {
      // It keeps its place until the calls before it are done.
      void before.then(leave);
      throw error;
    }
    return leave;
  }
}
