import { PayloadTooLargeError } from "@sessiondb/core";
import type { Signal } from "@sessiondb/core/adapter";
import { untilAborted, type SqlConnection, type Statement, type StatementResult } from "@sessiondb/drizzle";
import type { Connection, ResultSetHeader } from "mysql2/promise";
import { endsConnection, LostTransactionError, NoAnswerError, UnexpectedAnswerError } from "./mysql-errors.ts";
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

/** What to do about documents that are too large for the server. */
export const packetAdvice = "or raise the server's max_allowed_packet";

export interface MysqlConnectionOptions {
  /** How long to wait for the answer to one statement, in milliseconds. */
  readonly timeout: number;
  readonly limits: () => ServerLimits | null;
  /** Gives up a statement under way when it aborts, and the connection with it. */
  readonly signal?: Signal;
}

/** Results as the store decodes them. */
const plainResults = { rowsAsArray: true, nestTables: false } as const;
/** The same where the application casts values in a way of its own; a function costs a call for each value. */
const uncastResults = { ...plainResults, typeCast: (_field: unknown, next: () => unknown) => next() };

/** Numbers are text where the application has mysql2 give large ones so. */
interface WriteAnswer {
  readonly affectedRows: number | string;
  readonly insertId: number | string;
  readonly serverStatus: number;
}

/** What mysql2 keeps beneath a connection that promises. */
interface InnerConnection {
  readonly clientEncoding?: string;
}

/** What a server says of a connection with its answer to a statement without rows. */
export const status = { inTransaction: 1, autocommit: 2 } as const;

/** Runs statements on one connection of mysql2, as prepared ones: nothing is ever spliced into SQL text. */
export class MysqlConnection implements SqlConnection {
  readonly connection: Connection;
  /** Whether the connection must not be used again: an error has shown that, or a statement on it was given up. */
  broken = false;
  readonly #timeout: number;
  readonly #limits: () => ServerLimits | null;
  readonly #signal: Signal;
  #inTransaction = false;
  readonly #results: typeof plainResults | typeof uncastResults;

  constructor(connection: Connection, { timeout, limits, signal }: MysqlConnectionOptions) {
    this.connection = connection;
    this.#timeout = timeout;
    this.#limits = limits;
    this.#signal = signal;
    this.#results = (connection.config.typeCast ?? true) === true ? plainResults : uncastResults;
  }

  /** What stays the same each time that a pool hands the connection out. */
  get identity(): object {
    return this.#inner ?? this.connection;
  }

  /** How mysql2 encodes text that it sends, where it says so. */
  get encoding(): string | undefined {
    return this.#inner?.clientEncoding;
  }

  get #inner(): InnerConnection | undefined {
    return (this.connection as { readonly connection?: InnerConnection }).connection;
  }

  async execute(statement: Statement<never>, values: unknown[]): Promise<MysqlResult> {
    return this.query(statement.text, values);
  }

  async query(sql: string, values: unknown[] = [], timeout = this.#timeout): Promise<MysqlResult> {
    this.#checkSize(values);
    const send = () => this.connection.execute({ ...this.#results, sql, values });
    const [result] = await this.#answer(send, { timeout, signal: this.#signal });
    if (Array.isArray(result)) {
      return { rows: result as unknown[][], affected: 0, kept: false };
    }
    if (/^\(?select\b/i.test(sql)) {
      throw new UnexpectedAnswerError();
    }
    const { affectedRows, insertId, serverStatus } = result as WriteAnswer;
    this.#checkTransaction(serverStatus, { afterWrite: true });
    return { rows: [], affected: Number(affectedRows), kept: Number(insertId) > 0 };
  }

  /** Begins a transaction. Until it ends, each write whose answer says that it is gone is an error. */
  async begin(): Promise<void> {
    const flags = await this.command("START TRANSACTION");
    this.#inTransaction = true;
    this.#checkTransaction(flags, { afterWrite: false });
  }

  /** Runs a statement that takes no parameters and cannot be prepared. Resolves with the server's status flags. */
  command(sql: string, timeout = this.#timeout): Promise<number> {
    return this.#command(sql, { timeout, signal: this.#signal });
  }

  /** Ends a transaction. Nothing aborts that: whether it was committed would not be known. */
  async end(sql: "COMMIT" | "ROLLBACK"): Promise<void> {
    this.#inTransaction = false;
    const flags = await this.#command(sql, { timeout: this.#timeout, signal: undefined });
    if ((flags & status.inTransaction) !== 0) {
      this.broken = true;
      throw new LostTransactionError({ afterWrite: true });
    }
  }

  async #command(sql: string, wait: { timeout: number; signal: Signal }): Promise<number> {
    const [result] = await this.#answer(() => this.connection.query(sql), wait);
    return (result as Partial<ResultSetHeader>).serverStatus ?? 0;
  }

  /** A server that restarted behind a proxy, or a proxy itself, may have lost a transaction without an error. */
  #checkTransaction(flags: number, about: { readonly afterWrite: boolean }): void {
    if (this.#inTransaction && (flags & status.inTransaction) === 0) {
      this.broken = true;
      throw new LostTransactionError(about);
    }
  }

  /** mysql2's own timeout does not cover the preparing of a statement. */
  async #answer<Answer>(
    send: () => Promise<Answer>,
    { timeout, signal }: { timeout: number; signal: Signal },
  ): Promise<Answer> {
    signal?.throwIfAborted();
    const giveUp = (): void => {
      this.broken = true;
    };
    try {
      return await within(untilAborted(send(), signal, giveUp), timeout, () => {
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
        throw new PayloadTooLargeError("What one statement writes", { size, limit, advice: packetAdvice });
      }
    }
  }
}
