import {
  DatabaseBusyError,
  DatabaseError,
  DatabaseFullError,
  DatabaseReadOnlyError,
  DatabaseUnreachableError,
  InvalidArgumentError,
  PayloadTooLargeError,
  PermissionDeniedError,
  SessionDbError,
} from "@sessiondb/core";
import type { ClassifiedError } from "@sessiondb/drizzle";
import { ConnectionWaitError } from "./postgres-connections.ts";

export type FailedAt = "connect" | "begin" | "statement" | "commit";

/** What the driver threw (`cause`), and at which step. */
export class PostgresFailure extends Error {
  readonly at: FailedAt;
  /** The values of a statement, or the text of one that has none. Never shown, save for DDL. */
  readonly #about: unknown;

  constructor(at: FailedAt, { cause, about }: { cause: unknown; about: unknown }) {
    super(`failed at ${at}`, { cause });
    this.at = at;
    this.#about = about;
  }

  /** The statement refused, when it is one of the plan. */
  get ddl(): string | null {
    return typeof this.#about === "string" ? this.#about : null;
  }

  /** The size of the largest value of the statement, in bytes. */
  get largestValue(): number {
    const values: unknown[] = Array.isArray(this.#about) ? this.#about : [];
    return values.reduce<number>(
      (most, value) => Math.max(most, typeof value === "string" ? Buffer.byteLength(value) : 0),
      0,
    );
  }

  override get name(): string {
    return "PostgresFailure";
  }
}

export interface Circumstances {
  /** Host and database. */
  readonly place: string;
  readonly payloadBytes: number;
  /** Whether the server was reached before, so that it is likely to come back. */
  readonly reached: boolean;
}

/** Serialization failure, deadlock, lock not available; shutdown, crash, start-up; and a session timed out. */
const transientCodes = /^(40001|40P01|40003|55P03|57P0[1235]|25P0[34]|53300|08...)$/;
/** Of DDL alone: another process created the same thing a moment before, without this library's lock. */
const createdMeanwhile = /^(42P06|42P07|42710|23505)$/;
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
/** How pg says that no answer came in time. The statement may still be running, so the connection is given up. */
const timedOut = "Query read timeout";

/** Whether the connection is of no more use. */
export function isConnectionLost(error: unknown): boolean {
  const { code, message } = detailsOf(error);
  return (
    lostCodes.has(code) || lostMessages.test(message) || message === timedOut || /^(57P0[1-5]|25P03|08...)$/.test(code)
  );
}

/** Translates what pg throws. */
export function classifyPostgresError(error: unknown, circumstances: Circumstances): ClassifiedError {
  const failure =
    error instanceof PostgresFailure ? error : new PostgresFailure("statement", { cause: error, about: null });
  if (SessionDbError.isInstance(failure.cause)) {
    return final(failure.cause);
  }
  const { place, reached } = circumstances;
  const { code, message } = detailsOf(failure);
  const options = { cause: failure.cause };
  // A connection lost while COMMIT was under way: the server may have committed before it went.
  const outcomeUnknown = failure.at === "commit" && isConnectionLost(failure);

  if (failure.cause instanceof ConnectionWaitError) {
    return final(
      failure.cause.exhausted
        ? new DatabaseBusyError(
            `${place}: ${message}, for all of the pool's are in use. Make the pool larger.`,
            options,
          )
        : new DatabaseUnreachableError(`${place} cannot be reached: ${message}.`, options),
    );
  }
  if (message === timedOut || code === "57014") {
    const busy = new DatabaseBusyError(`${place} did not answer a statement in the time allowed.`, options);
    return { error: busy, transient: false, outcomeUnknown };
  }
  if (code === "53300") {
    return { error: new DatabaseBusyError(`${place} has no connections left.`, options), transient: true };
  }
  if (isConnectionLost(failure) || /^(ENOTFOUND|EAI_AGAIN|ENOENT|3D000)$/.test(code)) {
    const comesBack = reached || code.startsWith("57P0");
    const lost = code === "ENOTFOUND" || code === "3D000" ? false : comesBack;
    return {
      error: new DatabaseUnreachableError(
        `${place} cannot be reached${code === "" ? "" : ` (${code})`}: check that it runs and accepts connections.`,
        options,
      ),
      transient: lost,
      outcomeUnknown,
    };
  }
  if (transientCodes.test(code) || (createdMeanwhile.test(code) && failure.ddl !== null)) {
    return { error: new DatabaseBusyError(`${place} was busy (${code}).`, options), transient: true, outcomeUnknown };
  }
  return final(permanentError(failure, circumstances));
}

function permanentError(failure: PostgresFailure, { place, payloadBytes }: Circumstances): SessionDbError {
  const { code, message } = detailsOf(failure);
  const options = { cause: failure.cause };
  switch (code) {
    case "25006":
      return new DatabaseReadOnlyError(`${place} can only be read: it is a standby, or set to read-only.`, options);
    case "28000":
    case "28P01":
      return new PermissionDeniedError(`${place} refused the login: check user, password and pg_hba.conf.`, options);
    case "42501":
      return new PermissionDeniedError(
        failure.ddl === null
          ? `${place} refused a statement: ${message}.`
          : `${place} refused ${failure.ddl} (${message}). Have a role that may run what planMigration() returns.`,
        options,
      );
    case "53100":
      return new DatabaseFullError(`The disk of ${place} is full. The write was undone.`, options);
    case "54000":
    case "53200":
      return new PayloadTooLargeError(
        "The JSON of one column",
        { size: failure.largestValue, limit: payloadBytes },
        options,
      );
    case "22001":
      return new InvalidArgumentError("Every id", `as short as its column: ${message}`, options);
    default:
      return new DatabaseError(`Postgres failed${code === "" ? "" : ` with ${code}`} on ${place}.`, options);
  }
}

function detailsOf(error: unknown): { code: string; message: string } {
  const cause = error instanceof PostgresFailure ? error.cause : error;
  if (typeof cause !== "object" || cause === null) {
    return { code: "", message: "" };
  }
  const code = "code" in cause && typeof cause.code === "string" ? cause.code : "";
  return { code, message: "message" in cause ? String(cause.message) : "" };
}

function final(error: SessionDbError): ClassifiedError {
  return { error, transient: false };
}
