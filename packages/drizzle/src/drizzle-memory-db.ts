import type {
  CallOptions,
  ManagedTables,
  MemoryStats,
  MemoryTopic,
  SchemaProblem,
  SessionDbLimits,
  UserMemory,
} from "@sessiondb/core";
import {
  BaseMemoryDb,
  decodeMemory,
  decodeRows,
  memoryPosition,
  pageOfRows,
  untilAborted,
  type MemoryChangeFunction,
  type MemoryDbLimits,
  type MemoryHost,
  type MemoryListQuery,
  type MemoryPosition,
  type MemoryQuery,
  type MemorySelection,
  type MemoryStatsQuery,
  type MemoryTopicsQuery,
  type MemoryWrite,
  type MemoryWritten,
  type PageOf,
  type Signal,
} from "@sessiondb/core/adapter";
import { DeletedIds } from "./deleted-ids.ts";
import { TableManager } from "./table-manager.ts";
import { MemoryFlows } from "./memory-flows.ts";
import type { MemoryStatements } from "./memory-statements.ts";
import { withRetry, type WorkOptions } from "./retry.ts";
import type { SqlDialect } from "./sql-dialect.ts";
import type { SqlConnection, SqlDriver, Work } from "./sql-driver.ts";
import { readable } from "./statement.ts";
import type { Steps } from "./steps.ts";

export interface DrizzleMemoryDbOptions extends Pick<MemoryHost, "perform"> {
  readonly driver: SqlDriver;
  readonly dialect: SqlDialect;
  readonly autoMigrate: boolean;
  readonly statements: MemoryStatements;
  readonly limits: SessionDbLimits;
  /** Like `perform`, but a signal only ends the wait and cannot interrupt the operation. */
  readonly managed: <Result>(method: string, options: CallOptions, operation: () => Promise<Result>) => Promise<Result>;
}

/** The memories of a store in an SQL database, in a table of their own that is created when it is first used. */
export class DrizzleMemoryDb extends BaseMemoryDb implements ManagedTables {
  readonly #options: DrizzleMemoryDbOptions;
  readonly #tables: TableManager;
  readonly #flows: MemoryFlows;
  readonly #table: string;

  constructor(options: DrizzleMemoryDbOptions) {
    const { driver, dialect, autoMigrate, statements, perform } = options;
    const { names, tables, maxTextBytes } = dialect.memory;
    super({ perform, limits: limitsOf(options.limits, maxTextBytes) }, names.memories);
    this.#options = options;
    this.#table = names.memories;
    this.#flows = new MemoryFlows(statements, names.memories);
    const { memories, owners } = tables;
    const all = owners === null ? [memories] : [memories, owners];
    this.#tables = new TableManager({ driver, dialect, autoMigrate, tables: all, recorded: [memories] });
  }

  /** Creates the tables of memories and their indexes, as far as they are missing. */
  migrate(options: CallOptions = {}): Promise<void> {
    return this.#options.managed("memories.migrate", options, () => this.#tables.migrate());
  }

  /** The statements that `migrate` would run; empty if there is nothing to do. */
  planMigration(options: CallOptions = {}): Promise<readonly string[]> {
    return this.#options.managed("memories.planMigration", options, () => this.#tables.plan());
  }

  /** The differences between the tables found and the tables needed; empty if there are none. */
  verifySchema(options: CallOptions = {}): Promise<readonly SchemaProblem[]> {
    return this.#options.managed("memories.verifySchema", options, () => this.#tables.problems());
  }

  protected override async readMemory({ memoryId, userId }: MemoryQuery, signal: Signal): Promise<UserMemory | null> {
    const row = await this.#read((on) => this.#options.statements.memory(on, memoryId), signal);
    return row === null || (userId !== null && row.userId !== userId) ? null : decodeMemory(row, this.#table);
  }

  protected override async listMemories(
    query: MemoryListQuery,
    signal: Signal,
  ): Promise<PageOf<UserMemory, MemoryPosition>> {
    // One extra row shows whether the list continues.
    const wanted = { ...query, limit: query.limit + 1 };
    const rows = await this.#read((on) => this.#options.statements.page(on, wanted), signal);
    const page = pageOfRows(rows, query, (row) => memoryPosition(readable(row), query.sortBy));
    return decodeRows(page, query, {
      decode: (row) => decodeMemory(readable(row), this.#table),
      idOf: ({ memoryId }) => memoryId,
    });
  }

  protected override listTopics(query: MemoryTopicsQuery, signal: Signal): Promise<MemoryTopic[]> {
    return this.#read((on) => this.#options.statements.topics(on, query), signal);
  }

  protected override listUsers(query: MemoryStatsQuery, signal: Signal): Promise<MemoryStats[]> {
    return this.#read((on) => this.#options.statements.stats(on, query), signal);
  }

  protected override writeMemories(
    writes: readonly MemoryWrite[],
    { repeatable, signal }: { readonly repeatable: boolean; readonly signal: Signal },
  ): Promise<MemoryWritten[]> {
    const users = writes.map(({ userId }) => userId);
    return this.#write((on) => this.#flows.write(on, writes), { users, repeatable, signal });
  }

  protected override changeMemory(
    query: MemoryQuery,
    change: MemoryChangeFunction,
    signal: Signal,
  ): Promise<UserMemory | null> {
    const users = query.userId === null ? [] : [query.userId];
    return this.#write((on) => this.#flows.change(on, query, change), { users, repeatable: false, signal });
  }

  protected override removeMemories(selection: MemorySelection, signal: Signal): Promise<number> {
    return this.#delete((on) => this.#flows.remove(on, selection), { users: [], signal });
  }

  protected override removeUser(userId: string, signal: Signal): Promise<number> {
    return this.#delete((on) => this.#flows.clear(on, userId), { users: [userId], signal });
  }

  /** Every read is one statement. */
  async #read<Result>(work: Work<Result>, signal: Signal): Promise<Result> {
    const { driver } = this.#options;
    const since = performance.now();
    await untilAborted(this.#tables.isReady(), signal);
    return withRetry((until) => driver.readOne(work, signal, until), driver, { signal, since });
  }

  /** Does work that writes, after earlier calls that lock the same users. */
  async #write<Result>(work: Work<Result>, { users, ...options }: WriteOptions): Promise<Result> {
    const { driver } = this.#options;
    const { signal } = options;
    const since = performance.now();
    await untilAborted(this.#tables.isReady(), signal);
    const run = (waited: number): Promise<Result> =>
      withRetry((until) => driver.write(work, signal, until), driver, { ...options, since, waited });
    const names = users.map((userId) => `memories of ${userId}`);
    return driver.lines === undefined ? run(0) : driver.lines.run(names, run, { since, signal });
  }

  /** Runs a delete, which returns the ids of what it deletes. Resolves with their number. */
  async #delete(
    work: (on: SqlConnection) => Steps<ReadonlySet<string>>,
    options: Pick<WriteOptions, "users" | "signal">,
  ): Promise<number> {
    const deleted = new DeletedIds();
    const onUnknownOutcome = (): void => deleted.keep();
    return (await this.#write((on) => deleted.attempt(work(on)), { ...options, onUnknownOutcome })).size;
  }
}

interface WriteOptions extends Pick<WorkOptions, "repeatable" | "onUnknownOutcome"> {
  /** The users whom the work locks. */
  readonly users: readonly string[];
  readonly signal: Signal;
}

/** The limits of the store, which may change once the server was asked. */
function limitsOf(limits: SessionDbLimits, maxTextBytes: number | undefined): MemoryDbLimits {
  return {
    maxIdLength: limits.maxIdLength,
    get maxPayloadBytes() {
      return limits.maxPayloadBytes;
    },
    get payloadAdvice() {
      return limits.payloadAdvice;
    },
    maxTextBytes,
  };
}
