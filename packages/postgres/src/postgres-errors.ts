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
import { DriverError, type ClassifiedError } from "@sessiondb/drizzle";
import { ConnectionWaitError } from "./postgres-connections.ts";
import { isConnectionLost, isTaken, isTimedOut, PostgresFailure } from "./postgres-failure.ts";
import { reasonOf } from "./postgres-refusals.ts";

export interface Circumstances {
  /** Host and database. */
  readonly place: string;
  readonly payloadBytes: number;
  /** Whether the server was reached before, so that it is likely to come back. */
  readonly reached: boolean;
  /** The tables and columns of the store. */
  readonly names: readonly string[];
}

/** Serialization failure, deadlock, lock not available; shutdown, crash, start-up; and a session timed out. */
const transientCodes = /^(40001|40P01|40003|55P03|57P0[1235]|25P0[34]|53300|08...)$/;

/** Translates what pg throws. */
export function classifyPostgresError(error: unknown, circumstances: Circumstances): ClassifiedError {
  const failure =
    error instanceof PostgresFailure
      ? error
      : new PostgresFailure("statement", { cause: error, names: circumstances.names });
  if (SessionDbError.isInstance(failure.cause)) {
    return final(failure.cause);
  }
  const { place, reached } = circumstances;
  const { code, cause } = failure;
  const options = { cause };
  // A connection lost while COMMIT was under way: the server may have committed before it went.
  const outcomeUnknown = failure.at === "commit" && isConnectionLost(failure);

  if (cause instanceof ConnectionWaitError) {
    return final(
      cause.exhausted
        ? new DatabaseBusyError(
            `${place}: ${cause.message}, for all of the pool's are in use. Make the pool larger.`,
            options,
          )
        : new DatabaseUnreachableError(`${place} cannot be reached: ${cause.message}.`, options),
    );
  }
  if (isTimedOut(failure) || code === "57014") {
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
  if (transientCodes.test(code)) {
    return { error: new DatabaseBusyError(`${place} was busy (${code}).`, options), transient: true, outcomeUnknown };
  }
  return final(permanentError(failure, circumstances));
}

function permanentError(failure: PostgresFailure, { place, payloadBytes }: Circumstances): SessionDbError {
  const { code, cause, ddl, ddlMessage } = failure;
  const options = { cause };
  switch (code) {
    case "25006":
      return new DatabaseReadOnlyError(`${place} can only be read: it is a standby, or set to read-only.`, options);
    case "28000":
    case "28P01":
      return new PermissionDeniedError(`${place} refused the login: check user, password and pg_hba.conf.`, options);
    case "3F000":
      return new InvalidArgumentError("schema", "given: the search_path of the connection leads to no schema", options);
    case "42501":
      return new PermissionDeniedError(
        ddl === null
          ? `${place} refused a statement${aboutTables(cause)}: the role lacks a grant, or a row-level security policy stands against it.`
          : `${place} refused ${ddl} (${ddlMessage}). Have a role that may run what planMigration() returns.`,
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
      // Of a delete the server names the table that holds the row; of any other statement the one that was written to.
      return failure.at === "delete"
        ? new InUseError((cause instanceof DriverError && cause.table) || null, options)
        : new DatabaseError(otherFailure(failure, place), options);
    case "22001":
      return new InvalidArgumentError("Every id", `as short as its column${lengthOf(failure)}`, options);
    default:
      return new DatabaseError(otherFailure(failure, place), options);
  }
}

function otherFailure({ code, cause, ddl, ddlMessage }: PostgresFailure, place: string): string {
  if (ddl !== null) {
    const advice = isTaken(code) ? "Something else has that name: give the tables other ones." : "Nothing was created.";
    return `${place} refused ${ddl} (${ddlMessage === "" ? code : `${code}: ${ddlMessage}`}). ${advice}`;
  }
  if (!(cause instanceof DriverError)) {
    return `Postgres failed${code === "" ? "" : ` with ${code}`} on ${place}.`;
  }
  const reason = reasonOf(code, cause);
  return `${place} refused a statement (${code})${aboutTables(cause)}. ${reason === "" ? "" : `${reason}. `}Nothing was stored.`;
}

/** The tables and columns of the store that the server named. */
function aboutTables(cause: unknown): string {
  return cause instanceof DriverError ? cause.about : "";
}

function lengthOf({ columnLength }: PostgresFailure): string {
  return columnLength === null ? "" : `, which holds ${columnLength} characters`;
}

function final(error: SessionDbError): ClassifiedError {
  return { error, transient: false };
}
