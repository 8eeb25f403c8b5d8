import { existsSync } from "node:fs";
import { dirname, isAbsolute } from "node:path";
import { fileURLToPath } from "node:url";
import { ConnectionStringError, InvalidArgumentError } from "@sessiondb/core";
import {
  checkLeftOut,
  count,
  flag,
  isStorable,
  milliseconds,
  objectWith,
  oneOf,
  optional,
  readOptions,
  type OptionReaders,
} from "@sessiondb/core/adapter";
import { tableOptionReaders } from "@sessiondb/drizzle";
import type { Database } from "better-sqlite3";
import type { SqliteTableOptions } from "./schema.ts";

export interface SqliteSessionDbOptions extends SqliteTableOptions {
  /** The path of the database file, created if missing, or `:memory:`. */
  file?: string;
  /**
   * Your own better-sqlite3 connection, instead of `file`. It is used as configured (journal mode, synchronous, busy
   * timeout), with the store's own transactions, and never closed. While you have a transaction open on it, use
   * `withTransaction`.
   */
  client?: Database;
  /** Whether the first operation creates missing tables. Default true; false never issues DDL. */
  autoMigrate?: boolean;
  /** Opens the file read-only. Default false. */
  readonly?: boolean;
  /**
   * `"full"` makes every acknowledged write survive a power cut. `"normal"` is faster and survives a crash of the
   * process, but a power cut may lose the last writes. Default `"full"`.
   */
  synchronous?: "full" | "normal";
  /** The time that a call waits for other connections' locks in all, in milliseconds. Default 10,000. */
  busyTimeout?: number;
  /** The largest JSON document, in bytes of UTF-8. Default 256 MiB. */
  maxPayloadBytes?: number;
}

const readClient = objectWith<Database>(["prepare", "inTransaction"], "a connection of better-sqlite3");

const readers = {
  ...tableOptionReaders,
  file: optional(checkFileName),
  client: optional(readClient),
  autoMigrate: flag(true),
  readonly: flag(false),
  synchronous: oneOf("full", "normal"),
  busyTimeout: milliseconds({ from: 0, otherwise: 10_000 }),
  maxPayloadBytes: count({ from: 1, otherwise: 256 * 1024 * 1024 }),
} satisfies OptionReaders<SqliteSessionDbOptions>;

/** The options with their defaults, except those of the tables. */
interface SqliteOptions extends Required<Omit<SqliteSessionDbOptions, keyof SqliteTableOptions | "file" | "client">> {
  readonly file: string | undefined;
  readonly client: Database | undefined;
}

/** Checks the connection of a caller's transaction. */
export function checkClient(client: unknown): Database {
  return readClient(client, "client");
}

/** Reads the options of the constructor. */
export function readSqliteOptions(given: object): SqliteOptions {
  const options = readOptions(given, readers);
  const { file, client, readonly } = options;
  if ((file === undefined) === (client === undefined)) {
    throw new InvalidArgumentError("options", "an object with either file or client");
  }
  if (client !== undefined) {
    checkLeftOut(given, ["readonly", "synchronous"], "client");
  }
  if (file === memory && readonly) {
    throw new InvalidArgumentError("readonly", `false with "${memory}", which starts empty`);
  }
  return options;
}

// Resolves a file name. better-sqlite3 trims white space and takes a blank name for a temporary database, and SQLite
// has special names; so a name that would open another file than the one written, or none, is refused.

const memory = ":memory:";

type Platform = Pick<NodeJS.Process, "platform">["platform"];

/** Returns the name to write instead, or null for a name that means itself. */
function problemOf(name: string, platform: Platform): string | null {
  if (name === memory) {
    return null;
  }
  if (name.trim() === "") {
    return `a path that is not blank, or "${memory}"`;
  }
  if (name.trim() !== name) {
    return "a path without leading or trailing white space";
  }
  if (!isStorable(name)) {
    return "a path of well-formed text without NUL characters";
  }
  if (name.startsWith(":")) {
    return `a path, or "${memory}" in lower case. For a file of this name, start with ./`;
  }
  if (/^(?:(?:file|sqlite(?:\+\w+)?):|[a-z][a-z0-9+.-]*:\/\/)/i.test(name)) {
    return "a path, not a connection string, which openSessionDb takes. For a file of this name, start with ./";
  }
  if (platform !== "win32" && /^[a-z]:[\\/]/i.test(name)) {
    return "a path of this system: only Windows has drives. For a file of this name, start with ./";
  }
  return null;
}

/** Reads the option `file`. */
function checkFileName(name: unknown, argument: string): string {
  if (typeof name !== "string") {
    throw new InvalidArgumentError(argument, `a path as a string, or "${memory}"`);
  }
  const problem = problemOf(name, process.platform);
  if (problem !== null) {
    throw new InvalidArgumentError(argument, problem);
  }
  return name;
}

/** Returns the file of a connection string: `sqlite:` and a path, a URL as SQLAlchemy writes it, or a `file:` URL. */
export function fileOfUrl(url: string, platform: Platform = process.platform): string {
  const parts = /^(?<scheme>[a-z0-9+]+):(?<path>.*)$/is.exec(url)?.groups;
  const scheme = parts?.["scheme"]?.toLowerCase();
  const path = parts?.["path"];
  if (path === undefined || (scheme !== "sqlite" && scheme !== "file")) {
    throw unusable(
      scheme?.startsWith("sqlite+") === true ? "Leave out the Python driver: write sqlite: before the path." : "",
    );
  }
  if (/[?#]/.test(path)) {
    const [, name] = /\?([\w.-]{1,64})(?:[=&#]|$)/.exec(path) ?? [];
    const found = name === undefined ? "" : ` This one has ${JSON.stringify(name)}.`;
    throw unusable(
      `Parameters are not supported.${found} To open a file whose name contains ? or #, use new SqliteSessionDb({ file }).`,
    );
  }
  const isFileUrl = scheme === "file";
  const file = isFileUrl ? pathOfFile(url, path) : pathOfSqlite(path);
  if (file === "") {
    throw unusable(`This one names no file. For a store in memory, write sqlite:${memory}.`);
  }
  const problem = problemOf(file, platform);
  if (problem !== null) {
    throw unusable(`The path must be ${problem}.`);
  }
  if (/[/\\]$/.test(file)) {
    throw unusable("This one names a folder: add a file name.");
  }
  if (!isFileUrl && path.startsWith("///")) {
    checkIsRelative(file);
  }
  return file;
}

function pathOfSqlite(path: string): string {
  const written = unescaped(path);
  if (!written.startsWith("//")) {
    return written;
  }
  if (written === "//" || written === `//${memory}`) {
    return written.slice(2);
  }
  if (!written.startsWith("///")) {
    throw unusable(
      "Two slashes are followed by a host. For a file in the working directory, write sqlite:agent.db or sqlite:///agent.db.",
    );
  }
  return written.slice(3);
}

/** Refuses what looks absolute: after three slashes a path is relative, as in SQLAlchemy; another file would open. */
function checkIsRelative(path: string): void {
  const absolute = `/${path}`;
  const isElsewhere =
    path !== memory &&
    !isAbsolute(path) &&
    !existsSync(path) &&
    (existsSync(absolute) || (!existsSync(dirname(path)) && existsSync(dirname(absolute))));
  if (isElsewhere) {
    throw unusable(
      "After sqlite:/// a path is relative to the working directory, as in SQLAlchemy, but this one looks absolute. " +
        "For an absolute path, write four slashes, or sqlite:/ and the path.",
    );
  }
}

function pathOfFile(url: string, path: string): string {
  if (path === memory) {
    return path;
  }
  if (!path.startsWith("/")) {
    return unescaped(path);
  }
  if (path.startsWith("//") && !/^\/\/(?:localhost)?\//i.test(path)) {
    throw unusable("Two slashes are followed by a host. Write file:agent.db, or file:/// and an absolute path.");
  }
  try {
    // Tools make a file: URL from a path, with its spaces and accents escaped.
    return fileURLToPath(url);
  } catch (cause) {
    throw unusable("This file: URL names no file on this system.", cause);
  }
}

/** Refuses a path that may or may not be escaped, since some tools escape paths and some do not. */
function unescaped(path: string): string {
  if (/%[0-9a-f]{2}/i.test(path)) {
    throw unusable(
      "Write the characters of the path as they are, not as % and a code. To open a file whose name contains %, use new SqliteSessionDb({ file }).",
    );
  }
  return path;
}

function unusable(advice: string, cause?: unknown): ConnectionStringError {
  const message =
    "An SQLite connection string is sqlite: followed by a path, for example sqlite:agent.db or sqlite:/var/lib/agent.db.";
  return new ConnectionStringError(`${message}${advice === "" ? "" : ` ${advice}`}`, { cause });
}
