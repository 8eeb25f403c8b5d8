import { DatabaseError, InvalidArgumentError, PayloadTooLargeError } from "@sessiondb/core";
import { longestTime, type Signal } from "@sessiondb/core/adapter";
import {
  DriverError,
  runAsync,
  untilAborted,
  type ClassifiedError,
  type FoundSchema,
  type SqlConnection,
  type SqlDriver,
  type Statement,
  type StatementResult,
  type Work,
} from "@sessiondb/drizzle";
import { getTableColumns, type Column } from "drizzle-orm";
import type { ClientBase, QueryArrayConfig, QueryConfig } from "pg";
import { asText } from "./as-text.ts";
import type { Lease, PostgresConnections } from "./postgres-connections.ts";
import type { FoundPostgresSchema, PostgresDialect } from "./postgres-dialect.ts";
import { classifyPostgresError } from "./postgres-errors.ts";
import { isConnectionLost, isTaken, PostgresFailure, type FailedAt } from "./postgres-failure.ts";
import { inspectSchema } from "./postgres-inspection.ts";
import { SearchPath, settingsOf } from "./postgres-settings.ts";

export interface PostgresDriverOptions {
  readonly connections: PostgresConnections;
  readonly dialect: PostgresDialect;
  /** Host and database, for messages. */
  readonly place: string;
  /** Whether all happens in a transaction that the caller began, and ends. */
  readonly inTransaction: boolean;
  /** Milliseconds. */
  readonly retryTimeout: number;
  /** Milliseconds. */
  readonly statementTimeout: number;
  /** The largest JSON document, in bytes. */
  readonly payloadBytes: number;
}

/** Postgres refuses messages of 1 GiB, and all values of a statement travel in one. */
const longestMessage = 1_000_000_000;

export class PostgresDriver implements SqlDriver {
  readonly patience: number;
  readonly #options: PostgresDriverOptions;
  readonly #names: readonly string[];
  /** Null for a store that names its schema. */
  readonly #searchPath: SearchPath | null;
  #reached = false;

  constructor(options: PostgresDriverOptions) {
    this.#options = options;
    const { tables, names, schema } = options.dialect;
    const { sessions, runs, versions } = tables;
    this.#searchPath = schema === null ? new SearchPath(Object.values(names)) : null;
    const columns = [sessions, runs, versions].flatMap((table) => Object.values<Column>(getTableColumns(table)));
    this.#names = [...new Set([...Object.values(names), ...columns.map(({ name }) => name)])];
    // A transaction that failed is over: only who began it can begin another.
    this.patience = options.inTransaction ? 0 : options.retryTimeout;
  }

  /** Without a transaction: what must be read at one moment is read by one statement. */
  read<Result>(work: Work<Result>, signal?: Signal): Promise<Result> {
    // In the caller's transaction a read that fails must not spoil it, and a savepoint keeps it sound.
    return this.#options.inTransaction
      ? this.write(work, signal)
      : this.#use((use) => runAsync(work(this.#connectionOf(use)), signal), signal);
  }

  single<Result>(work: Work<Result>, signal?: Signal): Promise<Result> {
    return this.#options.inTransaction
      ? this.write(work, signal)
      : this.#use((use) => runAsync(work(this.#connectionOf({ ...use, signal: undefined }))), signal);
  }

  write<Result>(work: Work<Result>, signal?: Signal): Promise<Result> {
    return this.#transaction((use) => runAsync(work(this.#connectionOf(use)), signal), signal);
  }

  inspect(tables: readonly string[]): Promise<FoundPostgresSchema> {
    return this.#use(({ client }) => this.#inspect(client, tables));
  }

  async migrate(tables: readonly string[], plan: (found: FoundSchema) => string[]): Promise<void> {
    if (this.#options.inTransaction) {
      throw new InvalidArgumentError("migrate", "called on the store itself, outside your transaction");
    }
    const taken = new Set<string>();
    for (;;) {
      try {
        await this.#runPlan(tables, plan);
        return;
      } catch (error) {
        // Another process made it a moment before, without this library's lock: then one more look finds it done. What
        // is in the way a second time has come to stay.
        const statement = error instanceof PostgresFailure && isTaken(error.code) ? error.ddl : null;
        if (statement === null || taken.has(statement)) {
          throw error;
        }
        taken.add(statement);
      }
    }
  }

  async #runPlan(tables: readonly string[], plan: (found: FoundSchema) => string[]): Promise<void> {
    const { schema, names } = this.#options.dialect;
    await this.#transaction(async ({ client }) => {
      // Defaults of further tables are literals in the spelling of the standard.
      await client.query(unlimited("set local standard_conforming_strings = on"));
      // CREATE TABLE IF NOT EXISTS fails when two run at once. A lock of the transaction also works behind a pooler.
      const lock = "select pg_advisory_xact_lock(hashtext('sessiondb'), hashtext($1))";
      await client.query({ ...unlimited(lock), values: [`${schema ?? ""}.${names.sessions}`] });
      // Looked at under the lock: of processes that start together, the first creates and the others find it done.
      for (const statement of plan(await this.#inspect(client, tables))) {
        await this.#attempt("statement", () => client.query(unlimited(statement)), statement);
      }
    });
  }

  classify(error: unknown): ClassifiedError {
    const { place, payloadBytes } = this.#options;
    return classifyPostgresError(error, { place, payloadBytes, reached: this.#reached, names: this.#names });
  }

  inCallersTransaction(): boolean {
    return this.#options.inTransaction;
  }

  close(): Promise<void> {
    return this.#options.connections.close();
  }

  async #inspect(client: ClientBase, tables: readonly string[]): Promise<FoundPostgresSchema> {
    const { dialect, statementTimeout } = this.#options;
    return this.#attempt("statement", () =>
      inspectSchema(client, { tables, schema: dialect.schema, statementTimeout }),
    );
  }

  async #checkSettings(client: ClientBase): Promise<void> {
    const settings = await this.#attempt("begin", () => settingsOf(client, this.#options.statementTimeout));
    this.#searchPath?.check(settings);
  }

  /** A statement of the store's own connection is not waited for once the signal aborts: the connection is given up. */
  #connectionOf({ client, signal, abandon }: Use): SqlConnection {
    const interrupts = this.#options.inTransaction ? undefined : signal;
    return {
      execute: (statement, values) => untilAborted(this.#execute(client, statement, values), interrupts, abandon),
    };
  }

  async #execute(client: ClientBase, statement: Statement<never>, values: unknown[]): Promise<StatementResult> {
    this.#checkSize(values);
    // No name: a prepared statement with a name belongs to one server connection, and a pooler changes them.
    const query: QueryArrayConfig & { query_timeout: number } = {
      text: statement.text,
      values,
      rowMode: "array",
      types: asText,
      query_timeout: this.#options.statementTimeout,
    };
    const step = statement.text.startsWith("delete ") ? "delete" : "statement";
    const { rows, rowCount } = await this.#attempt(step, () => client.query(query), values);
    return { rows, affected: rowCount ?? 0 };
  }

  #checkSize(values: unknown[]): void {
    let units = 0;
    for (const value of values) {
      units += typeof value === "string" ? value.length : 0;
    }
    if (units * 3 > longestMessage) {
      const size = values.reduce<number>(
        (sum, value) => sum + (typeof value === "string" ? Buffer.byteLength(value) : 0),
        0,
      );
      if (size > longestMessage) {
        throw new PayloadTooLargeError("All JSON of one row together", { size, limit: longestMessage, advice: "" });
      }
    }
  }

  async #transaction<Result>(work: (use: Use) => Promise<Result>, signal?: Signal): Promise<Result> {
    const [begin, commit, rollback, committed] = this.#options.inTransaction
      ? ["savepoint sessiondb", "release savepoint sessiondb", "rollback to savepoint sessiondb", "RELEASE"]
      : // READ COMMITTED, whatever the database's default: each statement sees what was committed before it.
        ["begin isolation level read committed", "commit", "rollback", "COMMIT"];
    return this.#use(async (use) => {
      const { client } = use;
      await this.#attempt("begin", () => client.query(this.#command(begin)));
      let result: Result;
      let tag: unknown;
      try {
        result = await work(use);
        tag = await this.#commit(client, commit);
      } catch (error) {
        const isOver = error instanceof PostgresFailure && error.at === "commit" && !this.#options.inTransaction;
        if (!isOver && !use.isAbandoned() && !isConnectionLost(error)) {
          await this.#rollBack(use, rollback, error);
        }
        throw error;
      }
      if (tag !== committed) {
        // Of a transaction in which a statement failed, COMMIT undoes all, and answers so without an error.
        throw new DatabaseError(
          `${this.#options.place} answered ${String(tag)} to a commit: a statement had failed, and nothing was stored.`,
        );
      }
      return result;
    }, signal);
  }

  /** Undoes what was done before an error, which stays the one to report if it came from the server. */
  async #rollBack({ client, abandon }: Use, text: string, error: unknown): Promise<void> {
    try {
      await this.#attempt("statement", () => client.query(this.#command(text)));
    } catch (failure) {
      abandon();
      if (error instanceof PostgresFailure && !(error.cause instanceof DriverError)) {
        // The connection was lost, of which pg says many things.
        throw failure;
      }
    }
  }

  /** Resolves with what the server says that it did. */
  async #commit(client: ClientBase, text: string): Promise<string> {
    return (await this.#attempt("commit", () => client.query(this.#command(text)))).command;
  }

  /** Notes at which step an error came: a connection lost before COMMIT lost nothing, one lost during it may have. */
  async #attempt<Result>(at: FailedAt, step: () => Promise<Result>, about?: unknown): Promise<Result> {
    try {
      return await step();
    } catch (cause) {
      throw new PostgresFailure(at, { cause, about, names: this.#names });
    }
  }

  #command(text: string): QueryConfig & { query_timeout: number } {
    return { text, query_timeout: this.#options.statementTimeout };
  }

  async #use<Result>(work: (use: Use) => Promise<Result>, signal?: Signal): Promise<Result> {
    const acquiring = this.#attempt("connect", () => this.#options.connections.acquire());
    const giveBack = () => acquiring.then((late) => late.release(false)).catch(() => null);
    const lease: Lease = await untilAborted(acquiring, signal, () => void giveBack());
    this.#reached = true;
    let abandoned = false;
    let broken = true;
    try {
      checkTransaction(lease.client, this.#options);
      const abandon = () => {
        abandoned = true;
      };
      await untilAborted(this.#checkSettings(lease.client), this.#options.inTransaction ? undefined : signal, abandon);
      const result = await work({ client: lease.client, signal, abandon, isAbandoned: () => abandoned });
      broken = false;
      return result;
    } catch (error) {
      broken = abandoned || isConnectionLost(error);
      throw error;
    } finally {
      lease.release(broken);
    }
  }
}

/** A client while work uses it. */
interface Use {
  readonly client: ClientBase;
  readonly signal: Signal;
  /** Gives the connection up: a statement is still running on it whose outcome nobody waits for. */
  readonly abandon: () => void;
  readonly isAbandoned: () => boolean;
}

/** Refuses a client whose transaction is not as it was said. Older versions of pg do not tell. */
function checkTransaction(client: ClientBase, { inTransaction }: Pick<PostgresDriverOptions, "inTransaction">): void {
  const status: unknown =
    "getTransactionStatus" in client && typeof client.getTransactionStatus === "function"
      ? client.getTransactionStatus()
      : null;
  if (inTransaction && status === "I") {
    throw new InvalidArgumentError("client", "in a transaction that you began and have not ended");
  }
  if (!inTransaction && (status === "T" || status === "E")) {
    throw new InvalidArgumentError("client", "outside a transaction: to work in yours, use db.withTransaction(client)");
  }
}

/** DDL, and the wait for another process that migrates, may take as long as they need, whatever the client allows. */
function unlimited(text: string): QueryConfig & { query_timeout: number } {
  // Zero would be the client's own time.
  return { text, query_timeout: longestTime };
}
