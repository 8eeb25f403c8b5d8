import { AsyncLocalStorage } from "node:async_hooks";

/**
 * Databases for the tests of one file that are emptied and reused: creating one with its tables takes longer than most
 * tests. A database is not reused if its test failed, or if it was taken outside `run`.
 */
export class EmptiedDatabases {
  readonly #make: () => Promise<string> | string;
  readonly #empty: (database: string) => Promise<void>;
  readonly #free: string[] = [];
  readonly #taken = new AsyncLocalStorage<string[]>();

  constructor(make: () => Promise<string> | string, empty: (database: string) => Promise<void>) {
    this.#make = make;
    this.#empty = empty;
  }

  /** Returns an empty database for the test that `run` runs. */
  async take(): Promise<string> {
    const database = this.#free.pop() ?? (await this.#make());
    this.#taken.getStore()?.push(database);
    return database;
  }

  /** Runs a test that closes what it opens. */
  async run(test: () => Promise<void>): Promise<void> {
    const taken: string[] = [];
    await this.#taken.run(taken, test);
    for (const database of taken) {
      await this.#empty(database);
      this.#free.push(database);
    }
  }
}
