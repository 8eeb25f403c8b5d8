import { open, readFile, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import {
  CorruptDataError,
  DatabaseBusyError,
  DatabaseError,
  DatabaseFullError,
  DatabaseReadOnlyError,
  DatabaseUnreachableError,
  type SessionDbError,
} from "@sessiondb/core";

/** How long to wait for another writer, in milliseconds. */
const patience = 10_000;

/** One JSON file that is only ever replaced as a whole, so that a reader never sees half of it. */
export class JsonFile<Content> {
  readonly #path: string;
  readonly #empty: string;

  constructor(path: string, empty: Content) {
    this.#path = path;
    this.#empty = JSON.stringify(empty);
  }

  async read(): Promise<Content> {
    return this.#parse(await this.#text());
  }

  /**
   * Reads, changes and replaces the file while no other writer can. When `change` throws, the file stays as it was; when
   * it changes nothing, the file is not written. A signal ends the wait for the other writers.
   */
  async update<Result>(signal: AbortSignal | undefined, change: (content: Content) => Result): Promise<Result> {
    const lock = `${this.#path}.lock`;
    await this.#acquire(lock, signal);
    try {
      const before = await this.#text();
      signal?.throwIfAborted();
      const content = this.#parse(before);
      const result = change(content);
      const after = JSON.stringify(content, null, 2);
      if (after !== before) {
        await this.#replace(after);
      }
      return result;
    } finally {
      await rm(lock, { force: true });
    }
  }

  #text(): Promise<string> {
    return readFile(this.#path, "utf8").catch((cause: unknown) => {
      if (codeOf(cause) === "ENOENT") {
        return this.#empty;
      }
      throw fileError(this.#path, cause);
    });
  }

  #parse(text: string): Content {
    try {
      return JSON.parse(text) as Content;
    } catch {
      // The message of the SyntaxError would quote the file, which is user data.
      throw new CorruptDataError(this.#path, null);
    }
  }

  /** `wx` creates the file or fails, whichever process asks first. */
  async #acquire(lock: string, signal: AbortSignal | undefined): Promise<void> {
    const start = performance.now();
    for (;;) {
      signal?.throwIfAborted();
      try {
        await (await open(lock, "wx")).close();
        return;
      } catch (cause) {
        if (codeOf(cause) !== "EEXIST") {
          throw fileError(this.#path, cause);
        }
        if (performance.now() - start > patience) {
          const advice = `If no program is writing, one was killed while it was: delete ${lock}`;
          throw new DatabaseBusyError(`${this.#path} is locked by another writer. ${advice}`, { cause });
        }
        await sleep(1 + Math.random() * 4);
      }
    }
  }

  /** After the rename the new content is there, and stays there when the power fails. */
  async #replace(text: string): Promise<void> {
    const next = `${this.#path}.next`;
    try {
      await writeDurably(next, text);
      await rename(next, this.#path);
      await syncFolder(dirname(this.#path));
    } catch (cause) {
      throw fileError(this.#path, cause);
    }
  }
}

async function writeDurably(path: string, text: string): Promise<void> {
  const file = await open(path, "w");
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function syncFolder(path: string): Promise<void> {
  // Windows opens no folders, and needs no sync of them.
  if (process.platform === "win32") {
    return;
  }
  const folder = await open(path);
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}

/** The one place that knows what the file system's codes mean. */
function fileError(path: string, cause: unknown): SessionDbError {
  switch (codeOf(cause)) {
    case "ENOENT":
    case "ENOTDIR":
      return new DatabaseUnreachableError(`The folder of ${path} does not exist.`, { cause });
    case "EACCES":
    case "EPERM":
    case "EROFS":
      return new DatabaseReadOnlyError(`${path} cannot be written: check the rights on its folder.`, { cause });
    case "ENOSPC":
      return new DatabaseFullError(`There is no space left for ${path}. It is as it was.`, { cause });
    default:
      return new DatabaseError(`${path} could not be read or written.`, { cause });
  }
}
