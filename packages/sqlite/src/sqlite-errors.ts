import { closeSync, openSync, readSync, statSync } from "node:fs";
import {
  DatabaseBusyError,
  DatabaseError,
  DatabaseFullError,
  DatabaseReadOnlyError,
  DatabaseUnreachableError,
  InUseError,
  PermissionDeniedError,
  SessionDbError,
} from "@sessiondb/core";
import { DriverError, final, type ClassifiedError } from "@sessiondb/drizzle";

/** A statement that SQLite did not even prepare, so none of its values were bound. */
export class RefusedStatementError extends Error {
  constructor(cause: unknown) {
    super("SQLite refused a statement", { cause });
  }

  override get name(): string {
    return "RefusedStatementError";
  }
}

/** A foreign key of another table prevents a delete. SQLite does not say which. */
export class HeldRowError extends Error {
  constructor(cause: unknown) {
    super("A foreign key refused a delete", { cause });
  }

  override get name(): string {
    return "HeldRowError";
  }

  /** Returns a statement's error, wrapped in this class if a foreign key refused a delete. */
  static of(cause: unknown, text: string): unknown {
    const isHeld = partsOf(cause).code === "SQLITE_CONSTRAINT_FOREIGNKEY" && text.startsWith("delete ");
    return isHeld ? new HeldRowError(cause) : cause;
  }
}

export interface ErrorPlace {
  readonly file: string;
  /** Whether the connection is the caller's own. */
  readonly isClient: boolean;
  /** The names of the tables. */
  readonly names: readonly string[];
}

/** Translates errors thrown by better-sqlite3. Extended codes begin with their primary code: SQLITE_BUSY_RECOVERY. */
export function classifySqliteError(thrown: unknown, place: ErrorPlace): ClassifiedError {
  const isRefused = thrown instanceof RefusedStatementError;
  const isHeld = thrown instanceof HeldRowError;
  const error = isRefused || isHeld ? thrown.cause : thrown;
  const { code, message } = partsOf(error);
  if (!code.startsWith("SQLITE_")) {
    return ofDriver(error, message, place);
  }
  const { file } = place;
  const options = { cause: wordless(error, { code, message }, place.names) };
  if (isHeld) {
    return final(new InUseError(null, options));
  }
  if (code === "SQLITE_BUSY_SNAPSHOT") {
    // Only a transaction that the caller began for reading can get here, and waiting does not renew its snapshot.
    const advice = "Roll it back and start again with BEGIN IMMEDIATE.";
    return final(new DatabaseBusyError(`${file} has changed since the open transaction began. ${advice}`, options));
  }
  if (code.startsWith("SQLITE_BUSY") || code.startsWith("SQLITE_LOCKED")) {
    return { error: new DatabaseBusyError(`${file} is locked by another connection.`, options), transient: true };
  }
  if (code.startsWith("SQLITE_READONLY") || code.startsWith("SQLITE_CANTOPEN")) {
    return final(ofAccess(code, place, options));
  }
  if (code.startsWith("SQLITE_FULL")) {
    return final(new DatabaseFullError(`There is no space left for ${file}. The write was undone.`, options));
  }
  if (code.startsWith("SQLITE_PERM") || code.startsWith("SQLITE_AUTH")) {
    return final(new PermissionDeniedError(`Access to ${file} was denied.`, options));
  }
  const failed = `SQLite failed with ${code} on ${file}.`;
  const advice = isRefused
    ? `It refused a statement: ${message}. Look for a view, an index or a column that stands in the way.`
    : adviceFor(code, message, file);
  return final(
    new DatabaseError(advice?.startsWith(file) === true ? advice : [failed, advice].filter(Boolean).join(" "), options),
  );
}

/** Whether another connection holds the lock, so that the same work may succeed in a moment. */
export function isLocked(error: unknown): boolean {
  const { code } = partsOf(error);
  return code !== "SQLITE_BUSY_SNAPSHOT" && /^SQLITE_(?:BUSY|LOCKED)/.test(code);
}

function partsOf(error: unknown): { code: string; message: string } {
  const { code = "", message = "" } = (typeof error === "object" && error !== null ? error : {}) as Record<
    string,
    unknown
  >;
  return { code: String(code), message: String(message) };
}

/** SQLite's error without its message, which may come from a trigger. */
function wordless(error: unknown, parts: { code: string; message: string }, names: readonly string[]): DriverError {
  const cause = typeof error === "object" && error !== null ? error : parts;
  return new DriverError({ ...cause, ...parts, ...columnOf(parts.code, parts.message) }, { server: "SQLite", names });
}

/** The column that SQLite's own constraint message names, as `table.column`. Messages from RAISE have another code. */
function columnOf(code: string, message: string): { table?: string; column?: string } {
  const isOwn = /^SQLITE_CONSTRAINT_(?:UNIQUE|PRIMARYKEY|NOTNULL|DATATYPE)$/.test(code);
  const named = isOwn ? /([^\s.]+)\.([^\s.]+)$/.exec(message) : null;
  return { ...(named?.[1] && { table: named[1] }), ...(named?.[2] && { column: named[2] }) };
}

function adviceFor(code: string, message: string, file: string): string | null {
  const { table, column } = columnOf(code, message);
  const where = table === undefined ? "a table of the store" : `${table}.${column}`;
  switch (code) {
    case "SQLITE_NOTADB":
      return `${file} is not an SQLite database, or it is encrypted. Use another file, or decrypt it.`;
    case "SQLITE_CONSTRAINT_TRIGGER":
      return "A trigger refused the statement. Its message is left out, because it may quote stored content.";
    case "SQLITE_CONSTRAINT_NOTNULL":
      return `${where} is NOT NULL, but the store does not fill it. Give it a default.`;
    case "SQLITE_CONSTRAINT_UNIQUE":
    case "SQLITE_CONSTRAINT_PRIMARYKEY":
      return `A unique key that the store did not create refused the row: ${where}.`;
    case "SQLITE_CONSTRAINT_CHECK":
      return "A CHECK constraint refused the row.";
    case "SQLITE_CONSTRAINT_FOREIGNKEY":
      return "A foreign key refused the statement: look for rows that reference the row, or for one that it references and that is missing.";
    case "SQLITE_CONSTRAINT_DATATYPE":
      return `${where} has a type that cannot hold what the store writes. Compare it with planMigration().`;
    case "SQLITE_TOOBIG":
      return "A value is larger than SQLite can hold. Lower maxPayloadBytes.";
    default:
      return code.startsWith("SQLITE_CORRUPT")
        ? `${file} is damaged. Restore it from a backup, or try SQLite's .recover.`
        : null;
  }
}

/** Translates errors about files that may not be written or opened. */
function ofAccess(code: string, { file, isClient }: ErrorPlace, options: ErrorOptions): SessionDbError {
  if (code !== "SQLITE_READONLY" && isWal(file)) {
    const ways =
      "Make the folder writable; or, where it is writable, make a copy with VACUUM INTO or set journal_mode to delete.";
    return new DatabaseReadOnlyError(
      `${file} is in WAL mode, where SQLite needs to write two files beside it even to read, but its folder is not writable. ${ways}`,
      options,
    );
  }
  if (code.startsWith("SQLITE_READONLY")) {
    const also = isClient ? ", and the client's readonly and query_only settings" : "";
    const message = `${file} is read-only: check the permissions of the file and its folder${also}.`;
    return new DatabaseReadOnlyError(message, options);
  }
  if (statSync(file, { throwIfNoEntry: false })?.isDirectory() === true) {
    return new DatabaseUnreachableError(`${file} cannot be opened: it is a folder. Name a file in it.`, options);
  }
  return new DatabaseUnreachableError(
    `${file} cannot be opened: check that it exists, or that its folder exists and is writable.`,
    options,
  );
}

/** Whether a file's header marks it as a database in WAL mode. */
function isWal(file: string): boolean {
  try {
    const opened = openSync(file, "r");
    try {
      const versions = Buffer.alloc(2);
      return readSync(opened, versions, 0, 2, 18) === 2 && versions.every((version) => version === 2);
    } finally {
      closeSync(opened);
    }
  } catch {
    return false;
  }
}

/** Translates errors of better-sqlite3 itself, and those of loading it. */
function ofDriver(cause: unknown, message: string, { file, isClient }: ErrorPlace): ClassifiedError {
  const { code } = partsOf(cause);
  if (message.includes("busy executing a query")) {
    const advice = "End the iteration, or give the store a client of its own.";
    const error = new DatabaseBusyError(`The client of ${file} is iterating over a statement. ${advice}`, { cause });
    return { error, transient: true };
  }
  if (isClient && message.includes("connection is not open")) {
    const advice = "Open another, and pass it to a new store.";
    return final(new DatabaseError(`The client of ${file} is closed. ${advice}`, { cause }));
  }
  if (message.includes("directory does not exist")) {
    const advice = "check that it exists, or that its folder exists and is writable.";
    return final(new DatabaseUnreachableError(`${file} cannot be opened: ${advice}`, { cause }));
  }
  const isMissing = code === "MODULE_NOT_FOUND" && message.includes("better_sqlite3.node");
  if (code === "ERR_DLOPEN_FAILED" || isMissing || message.includes("locate the bindings file")) {
    const here = `Node ${process.versions.node} on ${process.platform}-${process.arch}`;
    const advice = "Run: npm rebuild better-sqlite3. Allow its install script if your package manager asks.";
    return final(new DatabaseError(`better-sqlite3 has no native module that ${here} can load. ${advice}`, { cause }));
  }
  return final(new DatabaseError(`SQLite failed on ${file}.`, { cause }));
}
