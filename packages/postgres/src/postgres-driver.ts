import { InvalidArgumentError } from "@sessiondb/core";
import type { Signal } from "@sessiondb/core/adapter";
import {
  ddlTimeout,
  lockWait,
  runAsync,
  ServerDriver,
  type ClassifiedError,
  type FoundSchema,
  type ServerConnections,
  type UseOptions,
  type ServerTimes,
  type Work,
} from "@sessiondb/drizzle";
import type { ClientBase } from "pg";
import type { PostgresConnection } from "./postgres-connection.ts";
import type { FoundPostgresSchema, PostgresDialect } from "./postgres-dialect.ts";
import { classifyPostgresError, isTaken, PostgresFailure } from "./postgres-errors.ts";
import { inspectSchema, SearchPath, settingsOf } from "./postgres-inspection.ts";
import type { PreparedStatements } from "./prepared-statements.ts";

export interface PostgresDriverOptions {
  readonly connections: ServerConnections<PostgresConnection>;
  readonly dialect: PostgresDialect;
  /** The store's prepared statements. */
  readonly statements: PreparedStatements;
  /** Host and database, for messages. */
  readonly place: string;
  /** The tables and columns of the store. */
  readonly names: readonly string[];
  readonly times: ServerTimes;
  /** The largest JSON document, in bytes. */
  readonly payloadBytes: number;
}

export class PostgresDriver extends ServerDriver<PostgresConnection> {
  readonly #options: PostgresDriverOptions;
  /** Null for a store that names its schema. */
  readonly #searchPath: SearchPath | null;

  constructor(options: PostgresDriverOptions) {
    super(options.connections, options.times);
    this.#options = options;
    const { names, memory, schema } = options.dialect;
    const tables = [...Object.values(names), ...Object.values(memory.names)];
    this.#searchPath = schema === null ? new SearchPath(tables) : null;
  }

  /** In the caller's transaction, even a failed read must not break it. */
  override read<Result>(work: Work<Result>, signal?: Signal, until?: number): Promise<Result> {
    return this.inCallersTransaction() ? this.write(work, signal, until) : super.read(work, signal, until);
  }

  /**
   * On the caller's own connection, one statement is a transaction too: if the connection has to be closed before its
   * answer, it must not commit by itself.
   */
  single<Result>(work: Work<Result>, signal?: Signal, until?: number): Promise<Result> {
    return this.#options.connections.isCallers
      ? this.write(work, signal, until)
      : this.use((on) => runAsync(work(on)), { signal, until });
  }

  inspect(tables: readonly string[], until?: number): Promise<FoundPostgresSchema> {
    return this.use((on) => inspectSchema(on, tables, this.#options.dialect.schema), { until });
  }

  async migrate(
    tables: readonly string[],
    plan: (found: FoundSchema) => string[],
    until = Number.POSITIVE_INFINITY,
  ): Promise<void> {
    const taken = new Set<string>();
    for (;;) {
      try {
        await this.#runPlan(tables, plan, until);
        return;
      } catch (error) {
        // Another process created it a moment ago, without this library's lock: one more look finds it done. A second
        // conflict is permanent.
        const statement = error instanceof PostgresFailure && isTaken(error.code) ? error.ddl : null;
        if (statement === null || taken.has(statement)) {
          throw error;
        }
        taken.add(statement);
      }
    }
  }

  async #runPlan(tables: readonly string[], plan: (found: FoundSchema) => string[], until: number): Promise<void> {
    const { schema, names } = this.#options.dialect;
    const isCall = until !== Number.POSITIVE_INFINITY;
    const timeout = isCall ? this.#options.times.statementTimeout : ddlTimeout;
    // A migration that had to begin anew would build its indexes once more.
    const longestWait = isCall ? lockWait : Math.max(lockWait, this.patience);
    await this.transaction(
      async (on) => {
        // Defaults of further tables are literals in standard spelling. Building an index may take hours.
        await on.query("set local standard_conforming_strings = on; set local statement_timeout = 0");
        await on.query(`set local lock_timeout = ${longestWait}`);
        // CREATE TABLE IF NOT EXISTS fails if two run at once. A transaction-level lock also works behind a pooler.
        const lock = "select pg_advisory_xact_lock(hashtext('sessiondb'), hashtext($1))";
        await on.query(lock, { values: [`${schema ?? ""}.${names.sessions}`] });
        // Inspected under the lock: of processes that start together, the first creates and the others find it done.
        for (const statement of plan(await inspectSchema(on, tables, schema))) {
          await on.query(statement, { timeout, isPlanned: true });
        }
      },
      { until },
    );
  }

  /** Work that met a refused preparation has stored nothing, and is done again with statements that have no names. */
  protected override async use<Result>(
    work: (on: PostgresConnection) => Promise<Result>,
    options?: UseOptions,
  ): Promise<Result> {
    const used: PostgresConnection[] = [];
    try {
      return await super.use((on) => {
        used.push(on);
        return work(on);
      }, options);
    } catch (error) {
      const refused = used[0]?.refused ?? null;
      if (refused === null) {
        throw error;
      }
      const result = await super.use((on) => work(on.withoutNames()), options);
      this.#options.statements.blame(refused);
      return result;
    }
  }

  protected override async prepare(on: PostgresConnection): Promise<void> {
    checkTransaction(on.client, { isOpen: this.inCallersTransaction() });
    const settings = await settingsOf(on);
    on.unbounded = settings.unbounded;
    this.#searchPath?.check(settings);
  }

  protected override translate(error: unknown): ClassifiedError {
    const { place, payloadBytes, names } = this.#options;
    return classifyPostgresError(error, { place, payloadBytes, reached: this.reached, names });
  }
}

/** Refuses a client whose transaction state is not as expected. Older versions of pg do not report it. */
function checkTransaction(client: ClientBase, { isOpen }: { readonly isOpen: boolean }): void {
  const status: unknown =
    "getTransactionStatus" in client && typeof client.getTransactionStatus === "function"
      ? client.getTransactionStatus()
      : null;
  if (isOpen && status === "I") {
    throw new InvalidArgumentError("client", "in a transaction that you began and have not ended");
  }
  if (!isOpen && (status === "T" || status === "E")) {
    throw new InvalidArgumentError("client", "outside a transaction: to work in yours, use db.withTransaction(client)");
  }
}
