import {
  DatabaseBusyError,
  DatabaseError,
  DatabaseFullError,
  DatabaseReadOnlyError,
  DatabaseUnreachableError,
  PermissionDeniedError,
} from "@sessiondb/core";
import type { ClassifiedError } from "@sessiondb/drizzle";

/** Translates what better-sqlite3 throws. Extended codes begin with their primary code: SQLITE_BUSY_RECOVERY. */
export function classifySqliteError(cause: unknown, file: string): ClassifiedError {
  const code = typeof cause === "object" && cause !== null && "code" in cause ? String(cause.code) : "";
  const options = { cause };
  if (code === "SQLITE_BUSY_SNAPSHOT") {
    // Only a transaction that the caller began for reading can meet this, and waiting does not renew its snapshot.
    const message = `${file} has changed since the open transaction began. Roll it back and begin again, with BEGIN IMMEDIATE.`;
    return final(new DatabaseBusyError(message, options));
  }
  if (code.startsWith("SQLITE_BUSY") || code.startsWith("SQLITE_LOCKED")) {
    return { error: new DatabaseBusyError(`${file} is locked by another connection.`, options), transient: true };
  }
  if (code.startsWith("SQLITE_READONLY")) {
    return final(
      new DatabaseReadOnlyError(`${file} can only be read: check the rights on the file and its folder.`, options),
    );
  }
  if (code.startsWith("SQLITE_FULL")) {
    return final(new DatabaseFullError(`There is no space left for ${file}. The write was undone.`, options));
  }
  if (code.startsWith("SQLITE_PERM") || code.startsWith("SQLITE_AUTH")) {
    return final(new PermissionDeniedError(`Access to ${file} was denied.`, options));
  }
  if (
    code.startsWith("SQLITE_CANTOPEN") ||
    (cause instanceof TypeError && cause.message.includes("directory does not exist"))
  ) {
    return final(
      new DatabaseUnreachableError(
        `${file} cannot be opened: check that it exists, or that its folder exists and may be written.`,
        options,
      ),
    );
  }
  if (code.startsWith("SQLITE_NOTADB")) {
    return final(new DatabaseError(`${file} is no SQLite database.`, options));
  }
  if (code.startsWith("SQLITE_CORRUPT")) {
    return final(new DatabaseError(`${file} is damaged. Restore it from a backup, or try SQLite's .recover.`, options));
  }
  return final(new DatabaseError(`SQLite failed${code === "" ? "" : ` with ${code}`} on ${file}.`, options));
}

function final(error: ClassifiedError["error"]): ClassifiedError {
  return { error, transient: false };
}
