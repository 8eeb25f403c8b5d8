import { DatabaseError } from "@sessiondb/core";
import {
  checkSize,
  DriverError,
  savepoint,
  type ServerConnection,
  type Statement,
  type StatementResult,
} from "@sessiondb/drizzle";
import type { ClientBase, QueryArrayConfig, QueryArrayResult } from "pg";
import { isConnectionLost, isFatal, isTimedOut, isWait, PostgresFailure } from "./postgres-errors.ts";
import {
  forgetNames,
  type PreparedStatement,
  type PreparedStatements,
  type RefusedStatement,
} from "./prepared-statements.ts";
import { serverBounds, type BoundName } from "./server-bounds.ts";

/** The options shared by all connections of a store. */
export interface PostgresConnectionOptions {
  /** Whether all work happens in a transaction that the caller began and will end. */
  readonly inTransaction: boolean;
  /** Host and database, for messages. */
  readonly place: string;
  /** The tables and columns of the store. */
  readonly names: readonly string[];
  /** The time to wait for one statement's answer, in milliseconds. */
  readonly statementTimeout: number;
  /** The store's prepared statements. */
  readonly statements: PreparedStatements;
}

// READ COMMITTED, regardless of the database's default: each statement sees what was committed before it.
const own = { begin: "begin isolation level read committed", commit: "commit", rollback: "rollback" };

/** Postgres refuses messages of 1 GiB, and one message holds all values of a statement. */
const longestMessage = { what: "The data of one row", limit: 1_000_000_000, advice: "" };

/** Values arrive as text and are decoded by their columns, regardless of the application's parsers. */
const asText = { getTypeParser: () => (text: string) => text };

/** The options of a statement. */
interface QueryOptions {
  readonly values?: unknown[];
  /** In milliseconds; zero would mean the client's own timeout. */
  readonly timeout?: number;
  /** Whether the statement belongs to a plan, so that errors may quote it. */
  readonly isPlanned?: boolean;
  /** Its prepared form; null, the default, to send it without a name. */
  readonly prepared?: PreparedStatement | null;
}

/** Runs statements on one client of pg. */
export class PostgresConnection implements ServerConnection {
  readonly client: ClientBase;
  broken = false;
  until = Number.POSITIVE_INFINITY;
  /** Whether the server may still be running a statement that nobody waits for any more. */
  isGivenUp = false;
  /** Whether a statement waited too long for a lock, or for its answer. */
  hasWaited = false;
  /** The bounds that the server does not set for the connection. */
  unbounded: readonly BoundName[] = [];
  /** A statement that failed, as it might not have without a name. */
  refused: RefusedStatement | null = null;
  #prepares = true;
  readonly #options: PostgresConnectionOptions;
  readonly #words: typeof own | typeof savepoint;

  constructor(client: ClientBase, options: PostgresConnectionOptions) {
    this.client = client;
    this.#options = options;
    this.#words = options.inTransaction ? savepoint : own;
  }

  giveUp(): void {
    this.isGivenUp = true;
    this.broken = true;
  }

  /** The same connection, on which no statement gets a name until it is released. */
  withoutNames(): this {
    this.#prepares = false;
    return this;
  }

  async execute(statement: Statement<never>, values: unknown[]): Promise<StatementResult> {
    checkSize(values, longestMessage);
    const prepared = this.#prepares ? this.#options.statements.of(statement, values, this.client) : null;
    const { rows, rowCount } = await this.query(prepared?.text ?? statement.text, { values, prepared });
    return { rows, affected: rowCount ?? 0 };
  }

  async begin(): Promise<void> {
    // What the connection itself does not bound, each transaction does, in the same round trip.
    const unbounded = this.#options.inTransaction ? [] : this.unbounded;
    const bounds = serverBounds(this.#options.statementTimeout);
    const limits = unbounded.map((name) => `; set local ${name} = ${bounds[name]}`);
    await this.query(`${this.#words.begin}${limits.join("")}`);
  }

  async commit(): Promise<void> {
    const { command } = await this.query(this.#words.commit);
    if (!this.#words.commit.startsWith(command.toLowerCase())) {
      // If a statement of the transaction failed, COMMIT undoes everything and reports that without an error.
      throw new DatabaseError(
        `${this.#options.place} answered ${command} to a commit: a statement had failed, and nothing was stored.`,
      );
    }
  }

  async rollback(error: unknown): Promise<void> {
    try {
      await this.query(this.#words.rollback);
    } catch (failure) {
      this.broken = true;
      if (error instanceof PostgresFailure && !(error.cause instanceof DriverError)) {
        // The connection was lost; pg has many messages for that.
        throw failure;
      }
    }
  }

  async query<Row extends unknown[] = unknown[]>(
    text: string,
    { values = [], timeout = this.#options.statementTimeout, isPlanned = false, prepared = null }: QueryOptions = {},
  ): Promise<QueryArrayResult<Row>> {
    const query: QueryArrayConfig & { query_timeout: number } = {
      ...(prepared !== null && { name: prepared.name }),
      text,
      values,
      rowMode: "array",
      types: asText,
      query_timeout: Math.max(1, Math.min(timeout, this.until - performance.now())),
    };
    try {
      return await this.client.query<Row>(query);
    } catch (cause) {
      this.broken ||= isConnectionLost(cause) || isFatal(cause);
      this.isGivenUp ||= isTimedOut(cause);
      this.hasWaited ||= isWait(cause);
      const { names } = this.#options;
      const failure = new PostgresFailure(cause, { text, values, isPlanned, names });
      if (failure.code === "26000") {
        forgetNames(this.client);
      }
      if (prepared !== null && failure.concernsPreparation) {
        this.refused = { statement: prepared, code: failure.code };
      }
      throw failure;
    }
  }
}
