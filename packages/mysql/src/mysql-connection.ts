import { InvalidArgumentError } from "@sessiondb/core";
import { within } from "@sessiondb/core/adapter";
import { checkSize, savepoint, type ServerConnection, type Statement, type StatementResult } from "@sessiondb/drizzle";
import type { Connection, ResultSetHeader } from "mysql2/promise";
import {
  endsConnection,
  isWait,
  leavesCommitOpen,
  LostTransactionError,
  NoAnswerError,
  UnexpectedAnswerError,
} from "./mysql-errors.ts";

export interface MysqlResult extends StatementResult {
  /** Whether an insert met a row that it had to leave unchanged; see `MysqlWrites`. */
  readonly kept: boolean;
}

/** The limits that a server reports when asked. */
export interface ServerLimits {
  /** The most bytes that a statement may have, including its parameters. */
  packetBytes: number;
}

/** The bytes of a packet to keep free for the statement's small parameters and the protocol. */
export const packetReserve = 64 * 1024;

/** The advice for documents that are too large for the server. */
export const packetAdvice = "or raise the server's max_allowed_packet";

export interface MysqlConnectionOptions {
  /** The option that the connection comes from; `connection` means a transaction of the caller's. */
  readonly origin: "url" | "pool" | "connection";
  /** Whether the pool resets the connection's settings when it is returned. */
  readonly isReset: boolean;
  /** The time to wait for the answer to one statement, in milliseconds. */
  readonly timeout: number;
  readonly limits: ServerLimits;
}

/** The result format that the store decodes. */
const plainResults = { rowsAsArray: true, nestTables: false } as const;
/** The same if the application casts values in its own way; a function costs a call per value. */
const uncastResults = { ...plainResults, typeCast: (_field: unknown, next: () => unknown) => next() };

/** The result of a write. Numbers are text if the application has mysql2 return large ones so. */
interface WriteAnswer {
  readonly affectedRows: number | string;
  readonly insertId: number | string;
  readonly serverStatus: number;
}

/** mysql2's inner connection, beneath the one with promises. */
interface InnerConnection {
  readonly clientEncoding?: string;
}

/** Flags of a connection in the server's answer to a statement without rows. */
const status = { inTransaction: 1, autocommit: 2 } as const;

/** Runs statements on one mysql2 connection, as prepared ones: nothing is ever spliced into SQL text. */
export class MysqlConnection implements ServerConnection {
  readonly connection: Connection;
  readonly options: MysqlConnectionOptions;
  broken = false;
  until = Number.POSITIVE_INFINITY;
  /** Whether a statement waited too long for a lock, or for its answer. */
  hasWaited = false;
  /** Whether a statement on it was given up, which the server may still be running. */
  isGivenUp = false;
  #inTransaction = false;
  #leave: (reason: Error) => void = () => {};
  readonly #left: Promise<never>;
  readonly #results: typeof plainResults | typeof uncastResults;

  constructor(connection: Connection, options: MysqlConnectionOptions) {
    this.connection = connection;
    this.options = options;
    this.#results = (connection.config.typeCast ?? true) === true ? plainResults : uncastResults;
    this.#left = new Promise((_, reject) => {
      this.#leave = reject;
    });
    this.#left.catch(() => {});
  }

  /** An object that stays the same each time that a pool hands out the connection. */
  get identity(): object {
    return this.#inner ?? this.connection;
  }

  /** The encoding in which mysql2 sends text, if it reports one. */
  get encoding(): string | undefined {
    return this.#inner?.clientEncoding;
  }

  get #inner(): InnerConnection | undefined {
    return (this.connection as { readonly connection?: InnerConnection }).connection;
  }

  giveUp(): void {
    this.isGivenUp = true;
    this.broken = true;
    this.#leave(new NoAnswerError());
  }

  execute(statement: Statement<never>, values: unknown[]): Promise<MysqlResult> {
    return this.query(statement.text, values);
  }

  async query(sql: string, values: unknown[] = [], timeout = this.options.timeout): Promise<MysqlResult> {
    // A packet over the limit makes the server close the connection, which would look like a transient failure.
    const limit = this.options.limits.packetBytes - packetReserve;
    checkSize(values, { what: "The data of one statement", limit, advice: packetAdvice });
    const send = () => this.connection.execute({ sql, values, ...this.#results });
    const [result] = await this.#answer(send, timeout);
    if (Array.isArray(result)) {
      return { rows: result as unknown[][], affected: 0, kept: false };
    }
    if (/^\(?\s*select\b/i.test(sql)) {
      throw new UnexpectedAnswerError();
    }
    const { affectedRows, insertId, serverStatus } = result as WriteAnswer;
    this.#checkTransaction(serverStatus, { afterWrite: true });
    return { rows: [], affected: Number(affectedRows), kept: Number(insertId) > 0 };
  }

  /** Runs a statement that takes no parameters and cannot be prepared. Resolves with the server's status flags. */
  async command(sql: string, timeout = this.options.timeout): Promise<number> {
    const [result] = await this.#answer(() => this.connection.query(sql), timeout);
    return (result as Partial<ResultSetHeader>).serverStatus ?? 0;
  }

  /** Begins a transaction. Until it ends, a write whose answer reports the transaction as lost is an error. */
  async begin(): Promise<void> {
    const { origin } = this.options;
    if (origin === "connection") {
      checkOpen(await this.command(savepoint.begin));
      return;
    }
    if (origin === "pool") {
      // The store's own connections already use it. At a stricter level, writers to neighbouring sessions deadlock.
      await this.command("SET TRANSACTION ISOLATION LEVEL READ COMMITTED");
    }
    const flags = await this.command("START TRANSACTION");
    this.#inTransaction = true;
    this.#checkTransaction(flags, { afterWrite: false });
  }

  async commit(): Promise<void> {
    try {
      await this.#end({ own: "COMMIT", inCallers: savepoint.commit });
    } catch (error) {
      this.broken ||= leavesCommitOpen(error);
      throw error;
    }
  }

  /** Ignores failures: after a deadlock there is no savepoint any more, and a broken connection is not used again. */
  async rollback(): Promise<void> {
    await this.#end({ own: "ROLLBACK", inCallers: savepoint.rollback }).catch(() => {});
  }

  /** Refuses a connection outside a transaction, which has no savepoints: each statement would commit by itself. */
  async checkTransaction(): Promise<void> {
    checkOpen(await this.command("DO 0"));
  }

  async #end({ own, inCallers }: { own: string; inCallers: string }): Promise<void> {
    if (this.options.origin === "connection") {
      await this.command(inCallers);
      return;
    }
    this.#inTransaction = false;
    if (((await this.command(own)) & status.inTransaction) !== 0) {
      this.broken = true;
      throw new LostTransactionError({ afterWrite: true });
    }
  }

  /** Checks that the transaction still exists: a proxy, or a server restarted behind one, may lose it silently. */
  #checkTransaction(flags: number, about: { readonly afterWrite: boolean }): void {
    if (this.#inTransaction && (flags & status.inTransaction) === 0) {
      this.broken = true;
      throw new LostTransactionError(about);
    }
  }

  /** Waits for an answer. mysql2's own timeout does not cover preparing a statement. */
  async #answer<Answer>(send: () => Promise<Answer>, timeout: number): Promise<Answer> {
    try {
      const left = Math.max(0, Math.min(timeout, this.until - performance.now()));
      return await within(Promise.race([send(), this.#left]), left, () => {
        this.isGivenUp = true;
        throw new NoAnswerError();
      });
    } catch (cause) {
      this.broken ||= endsConnection(cause);
      this.hasWaited ||= isWait(cause);
      throw cause;
    }
  }
}

function checkOpen(flags: number): void {
  if ((flags & status.inTransaction) === 0 && (flags & status.autocommit) !== 0) {
    throw new InvalidArgumentError("connection", "in a transaction that you began and have not ended");
  }
}
