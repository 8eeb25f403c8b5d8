import { DriverError } from "@sessiondb/drizzle";

export type FailedAt = "connect" | "begin" | "statement" | "delete" | "commit";

export interface FailureContext {
  /** What pg threw. */
  readonly cause: unknown;
  /** The values of a statement, or the text of one that has none. */
  readonly about?: unknown;
  /** The tables and columns of the store. */
  readonly names: readonly string[];
}

/** What pg threw, and at which step. The server's own words are left out of what can be seen, for they quote values. */
export class PostgresFailure extends Error {
  readonly at: FailedAt;
  readonly #about: unknown;
  readonly #serverMessage: string;

  constructor(at: FailedAt, { cause, about, names }: FailureContext) {
    super(`failed at ${at}`, {
      cause: isFromServer(cause) ? new DriverError(cause, { server: "Postgres", names }) : cause,
    });
    this.at = at;
    this.#about = about;
    this.#serverMessage = isFromServer(cause) ? cause.message : "";
  }

  /** The statement refused, when it is one of the plan. */
  get ddl(): string | null {
    return typeof this.#about === "string" ? this.#about : null;
  }

  /** The server's words about a statement of the plan, which has no values. What it says of rows found is left out. */
  get ddlMessage(): string {
    return this.ddl === null || /^2[23]|^P0/.test(this.code) ? "" : this.#serverMessage;
  }

  /** The length of the column that a value was too long for, in characters, as far as the server says it. */
  get columnLength(): string | null {
    return /character varying\((\d{1,9})\)/.exec(this.#serverMessage)?.[1] ?? null;
  }

  /** The size of the largest value of the statement, in bytes. */
  get largestValue(): number {
    const values: unknown[] = Array.isArray(this.#about) ? this.#about : [];
    return values.reduce<number>(
      (most, value) => Math.max(most, typeof value === "string" ? Buffer.byteLength(value) : 0),
      0,
    );
  }

  /** The SQLSTATE, or the code of Node; empty without one. */
  get code(): string {
    return codeOf(this.cause);
  }

  override get name(): string {
    return "PostgresFailure";
  }
}

/** Errors of the server have a severity; those of the network and of pg itself have none. */
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
/** How pg says that no answer came in time. The statement may still be running, so the connection is given up. */
const timedOut = "Query read timeout";

/** Whether the connection is of no more use. */
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

/** Whether a statement of DDL found its schema, table, type or index there. */
export function isTaken(code: string): boolean {
  return /^(42P06|42P07|42710|23505)$/.test(code);
}

/** Whether pg gave up waiting for the answer to a statement. */
export function isTimedOut(error: unknown): boolean {
  return ownMessage(error instanceof PostgresFailure ? error.cause : error) === timedOut;
}

/** The message of an error of pg itself. What a server says may be anything, and in any language. */
function ownMessage(cause: unknown): string {
  return cause instanceof Error && !isFromServer(cause) && !(cause instanceof DriverError) ? cause.message : "";
}
