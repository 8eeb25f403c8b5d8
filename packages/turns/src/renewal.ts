/** Does something again and again while a run is in progress, first after one interval. */
export class Renewal {
  #timer: NodeJS.Timeout | null = null;
  #last: Promise<unknown> = Promise.resolve();

  /** A failure is left to the next time. */
  start(renew: () => Promise<unknown>, seconds: number): void {
    const wait = (): void => {
      this.#timer = setTimeout(() => {
        this.#last = renew()
          .catch(() => null)
          .then(() => this.#timer !== null && wait());
      }, seconds * 1000);
      // A process that has nothing else to do may end.
      this.#timer.unref();
    };
    if (this.#timer === null) {
      wait();
    }
  }

  /** Resolves when the last time is over. */
  async stop(): Promise<void> {
    clearTimeout(this.#timer ?? undefined);
    this.#timer = null;
    await this.#last;
  }
}
