import {
  DatabaseBusyError,
  DatabaseError,
  DatabaseFullError,
  DatabaseReadOnlyError,
  DatabaseUnreachableError,
  InUseError,
  InvalidArgumentError,
  PayloadTooLargeError,
  PermissionDeniedError,
  SessionDbError,
} from "@sessiondb/core";
import { DriverError, final, type ClassifiedError } from "@sessiondb/drizzle";
import { concernsPreparation } from "./prepared-statements.ts";
import { tlsRefusal } from "./postgres-tls-errors.ts";

/** The failed statement, as far as it is known. */
interface FailedStatement {
  readonly text?: string;
  readonly values?: readonly unknown[];
  /** Whether the statement belongs to a plan and has no values. */
  readonly isPlanned?: boolean;
  /** The tables and columns of the store. */
  readonly names: readonly string[];
}

/** An error of pg. Its visible parts leave out the server's own words, which quote values. */
export class PostgresFailure extends Error {
  /** The refused statement, if it belongs to the plan. */
  readonly ddl: string | null;
  readonly isDelete: boolean;
  readonly #values: readonly unknown[];
  readonly #serverMessage: string;

  constructor(cause: unknown, { text = "", values = [], isPlanned = false, names }: FailedStatement) {
    super("pg failed", { cause: isFromServer(cause) ? new DriverError(cause, { server: "Postgres", names }) : cause });
    this.ddl = isPlanned ? text : null;
    this.isDelete = text.startsWith("delete ");
    this.#values = values;
    this.#serverMessage = isFromServer(cause) ? cause.message : "";
  }

  /** The server's words about a statement of the plan, without those about rows. */
  get ddlMessage(): string {
    return this.ddl === null || /^2[23]|^P0/.test(this.code) ? "" : this.#serverMessage;
  }

  /** Whether the statement may have failed only because it was prepared. */
  get concernsPreparation(): boolean {
    return concernsPreparation(this.code, this.#serverMessage);
  }

  /** The length of the column that a value was too long for, in characters, if the server reports it. */
  get columnLength(): string | null {
    return /character varying\((\d{1,9})\)/.exec(this.#serverMessage)?.[1] ?? null;
  }

  /** The size of the largest value of the statement, in bytes. */
  get largestValue(): number {
    const sizes = this.#values.map((value) => (typeof value === "string" ? Buffer.byteLength(value) : 0));
    return Math.max(0, ...sizes);
  }

  /** The SQLSTATE, or Node's code; empty if there is none. */
  get code(): string {
    return codeOf(this.cause);
  }

  override get name(): string {
    return "PostgresFailure";
  }
}

export interface Circumstances {
  /** Host and database. */
  readonly place: string;
  readonly payloadBytes: number;
  /** Whether the server was reached before, so that it is likely to return. */
  readonly reached: boolean;
  /** The tables and columns of the store. */
  readonly names: readonly string[];
}

/** Serialization failure, deadlock, lock not available; shutdown, crash, start-up; session timeouts. */
const transientCodes = /^(40001|40P01|40003|55P03|57P0[1235]|25P0[34]|53300|08...)$/;

/** Translates errors thrown by pg. */
export function classifyPostgresError(error: unknown, circumstances: Circumstances): ClassifiedError {
  const failure = error instanceof PostgresFailure ? error : new PostgresFailure(error, circumstances);
  if (SessionDbError.isInstance(failure.cause)) {
    return final(failure.cause);
  }
  const { place, reached } = circumstances;
  const { code, cause } = failure;
  const options = { cause };

  if (isTimedOut(failure) || code === "57014") {
    return final(new DatabaseBusyError(`${place} did not answer a statement in the time allowed.`, options));
  }
  if (code === "53300") {
    return { error: new DatabaseBusyError(`${place} has no connections left.`, options), transient: true };
  }
  const refused = refusedConnection(cause, circumstances);
  if (refused !== null) {
    return final(refused);
  }
  if (isConnectionLost(failure) || /^(ENOTFOUND|EAI_AGAIN|ENOENT)$/.test(code)) {
    return {
      error: new DatabaseUnreachableError(
        `${place} cannot be reached${code === "" ? "" : ` (${code})`}: check that it is running and accepts connections.`,
        options,
      ),
      transient: reached || code.startsWith("57P0"),
    };
  }
  if (transientCodes.test(code)) {
    return { error: new DatabaseBusyError(`${place} was busy (${code}).`, options), transient: true };
  }
  return final(permanentError(failure, circumstances));
}

/** Returns the error for a connection that cannot be made, as it is set up; null for any other. */
function refusedConnection(cause: unknown, { place }: Circumstances): SessionDbError | null {
  const options = { cause };
  const refusal = tlsRefusal(cause);
  if (refusal !== null) {
    return new DatabaseUnreachableError(`${place} ${refusal}`, options);
  }
  if (/client password must be a/.test(ownMessage(cause))) {
    return new PermissionDeniedError(`${place} asks for a password, and the connection has none: set one.`, options);
  }
  return codeOf(cause) === "3D000"
    ? new DatabaseUnreachableError(
        `${place} does not exist. Create the database, or name another in the connection string.`,
        options,
      )
    : null;
}

function permanentError(failure: PostgresFailure, { place, payloadBytes }: Circumstances): SessionDbError {
  const { code, cause, ddl, ddlMessage } = failure;
  const options = { cause };
  switch (code) {
    case "25006":
      return new DatabaseReadOnlyError(`${place} is read-only: it may be a standby.`, options);
    case "28000":
    case "28P01":
      return new PermissionDeniedError(`${place} refused the login: check user, password and pg_hba.conf.`, options);
    case "3F000":
      return new InvalidArgumentError("schema", "given: the connection can use no schema of its search_path", options);
    case "42501":
      return new PermissionDeniedError(
        ddl === null
          ? `${place} refused a statement${aboutTables(cause)}: the role lacks a grant, or a row-level security policy forbids it.`
          : `${place} refused ${ddl} (${ddlMessage}). Run the statements of planMigration() with a role that may create tables.`,
        options,
      );
    case "53100":
      return new DatabaseFullError(`The disk of ${place} is full. The write was undone.`, options);
    case "54000":
    case "53200":
      return new PayloadTooLargeError(
        "The JSON of one column",
        { size: failure.largestValue, limit: payloadBytes, advice: "" },
        options,
      );
    case "23503":
      // For a delete, the server names the table that holds the row; for any other statement, the table written to.
      return failure.isDelete
        ? new InUseError((cause instanceof DriverError && cause.table) || null, options)
        : new DatabaseError(otherFailure(failure, place), options);
    case "22001":
      return new InvalidArgumentError("Every id", `no longer than its column allows${lengthOf(failure)}`, options);
    default:
      return new DatabaseError(otherFailure(failure, place), options);
  }
}

function otherFailure({ code, cause, ddl, ddlMessage }: PostgresFailure, place: string): string {
  if (ddl !== null) {
    const advice = isTaken(code) ? "Something else has that name: choose other table names." : "Nothing was created.";
    return `${place} refused ${ddl} (${ddlMessage === "" ? code : `${code}: ${ddlMessage}`}). ${advice}`;
  }
  if (!(cause instanceof DriverError)) {
    return `Postgres failed${code === "" ? "" : ` with ${code}`} on ${place}.`;
  }
  const reason = reasonOf(code, cause);
  return `${place} refused a statement (${code})${aboutTables(cause)}. ${reason === "" ? "" : `${reason}. `}Nothing was stored.`;
}

/** The store's tables and columns that the server named. */
function aboutTables(cause: unknown): string {
  return cause instanceof DriverError ? cause.about : "";
}

function lengthOf({ columnLength }: PostgresFailure): string {
  return columnLength === null ? "" : `, which holds ${columnLength} characters`;
}

/** Whether an error comes from the server: those have a severity, those of the network and of pg itself have none. */
function isFromServer(cause: unknown): cause is Error & { readonly severity: unknown } {
  return cause instanceof Error && "severity" in cause && cause.severity !== undefined;
}

function codeOf(cause: unknown): string {
  return typeof cause === "object" && cause !== null && "code" in cause && typeof cause.code === "string"
    ? cause.code
    : "";
}

const lostCodes = new Set([
  "ECONNRESET",
  "EPIPE",
  "ETIMEDOUT",
  "ECONNABORTED",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ECONNREFUSED",
]);
const lostMessages = /^(Connection terminated|Client has encountered a connection error|Client was closed)/;
/** pg's message for an answer that came too late. The statement may still be running: the connection is given up. */
const timedOut = "Query read timeout";

/** Whether the connection can no longer be used. */
export function isConnectionLost(error: unknown): boolean {
  const cause = error instanceof PostgresFailure ? error.cause : error;
  const code = codeOf(cause);
  return (
    lostCodes.has(code) ||
    lostMessages.test(ownMessage(cause)) ||
    isTimedOut(cause) ||
    /^(57P0[1-5]|25P0[34]|08...)$/.test(code)
  );
}

/** Whether the server ends the connection with this error of a statement, as some poolers do over a prepared one. */
export function isFatal(cause: unknown): boolean {
  return isFromServer(cause) && cause.severity === "FATAL";
}

/** Whether a DDL statement found that its schema, table, type or index already exists. */
export function isTaken(code: string): boolean {
  return /^(42P06|42P07|42710|23505)$/.test(code);
}

/** Whether pg gave up waiting for a statement's answer. */
export function isTimedOut(error: unknown): boolean {
  return ownMessage(error instanceof PostgresFailure ? error.cause : error) === timedOut;
}

/** Whether a statement waited in vain for a lock, or for its end. */
export function isWait(cause: unknown): boolean {
  return isTimedOut(cause) || /^(55P03|57014)$/.test(codeOf(cause));
}

/** The message of an error of pg itself. A server's message may say anything, in any language. */
function ownMessage(cause: unknown): string {
  return cause instanceof Error && !isFromServer(cause) && !(cause instanceof DriverError) ? cause.message : "";
}

/** The reasons for refusals by code, none of which a table created by this library can cause. */
const reasons: Readonly<Record<string, string>> = {
  "23502": "A column that this library does not fill is NOT NULL: give it a default",
  "23503": "A foreign key that this library did not create forbids it",
  "23505": "A unique key that this library did not create forbids it",
  "23514": "A CHECK constraint forbids it, or no partition accepts the row",
  "23P01": "An exclusion constraint forbids it",
  "25P02": "An earlier statement failed, so the transaction can only be rolled back",
  "42P01": "A table was dropped or renamed after the store examined it",
  "42P10": "The table has no unique key on its id alone",
  "428C9": "A column that this library fills is a generated column",
  P0001: "A trigger refused it",
};

/** Reasons by the first two characters of the code. */
const kinds: Readonly<Record<string, string>> = {
  "0A": "A view, a rule, a partition or a foreign table is in the place of a table that this library can write",
  "22": "A trigger or the type of a column does not accept the value",
  "42": "The tables differ from what this library needs: see verifySchema()",
  "55": "A view that cannot be written is in the place of a table, or an object is in use",
  P0: "A trigger or a function refused it",
};

/** The reason for a refused statement, as far as its code tells, and the table, column or constraint it named. */
function reasonOf(code: string, error: DriverError | null): string {
  const reason = reasons[code] ?? kinds[code.slice(0, 2)];
  const { table, column, constraint } = error ?? {};
  const named = [
    ...(table === undefined ? [] : [column === undefined ? table : `${table}.${column}`]),
    ...(constraint === undefined ? [] : [`constraint ${constraint}`]),
  ].join(", ");
  return [reason, named].filter((part) => part !== undefined && part !== "").join(": ");
}
