import { PayloadTooLargeError } from "@sessiondb/core";
import type { SqlConnection, Statement, StatementResult } from "@sessiondb/drizzle";
import type { Connection, ResultSetHeader } from "mysql2/promise";
import { endsConnection, NoAnswerError } from "./mysql-errors.ts";
import { within } from "./within.ts";

export interface MysqlResult extends StatementResult {
  /** Whether an insert met a row that it had to leave as it was; see `MysqlWrites`. */
  readonly kept: boolean;
}

/** What a server says of itself, read once. */
export interface ServerLimits {
  /** The most bytes that a statement may have with its parameters. */
  readonly packetBytes: number;
}

/** How many bytes of a packet are kept free for the statement's small parameters and the protocol. */
export const packetReserve = 64 * 1024;

/** Results as the store decodes them. */
const plainResults = { rowsAsArray: true, nestTables: false } as const;
/** The same where the application casts values in a way of its own; a function costs a call for each value. */
const uncastResults = { ...plainResults, typeCast: (_field: unknown, next: () => unknown) => next() };

/** Runs statements on one connection of mysql2, as prepared ones: nothing is ever spliced into SQL text. */
export class MysqlConnection implements SqlConnection {
  readonly connection: Connection;
  /** Whether an error has shown that the connection must not be used again. */
  broken = false;
  readonly #timeout: number;
  readonly #limits: () => ServerLimits | null;
  readonly #results: typeof plainResults | typeof uncastResults;

  constructor(connection: Connection, { timeout, limits }: { timeout: number; limits: () => ServerLimits | null }) {
    this.connection = connection;
    this.#timeout = timeout;
    this.#limits = limits;
    this.#results = (connection.config.typeCast ?? true) === true ? plainResults : uncastResults;
  }

  /** What stays the same each time that a pool hands the connection out. */
  get identity(): object {
    return (this.connection as { readonly connection?: object }).connection ?? this.connection;
  }

  async execute(statement: Statement<never>, values: unknown[]): Promise<MysqlResult> {
    return this.query(statement.text, values);
  }

  async query(sql: string, values: unknown[] = [], timeout = this.#timeout): Promise<MysqlResult> {
    this.#checkSize(values);
    const [result] = await this.#answer(this.connection.execute({ ...this.#results, sql, values }), timeout);
    return Array.isArray(result)
      ? { rows: result as unknown[][], affected: 0, kept: false }
      : { rows: [], affected: (result as ResultSetHeader).affectedRows, kept: result.insertId > 0 };
  }

  /** Runs a statement that takes no parameters and cannot be prepared. */
  async command(sql: string, timeout = this.#timeout): Promise<void> {
    await this.#answer(this.connection.query(sql), timeout);
  }

  /** mysql2's own timeout does not cover the preparing of a statement. */
  async #answer<Answer>(answer: Promise<Answer>, timeout: number): Promise<Answer> {
    try {
      return await within(answer, timeout, () => {
        throw new NoAnswerError();
      });
    } catch (cause) {
      this.broken ||= endsConnection(cause);
      throw cause;
    }
  }

  /** A packet over the limit makes the server close the connection, which would look like a failure that passes. */
  #checkSize(values: readonly unknown[]): void {
    const limits = this.#limits();
    if (limits === null) {
      return;
    }
    const limit = limits.packetBytes - packetReserve;
    // UTF-8 takes at most three bytes for each UTF-16 unit, so short texts need no counting.
    const texts = values.filter((each) => typeof each === "string");
    if (texts.reduce((sum, each) => sum + each.length * 3, 0) > limit) {
      const size = texts.reduce((sum, each) => sum + Buffer.byteLength(each), 0);
      if (size > limit) {
        throw new PayloadTooLargeError("What one statement writes", { size, limit });
      }
    }
  }
}
