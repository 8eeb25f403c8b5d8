import {
  DatabaseBusyError,
  DatabaseError,
  DatabaseFullError,
  DatabaseReadOnlyError,
  DatabaseUnreachableError,
  InvalidArgumentError,
  PermissionDeniedError,
  type SessionDbError,
} from "@sessiondb/core";
import type { ClassifiedError } from "@sessiondb/drizzle";

/** A statement was not answered in time: the connection may still be at it, and cannot be used again. */
export class NoAnswerError extends Error {
  override get name(): string {
    return "NoAnswerError";
  }
}

/** An error of mysql2: the server's have a positive `errno`, those of the network and of mysql2 itself a `code` alone. */
interface DriverError {
  readonly errno: number;
  readonly code: string;
  readonly message: string;
}

type Kind = "busy" | "denied" | "full" | "invalid" | "lost" | "readOnly" | "unreachable";

/** Error numbers of the server by what they mean here; MariaDB's are the same but for those from 1900 and 4000. */
const numbers: Readonly<Record<Kind, readonly number[]>> = {
  // Lock waits and deadlocks; another process that created the same table, index or column at the same moment; a schema
  // or a row that changed under a statement; interrupted statements; a Galera node that is not ready.
  busy: [1205, 1213, 3572, 1050, 1060, 1061, 1412, 1615, 1020, 1317, 1969, 3024, 1047, 1040, 1203, 1226],
  // The server is going down, or has closed the connection.
  lost: [1053, 1077, 1079, 1158, 1159, 1160, 1161, 1927, 2006, 2013, 2055, 3169, 4031],
  denied: [1044, 1045, 1142, 1143, 1227, 1370, 1698, 3118, 3955],
  readOnly: [1290, 1836, 1792, 3100],
  full: [1021, 1114, 1041, 3019],
  unreachable: [1129, 1130, 2002, 2003, 2005],
  invalid: [1406, 1366],
};

const codes: Readonly<Record<string, Kind>> = {
  PROTOCOL_CONNECTION_LOST: "lost",
  PROTOCOL_PACKETS_OUT_OF_ORDER: "lost",
  ECONNRESET: "lost",
  EPIPE: "lost",
  ECONNABORTED: "lost",
  ECONNREFUSED: "unreachable",
  ENOTFOUND: "unreachable",
  EAI_AGAIN: "unreachable",
  EHOSTUNREACH: "unreachable",
  ENETUNREACH: "unreachable",
  ETIMEDOUT: "unreachable",
  ENOENT: "unreachable",
  HANDSHAKE_SSL_ERROR: "unreachable",
  HANDSHAKE_NO_SSL_SUPPORT: "unreachable",
};

/** Translates what mysql2 throws. `server` names the host and database. */
export function classifyMysqlError(cause: unknown, server: string): ClassifiedError {
  const driverError = read(cause);
  const { code, message } = driverError;
  const options = { cause };
  if (cause instanceof NoAnswerError) {
    return final(new DatabaseUnreachableError(`${server} did not answer in time.`, options));
  }
  switch (kindOf(cause)) {
    case "busy":
      return { error: new DatabaseBusyError(`${server} is busy: ${message}.`, options), transient: true };
    case "lost":
      return { error: new DatabaseUnreachableError(`The connection to ${server} was lost.`, options), transient: true };
    case "unreachable":
      return final(
        new DatabaseUnreachableError(
          `${server} cannot be reached (${code}): check its address and that it runs.`,
          options,
        ),
      );
    case "denied":
      return final(new PermissionDeniedError(`${server} refused: ${message}.`, options));
    case "readOnly":
      return final(new DatabaseReadOnlyError(`${server} can only be read: is it a replica?`, options));
    case "full":
      return final(new DatabaseFullError(`${server} has no space left. The write was undone.`, options));
    case "invalid":
      return final(invalid(message, options));
    case null:
      return final(other(driverError, server, options));
  }
}

/** Whether a connection that gave this error must not be used again. */
export function endsConnection(cause: unknown): boolean {
  const kind = kindOf(cause);
  return (
    kind === "lost" ||
    kind === "unreachable" ||
    // After a failover the pool must find the new primary.
    kind === "readOnly" ||
    cause instanceof NoAnswerError ||
    (typeof cause === "object" && cause !== null && "fatal" in cause && cause.fatal === true)
  );
}

/** The server's number of an error, 0 for an error of another origin. */
export function errorNumber(cause: unknown): number {
  return read(cause).errno;
}

function kindOf(cause: unknown): Kind | null {
  const { errno, code, message } = read(cause);
  const known = Object.entries(numbers).find(([, list]) => list.includes(errno));
  if (known !== undefined) {
    return known[0] as Kind;
  }
  // What mysql2 says of a connection that was cut while nobody used it.
  return codes[code] ?? (/in closed state|enqueue .* after fatal error/i.test(message) ? "lost" : null);
}

function read(cause: unknown): DriverError {
  const error: Partial<Record<keyof DriverError, unknown>> = typeof cause === "object" && cause !== null ? cause : {};
  return {
    errno: typeof error.errno === "number" ? error.errno : 0,
    code: typeof error.code === "string" ? error.code : "",
    message: typeof error.message === "string" ? error.message : "",
  };
}

function invalid(message: string, options: ErrorOptions): InvalidArgumentError {
  const column = /column [`']?(?:[^`']*\.)?([\w]+)[`']/.exec(message)?.[1] ?? "a value";
  return new InvalidArgumentError(column, "what its column in the database can hold", options);
}

function other({ errno, code, message }: DriverError, server: string, options: ErrorOptions): SessionDbError {
  if (errno === 1049 || errno === 1046) {
    return new DatabaseError(`${server}: ${message}. Create it, or name another in the connection string.`, options);
  }
  if (errno === 1153) {
    return new DatabaseError(`${server} takes no statement this large: raise its max_allowed_packet.`, options);
  }
  return new DatabaseError(`${server} failed${code === "" ? "" : ` with ${code}`}.`, options);
}

function final(error: SessionDbError): ClassifiedError {
  return { error, transient: false };
}
