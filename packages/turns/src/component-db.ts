import { ConnectionStringError, openSessionDb, SessionDbError, type SessionDb } from "@sessiondb/core";

/** A store, a connection string for `openSessionDb`, or a function that returns either; called until it succeeds. */
export type DbSource = SessionDb | string | (() => SessionDb | string | Promise<SessionDb | string>);

/** The store of a component, found or opened at its first use. Closes only a store that it opened. */
export class ComponentDb {
  readonly #source: DbSource;
  /** The id of a component with a schema, database or file of its own; null if it uses the one named. */
  readonly #owner: string | null;
  #found: Promise<SessionDb> | null = null;
  #opened: SessionDb | null = null;

  constructor(source: DbSource, owner: string | null) {
    this.#source = source;
    this.#owner = owner;
  }

  /**
   * @throws ConnectionStringError when the connection string is missing or invalid, or when the `db` function throws.
   * @throws AdapterNotInstalledError when the database's package is not installed.
   */
  get(): Promise<SessionDb> {
    if (this.#found === null) {
      const found = this.#open();
      // The next call tries again.
      found.catch(() => {
        if (this.#found === found) {
          this.#found = null;
        }
      });
      this.#found = found;
    }
    return this.#found;
  }

  /** Closes the store if it was opened here. */
  async close(): Promise<void> {
    await this.#found?.catch(() => null);
    await this.#opened?.close();
  }

  async #open(): Promise<SessionDb> {
    const source = typeof this.#source === "function" ? await resolved(this.#source) : this.#source;
    if (typeof source === "string") {
      this.#opened = await openSessionDb(source, this.#owner === null ? {} : { ownStorageOf: this.#owner });
      return this.#opened;
    }
    if (typeof source?.getSession !== "function") {
      throw new ConnectionStringError("db must be a store or a connection string, or a function that returns either.");
    }
    if (this.#owner !== null) {
      throw new ConnectionStringError("With ownStorage, db must be a connection string, not a store.");
    }
    return source;
  }
}

async function resolved(source: () => SessionDb | string | Promise<SessionDb | string>): Promise<SessionDb | string> {
  try {
    return await source();
  } catch (cause) {
    if (SessionDbError.isInstance(cause)) {
      throw cause;
    }
    throw new ConnectionStringError("Could not get a store or a connection string: the db function threw.", {
      cause,
    });
  }
}
