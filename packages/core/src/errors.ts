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
  | "INPUT_REFUSED"
  | "INVALID_ARGUMENT"
  | "INVALID_CONNECTION_STRING"
  | "MEMORY_DUPLICATE"
  | "MEMORY_NOT_FOUND"
  | "MEMORY_OWNERSHIP"
  | "OUTPUT_REFUSED"
  | "PARTIAL_DELETE"
  | "PAYLOAD_TOO_LARGE"
  | "PERMISSION_DENIED"
  | "RUN_CANCELLED"
  | "RUN_CONFLICT"
  | "RUN_NOT_CONTINUABLE"
  | "RUNS_NOT_READ"
  | "SCHEMA_MISMATCH"
  | "SESSION_COMPONENT_MISMATCH"
  | "SESSION_OWNERSHIP"
  | "SESSION_STATE_MISMATCH"
  | "SESSION_TYPE_MISMATCH"
  | "STEP_VALUE_MISMATCH"
  | "STORAGE_DISABLED";

const marker = Symbol.for("@sessiondb/error");

/**
 * The base class of every error that a `SessionDb` throws. Messages never contain stored content or query parameters,
 * which are user data. They do contain ids, since an error without them cannot be acted on.
 */
export abstract class SessionDbError extends Error {
  abstract readonly code: SessionDbErrorCode;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    Object.defineProperty(this, marker, { value: true });
  }

  // Spelled out in every class, since a bundler may shorten class names.
  abstract override get name(): string;

  /** Recognises this library's errors without `instanceof`, including those of a second copy of the package. */
  static isInstance(error: unknown): error is SessionDbError {
    return typeof error === "object" && error !== null && marker in error;
  }
}

/** An argument is missing, of the wrong type, or out of range. Nothing was read or written. */
export class InvalidArgumentError extends SessionDbError {
  readonly code = "INVALID_ARGUMENT";
  /** The path of the argument, for example `session.sessionId`. */
  readonly argument: string;
  /** A phrase that says what the argument must be. */
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
  /** Null when the caller named only a run: the id of another user's session may reveal something. */
  readonly sessionId: string | null;
  /** The run that the caller named, or null. */
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

/** An agent, team or workflow was given a session that belongs to another one of its kind. */
export class SessionComponentMismatchError extends SessionDbError {
  readonly code = "SESSION_COMPONENT_MISMATCH";
  readonly sessionId: string;
  /** What both are: `agent`, `team` or `workflow`. */
  readonly sessionType: string;
  /** The id of the component that asked. */
  readonly expectedComponent: string;
  readonly storedComponent: string;

  constructor(
    sessionId: string,
    {
      sessionType,
      expectedComponent,
      storedComponent,
    }: { sessionType: string; expectedComponent: string; storedComponent: string },
  ) {
    super(belongsTo(sessionId, [sessionType, storedComponent], [sessionType, expectedComponent]));
    this.sessionId = sessionId;
    this.sessionType = sessionType;
    this.expectedComponent = expectedComponent;
    this.storedComponent = storedComponent;
  }

  override get name(): string {
    return "SessionComponentMismatchError";
  }
}

/** The stored state of a session does not fit the schema of the agent, team or workflow that reads it. */
export class SessionStateMismatchError extends SessionDbError {
  readonly code = "SESSION_STATE_MISMATCH";
  readonly sessionId: string;
  /** The schema's own messages. Some schema libraries quote values of the state in them. */
  readonly issues: readonly string[];

  constructor(sessionId: string, { places, issues }: { places: readonly string[]; issues: readonly string[] }) {
    super(
      `The state of session ${JSON.stringify(sessionId)} does not fit sessionStateSchema at ${places.join(", ")}. ` +
        'Replace these values with updateSessionState, or set onInvalidSessionState to "reset".',
    );
    this.sessionId = sessionId;
    this.issues = issues;
  }

  override get name(): string {
    return "SessionStateMismatchError";
  }
}

/** What a step of a workflow was given, or came to, does not fit its schema. The run is stored as ERROR. */
export class StepValueMismatchError extends SessionDbError {
  readonly code = "STEP_VALUE_MISMATCH";
  /** The name of the step. */
  readonly stepName: string;
  /** `input` if it was given the value by the step before, `output` if it came to it. */
  readonly side: "input" | "output";
  /** The schema's own messages. Some schema libraries quote values in them. */
  readonly issues: readonly string[];

  constructor(
    stepName: string,
    { side, places, issues }: { side: "input" | "output"; places: readonly string[]; issues: readonly string[] },
  ) {
    super(
      `The ${side} of the step ${JSON.stringify(stepName)} does not fit its ${side}Schema at ${places.join(", ")}. ` +
        `Change the step${side === "input" ? " before it" : ""}, and go on with continueRun.`,
    );
    this.stepName = stepName;
    this.side = side;
    this.issues = issues;
  }

  override get name(): string {
    return "StepValueMismatchError";
  }
}

/** An agent, team or workflow that keeps no sessions was asked for them. */
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

/** A session was given to something of another type than its own. A session never changes its type. */
export class SessionTypeMismatchError extends SessionDbError {
  readonly code = "SESSION_TYPE_MISMATCH";
  readonly sessionId: string;
  readonly expectedType: string;
  readonly storedType: string;
  /** The id of the component that asked; null when a write named the type only. */
  readonly expectedComponent: string | null;
  /** The id of the component that the session belongs to; null when it is unknown. */
  readonly storedComponent: string | null;

  constructor(
    sessionId: string,
    {
      expectedType,
      storedType,
      expectedComponent = null,
      storedComponent = null,
    }: {
      expectedType: string;
      storedType: string;
      expectedComponent?: string | null;
      storedComponent?: string | null;
    },
  ) {
    super(belongsTo(sessionId, [storedType, storedComponent], [expectedType, expectedComponent]));
    this.sessionId = sessionId;
    this.expectedType = expectedType;
    this.storedType = storedType;
    this.expectedComponent = expectedComponent;
    this.storedComponent = storedComponent;
  }

  override get name(): string {
    return "SessionTypeMismatchError";
  }
}

/** A type and an id, or null where that is unknown. */
type Party = readonly [type: string, id: string | null];

function belongsTo(sessionId: string, stored: Party, expected: Party): string {
  const session = `Session ${JSON.stringify(sessionId)}`;
  return `${session} belongs to ${nameOf(stored)}, not to ${nameOf(expected)}. Use another session id.`;
}

function nameOf([type, id]: Party): string {
  return id === null ? `${/^[aeiou]/i.test(type) ? "an" : "a"} ${type}` : `the ${type} ${JSON.stringify(id)}`;
}

/** The run id is already stored under another session. A run is never moved; give the new run an id of its own. */
export class RunConflictError extends SessionDbError {
  readonly code = "RUN_CONFLICT";
  readonly runId: string;
  readonly sessionId: string;

  constructor(runId: string, sessionId: string) {
    super(
      `Run ${JSON.stringify(runId)} is stored under a session other than ${JSON.stringify(sessionId)}. Run ids are unique: use a new one.`,
    );
    this.runId = runId;
    this.sessionId = sessionId;
  }

  override get name(): string {
    return "RunConflictError";
  }
}

/** Somebody cancelled the run by its id, here or in another process. What it said and did until then is stored. */
export class RunCancelledError extends SessionDbError {
  readonly code = "RUN_CANCELLED";
  readonly runId: string;

  constructor(runId: string) {
    super(`Run ${JSON.stringify(runId)} was cancelled. What it said and did until then is stored.`);
    this.runId = runId;
  }

  override get name(): string {
    return "RunCancelledError";
  }
}

/** A guardrail refused the input of a run. The model was not asked, and no tool ran. */
export class InputRefusedError extends SessionDbError {
  readonly code = "INPUT_REFUSED";
  readonly runId: string;
  /** What the guardrail returned. It may quote the input. */
  readonly reason: string;

  constructor(runId: string, reason: string) {
    super(
      `A guardrail refused the input of run ${JSON.stringify(runId)}. The model was not asked. See the error's reason.`,
    );
    this.runId = runId;
    this.reason = reason;
  }

  override get name(): string {
    return "InputRefusedError";
  }
}

/** A guardrail refused the answer of a run. Its tools have run, and it is stored as ERROR. */
export class OutputRefusedError extends SessionDbError {
  readonly code = "OUTPUT_REFUSED";
  readonly runId: string;
  /** What the guardrail returned. It may quote the answer. */
  readonly reason: string;

  constructor(runId: string, reason: string) {
    super(`A guardrail refused the answer of run ${JSON.stringify(runId)}. See the error's reason.`);
    this.runId = runId;
    this.reason = reason;
  }

  override get name(): string {
    return "OutputRefusedError";
  }
}

/** A paused run waits for something that cannot be provided here. It stays paused and unchanged. */
export class RunNotContinuableError extends SessionDbError {
  readonly code = "RUN_NOT_CONTINUABLE";
  readonly runId: string;

  /** `why` is a clause, `advice` a sentence. */
  constructor(runId: string, { why, advice }: { readonly why: string; readonly advice: string }) {
    super(`Run ${JSON.stringify(runId)} cannot continue here: ${why}. ${advice}`);
    this.runId = runId;
  }

  override get name(): string {
    return "RunNotContinuableError";
  }
}

/** A write named a memory that does not belong to the user of the write. Nothing was changed. */
export class MemoryOwnershipError extends SessionDbError {
  readonly code = "MEMORY_OWNERSHIP";
  readonly memoryId: string;

  constructor(memoryId: string) {
    super(
      `Memory ${JSON.stringify(memoryId)} does not belong to the user of this call. Nothing was changed. Write to it as ` +
        "its owner, or leave memoryId out to add a new memory.",
    );
    this.memoryId = memoryId;
  }

  override get name(): string {
    return "MemoryOwnershipError";
  }
}

/** A write that changes or deletes several memories named one that does not exist. Nothing was changed. */
export class MemoryNotFoundError extends SessionDbError {
  readonly code = "MEMORY_NOT_FOUND";
  readonly memoryId: string;

  constructor(memoryId: string) {
    super(
      `There is no memory ${JSON.stringify(memoryId)}. Nothing was changed. Use the id of a memory that was ` +
        "listed, or add the memory instead.",
    );
    this.memoryId = memoryId;
  }

  override get name(): string {
    return "MemoryNotFoundError";
  }
}

/** A change would make a memory say what another memory of the user says. Nothing was changed. */
export class DuplicateMemoryError extends SessionDbError {
  readonly code = "MEMORY_DUPLICATE";
  /** The memory to change. */
  readonly memoryId: string;
  /** The memory that says the same. */
  readonly duplicateOf: string;

  constructor(memoryId: string, duplicateOf: string) {
    super(
      `Memory ${JSON.stringify(memoryId)} would say what memory ${JSON.stringify(duplicateOf)} of the same user says. ` +
        "Nothing was changed. Delete one of the two instead.",
    );
    this.memoryId = memoryId;
    this.duplicateOf = duplicateOf;
  }

  override get name(): string {
    return "DuplicateMemoryError";
  }
}

/** Rows of another table refer to the data to delete, by a foreign key. Nothing was changed. */
export class InUseError extends SessionDbError {
  readonly code = "IN_USE";
  /** The table whose rows prevent the delete, or null when the database does not say. */
  readonly table: string | null;

  constructor(table: string | null, options?: ErrorOptions) {
    super(
      `The data to delete is in use: rows of ${table ?? "another table"} refer to it by a foreign key. Nothing was ` +
        "changed. Try again when those rows are gone, or delete them first.",
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
  /** The path of the argument that is too large, for example `run`, or a description from the database's adapter. */
  readonly argument: string;
  /** The size found, in bytes of UTF-8 JSON. */
  readonly size: number;
  /** The largest size allowed, in bytes of UTF-8 JSON. */
  readonly limit: number;

  /** `advice` says what else to do when `maxPayloadBytes` is not the limit: "or raise …", or an empty string. */
  constructor(
    argument: string,
    { size, limit, advice = "or raise maxPayloadBytes" }: { size: number; limit: number; advice?: string | undefined },
    options?: ErrorOptions,
  ) {
    const also = advice === "" ? "" : `, ${advice}`;
    super(
      `${argument} is ${size} bytes of JSON, but the store holds at most ${limit}. Keep large media outside the session${also}.`,
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

/** Code asked for the runs of a session that was read without them. */
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

/** A delete by filter failed after it had deleted some sessions for good. Repeat the call to delete the rest. */
export class PartialDeleteError extends SessionDbError {
  readonly code = "PARTIAL_DELETE";
  /** The number of sessions deleted. */
  readonly deleted: number;

  constructor(deleted: number, options: ErrorOptions) {
    super(`${deleted} sessions were deleted before the call failed. Repeat it to delete the rest.`, options);
    this.deleted = deleted;
  }

  override get name(): string {
    return "PartialDeleteError";
  }
}

/** A stored value cannot be read. It is left unchanged: an unreadable session is never taken for a missing one. */
export class CorruptDataError extends SessionDbError {
  readonly code = "CORRUPT_DATA";
  /** The place of the value, for example `agno_runs.run_data`. */
  readonly location: string;
  /** The id of the row, or null when the value was read outside a row. */
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
  /** Null when the problem is the whole table. */
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
    super(`The tables do not match the schema: ${lines.join("; ")}. ${advice}`, options);
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

/** The database was locked, or kept failing temporarily, for longer than the store waits. It is safe to try again. */
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

/** The database, its file or its folder is read-only. */
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

/** The adapter package that a connection string asks for is not installed. */
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

/** A connection string is empty, malformed, or has no adapter. The message never repeats it: it may hold a password. */
export class ConnectionStringError extends SessionDbError {
  readonly code = "INVALID_CONNECTION_STRING";

  override get name(): string {
    return "ConnectionStringError";
  }
}
