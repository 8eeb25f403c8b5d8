import {
  DatabaseBusyError,
  DatabaseError,
  DatabaseFullError,
  DatabaseReadOnlyError,
  DatabaseUnreachableError,
  InUseError,
  InvalidArgumentError,
  PermissionDeniedError,
  SessionDbError,
} from "@sessiondb/core";
import { DriverError, final, type ClassifiedError } from "@sessiondb/drizzle";
import { tlsRefusal } from "./mysql-tls-errors.ts";

/** A statement was not answered in time. The connection may still be running it, and cannot be used again. */
export class NoAnswerError extends Error {
  override get name(): string {
    return "NoAnswerError";
  }
}

/** The server's answer shows that a transaction was lost, or never begun. */
export class LostTransactionError extends Error {
  /** Whether a statement that writes may have been committed by itself. */
  readonly afterWrite: boolean;

  constructor({ afterWrite }: { afterWrite: boolean }) {
    super("The server's answer says that no transaction is open");
    this.afterWrite = afterWrite;
  }

  override get name(): string {
    return "LostTransactionError";
  }
}

/** A statement that reads got an answer as if it had written. */
export class UnexpectedAnswerError extends Error {
  constructor() {
    super("The answer does not belong to the statement");
  }

  override get name(): string {
    return "UnexpectedAnswerError";
  }
}

/** The source of an error, as far as messages may name it. */
export interface MysqlPlace {
  /** Host and database. */
  readonly server: string;
  /** The names of the tables, their columns and indexes. */
  readonly names: readonly string[];
}

/** The circumstances of an error. */
export interface Circumstances extends MysqlPlace {
  /** Whether the server was reached before, so that it is likely to return. */
  readonly reached?: boolean;
}

/** An error of mysql2: the server's have a positive `errno`, those of the network and of mysql2 only a `code`. */
interface ErrorParts {
  readonly errno: number;
  readonly code: string;
  readonly message: string;
}

type Kind = "busy" | "denied" | "full" | "held" | "invalid" | "lost" | "readOnly" | "tooLarge" | "unreachable";

/** The server's error numbers by their meaning here; MariaDB's are the same except from 1900 and from 4000. */
const numbers: Readonly<Record<Kind, readonly number[]>> = {
  // Lock waits and deadlocks; another process that created the same table, index or column at the same moment; a schema
  // or a row that changed under a statement; interrupted statements; a Galera node that is not ready.
  busy: [1205, 1213, 3572, 1050, 1060, 1061, 1412, 1615, 1020, 1317, 1969, 3024, 1047, 1040, 1203, 1226],
  // The server is shutting down, or has closed the connection.
  lost: [1053, 1077, 1079, 1158, 1159, 1160, 1161, 1927, 2006, 2013, 2055, 3169, 4031],
  denied: [1044, 1045, 1142, 1143, 1227, 1370, 1698, 3118, 3955],
  readOnly: [1290, 1836, 1792, 3100],
  full: [1021, 1114, 1041, 3019],
  // A foreign key of another table prevents a delete; the second is for users who may not see that table.
  held: [1451, 1217],
  unreachable: [1129, 1130, 2002, 2003, 2005],
  // A value that is too long, of another type, out of range, or not among the words of an ENUM.
  invalid: [1406, 1366, 1264, 1265, 1292],
  tooLarge: [1153],
};

/** The errors of a server that refuses this host, which waiting does not mend. */
const refusals: readonly number[] = [1129, 1130];

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

/** MySQL's number for errors without a number of their own. */
const unknownError = 1105;

/** Vitess's errors with numbers that have another meaning, or none, elsewhere; null for those of no kind. */
const vitess: readonly { readonly says: RegExp; readonly kind: Kind | null }[] = [
  { says: /no healthy tablet available|primary is not serving/i, kind: "busy" },
  { says: /row count exceeded|multi-db transaction attempted/i, kind: null },
  { says: /message larger than max/i, kind: "tooLarge" },
];
const vitessNumbers: readonly number[] = [unknownError, 1317, 1203];

const notWritable = "The table is a view that cannot be written: name the table behind it.";
const generated = "A column that the store writes is a generated column: name another table.";
const check = "A CHECK constraint of the table refused the row.";

/** Advice on problems of the tables, by the server's error number. */
const advice: Readonly<Record<number, string>> = {
  1048: "A column does not accept the null that the store writes.",
  1062: "A unique key refused the row: drop the key that was added to the table, or write a row that it accepts.",
  1136: "The columns of the table have changed.",
  1288: notWritable,
  1348: notWritable,
  1364: "A column that was added to the table has no default: give it one, or make it nullable.",
  1471: notWritable,
  1644: "A trigger refused the statement.",
  1452: "A foreign key refused the row.",
  1526: "No partition of the table accepts the row.",
  1906: generated,
  3105: generated,
  3819: check,
  4025: check,
};

/**
 * Translates errors thrown by mysql2. A server's own words are never repeated: a trigger says what it likes, a
 * duplicate is quoted, and a proxy adds the values of the statement.
 */
export function classifyMysqlError(cause: unknown, place: Circumstances): ClassifiedError {
  const { server } = place;
  const { errno, code, message } = read(cause);
  const options = { cause: wordless(cause, place) };
  if (cause instanceof NoAnswerError) {
    return final(new DatabaseUnreachableError(`${server} did not answer in time.`, options));
  }
  if (cause instanceof LostTransactionError) {
    const lost = `${server} lost the transaction before it was committed.`;
    const open = " Part of the change may have been made: read before you write again.";
    const error = new DatabaseUnreachableError(cause.afterWrite ? lost + open : lost, options);
    return { error, transient: !cause.afterWrite };
  }
  if (SessionDbError.isInstance(cause)) {
    return final(cause);
  }
  const refused = tlsRefusal(cause);
  if (refused !== null) {
    return final(new DatabaseUnreachableError(`${server} ${refused}`, options));
  }
  const label = code === "" ? String(errno) : code;
  switch (kindOf(cause)) {
    case "busy":
      return { error: new DatabaseBusyError(`${server} is busy (${label}).`, options), transient: true };
    case "lost":
      return { error: new DatabaseUnreachableError(`The connection to ${server} was lost.`, options), transient: true };
    case "unreachable": {
      const error = new DatabaseUnreachableError(
        `${server} cannot be reached (${label}): check its address, and that it is running.`,
        options,
      );
      return { error, transient: place.reached === true && !refusals.includes(errno) };
    }
    case "denied":
      return final(
        new PermissionDeniedError(
          `${server} denied access (${about(options.cause, label)}): check the user, its password and its grants.`,
          options,
        ),
      );
    case "readOnly":
      return final(new DatabaseReadOnlyError(`${server} is read-only: it may be a replica.`, options));
    case "full":
      return final(new DatabaseFullError(`${server} has no space left. The write was undone.`, options));
    case "invalid":
      return final(
        new InvalidArgumentError(columnOf(message, place), "a value that its column in the database can hold", options),
      );
    case "tooLarge":
      return final(
        new DatabaseError(`A statement or answer is too large for ${server}: raise its max_allowed_packet.`, options),
      );
    case "held":
      return final(new InUseError(holderOf(message), options));
    case null:
      return final(new DatabaseError(otherMessage(errno, server, about(options.cause, label)), options));
  }
}

/** Returns a server's error without its words; any other unchanged. */
export function wordless(cause: unknown, { names }: Pick<MysqlPlace, "names">): unknown {
  return errorNumber(cause) > 0 ? new DriverError(cause as object, { server: "The server", names }) : cause;
}

/** Whether a commit that failed with this error may have succeeded. */
export function leavesCommitOpen(cause: unknown): boolean {
  return errorNumber(cause) === unknownError;
}

/** Whether a connection must not be used again after this error. */
export function endsConnection(cause: unknown): boolean {
  const kind = kindOf(cause);
  return (
    kind === "lost" ||
    kind === "unreachable" ||
    // After a failover, the pool must find the new primary.
    kind === "readOnly" ||
    cause instanceof NoAnswerError ||
    (typeof cause === "object" && cause !== null && "fatal" in cause && cause.fatal === true)
  );
}

/** Whether a statement waited in vain for a lock, or for its answer. */
export function isWait(cause: unknown): boolean {
  return cause instanceof NoAnswerError || [1205, 1969, 3024, 3572].includes(errorNumber(cause));
}

/** The server's number of an error, 0 for an error of another origin. */
export function errorNumber(cause: unknown): number {
  return read(cause).errno;
}

function kindOf(cause: unknown): Kind | null {
  const { errno, code, message } = read(cause);
  const known = vitessNumbers.includes(errno) ? vitess.find(({ says }) => says.test(message)) : undefined;
  if (known !== undefined) {
    return known.kind;
  }
  const numbered = Object.entries(numbers).find(([, list]) => list.includes(errno));
  if (numbered !== undefined) {
    return numbered[0] as Kind;
  }
  if (errno > 0) {
    return null;
  }
  // mysql2's words for a connection that was cut while idle, and for a pool whose queue is full.
  const inWords = /in closed state|enqueue .* after fatal error/i.test(message)
    ? "lost"
    : /^(?:no connections available|queue limit reached)/i.test(message)
      ? "busy"
      : null;
  return codes[code] ?? inWords;
}

function read(cause: unknown): ErrorParts {
  const error: Partial<Record<keyof ErrorParts, unknown>> = typeof cause === "object" && cause !== null ? cause : {};
  return {
    errno: typeof error.errno === "number" ? error.errno : 0,
    code: typeof error.code === "string" ? error.code : "",
    message: typeof error.message === "string" ? error.message : "",
  };
}

/** The column that a message is about, if it is one of the tables'; other names are not repeated. */
function columnOf(message: string, { names }: MysqlPlace): string {
  const named = /column (?:[`'][^`']+[`']\.)*[`'](?:[^`']+\.)?([^`'.]+)[`'] at row \d+/.exec(message)?.[1];
  return named !== undefined && names.includes(named) ? named : "a value";
}

/** The table whose foreign key prevents a delete, as the server quotes it. */
function holderOf(message: string): string | null {
  return /\(`(?:[^`]|``)+`\.`((?:[^`]|``)+)`, CONSTRAINT /.exec(message)?.[1]?.replaceAll("``", "`") ?? null;
}

/** The subject of an error, as far as it may be repeated. */
function about(cause: unknown, label: string): string {
  return cause instanceof DriverError ? `${cause.code ?? "an error"}${cause.about}` : label;
}

function otherMessage(errno: number, server: string, what: string): string {
  if (errno === 1049 || errno === 1046) {
    return `${server} does not exist. Create it, or name another in the connection string.`;
  }
  const hint = advice[errno];
  return `${server} failed${what === "" || what === "0" ? "" : ` with ${what}`}.${hint === undefined ? "" : ` ${hint}`}`;
}
