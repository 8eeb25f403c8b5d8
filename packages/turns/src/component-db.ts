import { ConnectionStringError, openSessionDb, SessionDbError, type SessionDb } from "@sessiondb/core";
import { ownStorageUrl } from "./own-storage.ts";

/** A store, a connection string for `openSessionDb`, or a function that finds one of them and is called once. */
export type DbSource = SessionDb | string | (() => SessionDb | string | Promise<SessionDb | string>);

/** The store of a component: found at its first use, then kept. Closes the store if it opened it. */
export class ComponentDb {
  readonly #source: DbSource;
  /** The component that gets a schema, database or file of its own; null when it shares the one named. */
  readonly #owner: string | null;
  #found: Promise<SessionDb> | null = null;
  #opened: SessionDb | null = null;

  constructor(source: DbSource, owner: string | null) {
    this.#source = source;
    this.#owner = owner;
  }

  /**
   * @throws ConnectionStringError when there is no connection string, or none that can be understood.
   * @throws AdapterNotInstalledError when the database's package is absent.
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
      this.#opened = await openSessionDb(this.#owner === null ? source : ownStorageUrl(source, this.#owner));
      return this.#opened;
    }
    if (typeof source?.getSession !== "function") {
      throw new ConnectionStringError("The db of a component must be a store or a connection string.");
    }
    if (this.#owner !== null) {
      throw new ConnectionStringError("A component gets storage of its own by a connection string, not by a store.");
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
    throw new ConnectionStringError("Could not get a connection string or a store: the function given as db threw.", {
      cause,
    });
  }
}
