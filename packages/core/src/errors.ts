/** The stable code of every error this library throws. docs/errors.md has one heading per code. */
export type SessionDbErrorCode =
  | "ADAPTER_NOT_INSTALLED"
  | "CLOSED"
  | "CORRUPT_DATA"
  | "DATABASE_BUSY"
  | "DATABASE_ERROR"
  | "DATABASE_FULL"
  | "DATABASE_READ_ONLY"
  | "DATABASE_UNREACHABLE"
  | "IN_USE"
  | "INVALID_ARGUMENT"
  | "INVALID_CONNECTION_STRING"
  | "PARTIAL_DELETE"
  | "PAYLOAD_TOO_LARGE"
  | "PERMISSION_DENIED"
  | "RUN_CONFLICT"
  | "RUN_NOT_CONTINUABLE"
  | "RUNS_NOT_READ"
  | "SCHEMA_MISMATCH"
  | "SESSION_COMPONENT_MISMATCH"
  | "SESSION_OWNERSHIP"
  | "SESSION_TYPE_MISMATCH"
  | "STORAGE_DISABLED";

const marker = Symbol.for("@sessiondb/error");

/**
 * Base of every error thrown by a `SessionDb`. Its message never holds stored content or query parameters: those are
 * user data. Ids appear in messages, since an error without them cannot be acted on.
 */
export abstract class SessionDbError extends Error {
  abstract readonly code: SessionDbErrorCode;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    Object.defineProperty(this, marker, { value: true });
  }

  // Written out in every class, since a bundler may shorten the names of the classes.
  abstract override get name(): string;

  /** Recognises the library's errors without `instanceof`, so also those of a second copy of the package. */
  static isInstance(error: unknown): error is SessionDbError {
    return typeof error === "object" && error !== null && marker in error;
  }
}

/** An argument is missing, of the wrong type, or out of range. Nothing was read or written. */
export class InvalidArgumentError extends SessionDbError {
  readonly code = "INVALID_ARGUMENT";
  /** The path of the argument, for example `session.sessionId`. */
  readonly argument: string;
  /** What the argument must be, as a phrase. */
  readonly expected: string;

  constructor(argument: string, expected: string, options?: ErrorOptions) {
    super(`${argument} must be ${expected}`, options);
    this.argument = argument;
    this.expected = expected;
  }

  override get name(): string {
    return "InvalidArgumentError";
  }
}

/** A write named a session that belongs to another user, or named no user for a session that has an owner. */
export class SessionOwnershipError extends SessionDbError {
  readonly code = "SESSION_OWNERSHIP";
  /** Null when the caller named a run alone: the id of another user's session may tell something. */
  readonly sessionId: string | null;
  /** The run that was named, or null. */
  readonly runId: string | null;

  constructor(sessionId: string | null, runId: string | null = null) {
    const what =
      sessionId === null
        ? `Run ${JSON.stringify(runId)} is in a session that belongs to another user. Change it as the session's owner.`
        : `Session ${JSON.stringify(sessionId)} belongs to another user. Write to it as its owner, or use another session id.`;
    super(what);
    this.sessionId = sessionId;
    this.runId = runId;
  }

  override get name(): string {
    return "SessionOwnershipError";
  }
}

/** An agent, team or workflow was to work on a session that belongs to another one. */
export class SessionComponentMismatchError extends SessionDbError {
  readonly code = "SESSION_COMPONENT_MISMATCH";
  readonly sessionId: string;
  /** The id of the component that asked. */
  readonly expectedComponent: string;
  readonly storedComponent: string;

  constructor(
    sessionId: string,
    { expectedComponent, storedComponent }: { expectedComponent: string; storedComponent: string },
  ) {
    super(
      `Session ${JSON.stringify(sessionId)} belongs to ${JSON.stringify(storedComponent)}, not to ` +
        `${JSON.stringify(expectedComponent)}. Use another session id.`,
    );
    this.sessionId = sessionId;
    this.expectedComponent = expectedComponent;
    this.storedComponent = storedComponent;
  }

  override get name(): string {
    return "SessionComponentMismatchError";
  }
}

/** Sessions were asked of an agent, team or workflow that keeps none. */
export class SessionStorageDisabledError extends SessionDbError {
  readonly code = "STORAGE_DISABLED";
  /** The id of the component. */
  readonly component: string;

  constructor(component: string) {
    super(`${JSON.stringify(component)} keeps no sessions. Give it a db, and leave sessionStorage on.`);
    this.component = component;
  }

  override get name(): string {
    return "SessionStorageDisabledError";
  }
}

/** A write named a session under another type than it has. A session never changes its type. */
export class SessionTypeMismatchError extends SessionDbError {
  readonly code = "SESSION_TYPE_MISMATCH";
  readonly sessionId: string;
  readonly expectedType: string;
  readonly storedType: string;

  constructor(sessionId: string, { expectedType, storedType }: { expectedType: string; storedType: string }) {
    super(
      `Session ${JSON.stringify(sessionId)} is a ${storedType} session, not a ${expectedType} session. Use another session id.`,
    );
    this.sessionId = sessionId;
    this.expectedType = expectedType;
    this.storedType = storedType;
  }

  override get name(): string {
    return "SessionTypeMismatchError";
  }
}

/** The run id is already stored under another session. A run is never moved; give the new run an id of its own. */
export class RunConflictError extends SessionDbError {
  readonly code = "RUN_CONFLICT";
  readonly runId: string;
  readonly sessionId: string;

  constructor(runId: string, sessionId: string) {
    super(
      `Run ${JSON.stringify(runId)} is stored under another session than ${JSON.stringify(sessionId)}. Run ids are unique: use a new one.`,
    );
    this.runId = runId;
    this.sessionId = sessionId;
  }

  override get name(): string {
    return "RunConflictError";
  }
}

/** A paused run waits for what cannot be given here. It is left as it was, and waits on. */
export class RunNotContinuableError extends SessionDbError {
  readonly code = "RUN_NOT_CONTINUABLE";
  readonly runId: string;

  /** `why` is a clause, `advice` a sentence. */
  constructor(runId: string, { why, advice }: { readonly why: string; readonly advice: string }) {
    super(`Run ${JSON.stringify(runId)} cannot go on here: ${why}. ${advice}`);
    this.runId = runId;
  }

  override get name(): string {
    return "RunNotContinuableError";
  }
}

/** What was to be deleted is named by rows of another table, by a foreign key. Nothing was changed. */
export class InUseError extends SessionDbError {
  readonly code = "IN_USE";
  /** The table whose rows stand against it, or null where the database does not say. */
  readonly table: string | null;

  constructor(table: string | null, options?: ErrorOptions) {
    super(
      `What was to be deleted is in use: rows of ${table ?? "another table"} name it by a foreign key. Nothing was ` +
        "changed. Try again when they are gone, or delete them first.",
      options,
    );
    this.table = table;
  }

  override get name(): string {
    return "InUseError";
  }
}

/** A value is larger than this store can hold. Raised before anything is written. */
export class PayloadTooLargeError extends SessionDbError {
  readonly code = "PAYLOAD_TOO_LARGE";
  /** What was too large, for example `run.runData`. */
  readonly argument: string;
  /** The size found, in bytes of UTF-8 JSON. */
  readonly size: number;
  /** The largest size allowed, in bytes of UTF-8 JSON. */
  readonly limit: number;

  /** `advice` is what else can be done, where the limit is not the option `maxPayloadBytes`: "or raise …", or nothing. */
  constructor(
    argument: string,
    { size, limit, advice = "or raise maxPayloadBytes" }: { size: number; limit: number; advice?: string | undefined },
    options?: ErrorOptions,
  ) {
    const also = advice === "" ? "" : `, ${advice}`;
    super(
      `${argument} is ${size} bytes of JSON and the store holds at most ${limit}. Keep large media outside of the session${also}.`,
      options,
    );
    this.argument = argument;
    this.size = size;
    this.limit = limit;
  }

  override get name(): string {
    return "PayloadTooLargeError";
  }
}

/** The runs of a session were asked for that was read without them. */
export class RunsNotReadError extends SessionDbError {
  readonly code = "RUNS_NOT_READ";
  readonly sessionId: string;

  constructor(sessionId: string) {
    super(`Session ${JSON.stringify(sessionId)} was read without its runs. Read it with includeRuns: true.`);
    this.sessionId = sessionId;
  }

  override get name(): string {
    return "RunsNotReadError";
  }
}

/** A delete by filter failed after some sessions were gone for good. Repeat the call to delete the others. */
export class PartialDeleteError extends SessionDbError {
  readonly code = "PARTIAL_DELETE";
  /** How many sessions were deleted. */
  readonly deleted: number;

  constructor(deleted: number, options: ErrorOptions) {
    super(`${deleted} sessions were deleted before the call failed. Repeat it to delete the others.`, options);
    this.deleted = deleted;
  }

  override get name(): string {
    return "PartialDeleteError";
  }
}

/** A stored value cannot be read. It is left as it is: an unreadable session is never taken for a missing one. */
export class CorruptDataError extends SessionDbError {
  readonly code = "CORRUPT_DATA";
  /** Where the value is, for example `agno_runs.run_data`. */
  readonly location: string;
  /** The id of the row, or null when the value was read outside of a row. */
  readonly id: string | null;

  constructor(
    location: string,
    id: string | null,
    { wanted = "readable JSON", ...options }: ErrorOptions & { wanted?: string } = {},
  ) {
    super(
      `${location}${id === null ? "" : ` of ${JSON.stringify(id)}`} does not hold ${wanted}. Repair or remove the row; nothing was changed.`,
      options,
    );
    this.location = location;
    this.id = id;
  }

  override get name(): string {
    return "CorruptDataError";
  }
}

/** One difference between the tables found and the tables wanted. */
export interface SchemaProblem {
  readonly table: string;
  /** Null when the whole table is concerned. */
  readonly column: string | null;
  readonly wanted: string;
  readonly found: string;
}

/** Tables or columns are missing or of an unusable kind, and the store may not or cannot create them. */
export class SchemaMismatchError extends SessionDbError {
  readonly code = "SCHEMA_MISMATCH";
  readonly problems: readonly SchemaProblem[];

  constructor(problems: readonly SchemaProblem[], advice: string, options?: ErrorOptions) {
    const lines = problems.map(
      ({ table, column, wanted, found }) =>
        `${column === null ? table : `${table}.${column}`}: wanted ${wanted}, found ${found}`,
    );
    super(`The tables are not as needed: ${lines.join("; ")}. ${advice}`, options);
    this.problems = problems;
  }

  override get name(): string {
    return "SchemaMismatchError";
  }
}

/** The store was closed before the call. */
export class ClosedError extends SessionDbError {
  readonly code = "CLOSED";

  constructor() {
    super("The session store is closed. Open a new one.");
  }

  override get name(): string {
    return "ClosedError";
  }
}

/** The database was locked, or kept failing in ways that pass, for longer than the store waits. Safe to try again. */
export class DatabaseBusyError extends SessionDbError {
  readonly code = "DATABASE_BUSY";

  override get name(): string {
    return "DatabaseBusyError";
  }
}

/** The database cannot be reached. The message names the file or host, never a password. */
export class DatabaseUnreachableError extends SessionDbError {
  readonly code = "DATABASE_UNREACHABLE";

  override get name(): string {
    return "DatabaseUnreachableError";
  }
}

/** The database, its file or its folder may only be read. */
export class DatabaseReadOnlyError extends SessionDbError {
  readonly code = "DATABASE_READ_ONLY";

  override get name(): string {
    return "DatabaseReadOnlyError";
  }
}

/** The disk or the database's own size limit is exhausted. The write was undone. */
export class DatabaseFullError extends SessionDbError {
  readonly code = "DATABASE_FULL";

  override get name(): string {
    return "DatabaseFullError";
  }
}

/** The database refused a statement for lack of rights. */
export class PermissionDeniedError extends SessionDbError {
  readonly code = "PERMISSION_DENIED";

  override get name(): string {
    return "PermissionDeniedError";
  }
}

/** Any other failure of the database; the driver's own error is the `cause`. */
export class DatabaseError extends SessionDbError {
  readonly code = "DATABASE_ERROR";

  override get name(): string {
    return "DatabaseError";
  }
}

/** The package of the adapter that a connection string asks for is not installed. */
export class AdapterNotInstalledError extends SessionDbError {
  readonly code = "ADAPTER_NOT_INSTALLED";
  readonly packageName: string;

  constructor(packageName: string, options?: ErrorOptions) {
    super(`${packageName} is not installed. Run: npm install ${packageName}`, options);
    this.packageName = packageName;
  }

  override get name(): string {
    return "AdapterNotInstalledError";
  }
}

/** A connection string is empty, malformed, or of a database that no adapter serves. It is not repeated: it may hold a password. */
export class ConnectionStringError extends SessionDbError {
  readonly code = "INVALID_CONNECTION_STRING";

  override get name(): string {
    return "ConnectionStringError";
  }
}
