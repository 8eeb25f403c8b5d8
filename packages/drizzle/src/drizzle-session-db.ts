import { setImmediate } from "node:timers/promises";
import {
  SchemaMismatchError,
  SessionDbError,
  type CallOptions,
  type LegacyRunsProgress,
  type ManagedSchema,
  type MigrateLegacyRunsOptions,
  type Run,
  type SchemaProblem,
  type Session,
  type SessionDbLimits,
  type SessionHeader,
  type UpsertRunResult,
} from "@sessiondb/core";
import {
  BaseSessionDb,
  checkCount,
  checkKeys,
  type PageOf,
  type RunChangeFunction,
  type RunListQuery,
  type RunPosition,
  type RunQuery,
  type RunScopeQuery,
  type RunSelection,
  type RunWrite,
  type ScopeQuery,
  type SessionChangeFunction,
  type SessionListQuery,
  type SessionPageOf,
  type SessionQuery,
  type SessionSelection,
  type SessionWrite,
  type Signal,
} from "@sessiondb/core/adapter";
import { ClearedTables } from "./cleared-tables.ts";
import { FurtherTables, type FurtherTablesOptions } from "./further-tables.ts";
import { LegacyRuns, type CopiedBatch } from "./legacy-runs.ts";
import { withRetry, type WorkOptions } from "./retry.ts";
import { RunFlows } from "./run-flows.ts";
import { SchemaManager, type Layout } from "./schema-manager.ts";
import { SessionFlows } from "./session-flows.ts";
import { SessionReads } from "./session-reads.ts";
import { SessionWrites } from "./session-writes.ts";
import type { SqlDialect } from "./sql-dialect.ts";
import type { SqlConnection, SqlDriver } from "./sql-driver.ts";
import type { Steps } from "./steps.ts";
import { isAppend, TurnFlow } from "./turn-flow.ts";
import { untilAborted } from "./until-aborted.ts";

type StatementsOf<Statements> = new (dialect: SqlDialect) => Statements;

export interface DrizzleSessionDbOptions {
  readonly driver: SqlDriver;
  readonly dialect: SqlDialect;
  readonly limits: SessionDbLimits;
  /** Whether the first operation creates missing tables. */
  readonly autoMigrate: boolean;
  /** Where the dialect spells statements of its own. One set is made for a dialect, and shared by its stores. */
  readonly Reads?: StatementsOf<SessionReads>;
  readonly Writes?: StatementsOf<SessionWrites>;
  /** The store of which this one works in a transaction of the caller: both clear the same tables with a session. */
  readonly inTransactionOf?: DrizzleSessionDb;
}

// Rendering a statement takes longer than running it, so the SQLite stores of one dialect share theirs: a file for each
// agent is common.
const readsOf = new WeakMap<SqlDialect, SessionReads>();
const writesOf = new WeakMap<SqlDialect, SessionWrites>();

/**
 * The contract over two tables of an SQL database: each operation is a flow of statements, run by a driver in a
 * transaction, and again when it fails in a way that passes. The rules are in the flows, once; a dialect adds what it
 * spells differently and how its driver runs statements.
 */
export class DrizzleSessionDb extends BaseSessionDb implements ManagedSchema {
  readonly #options: DrizzleSessionDbOptions;
  readonly #driver: SqlDriver;
  readonly #dialect: SqlDialect;
  readonly #schema: SchemaManager;
  readonly #writes: SessionWrites;
  readonly #legacy: LegacyRuns;
  readonly #sessions: SessionFlows;
  readonly #turn: TurnFlow;
  readonly #runs: RunFlows;
  readonly #cleared: ClearedTables;

  constructor(options: DrizzleSessionDbOptions) {
    super(options.limits);
    const { driver, dialect, autoMigrate, inTransactionOf } = options;
    const reads = shared(readsOf, dialect, options.Reads ?? SessionReads);
    const writes = shared(writesOf, dialect, options.Writes ?? SessionWrites);
    const { names } = dialect;
    this.#options = options;
    this.#driver = driver;
    this.#dialect = dialect;
    this.#writes = writes;
    this.#legacy = new LegacyRuns(dialect, { reads, writes });
    this.#schema = new SchemaManager({ driver, dialect, legacy: this.#legacy, autoMigrate });
    const from = inTransactionOf === undefined ? null : inTransactionOf.#cleared;
    this.#cleared = new ClearedTables({ driver, dialect, reads, from });
    const sets = { reads, writes, names, legacy: this.#legacy };
    this.#runs = new RunFlows(sets);
    this.#sessions = new SessionFlows(sets, this.#runs);
    this.#turn = new TurnFlow(sets, this.#runs);
  }

  migrate(options: CallOptions = {}): Promise<void> {
    return this.#managed(options, () => this.#schema.migrate());
  }

  planMigration(options: CallOptions = {}): Promise<readonly string[]> {
    return this.#managed(options, () => this.#schema.plan());
  }

  verifySchema(options: CallOptions = {}): Promise<readonly SchemaProblem[]> {
    return this.#managed(options, async () => [
      ...(await this.#schema.problems()),
      ...(await this.#cleared.problems()),
    ]);
  }

  migrateLegacyRuns(options: MigrateLegacyRunsOptions = {}): Promise<LegacyRunsProgress> {
    return this.perform(options, (signal) => {
      checkKeys(options, "options", ["batchSize", "onProgress", "signal"]);
      const batchSize = checkCount(options.batchSize, "batchSize", { from: 1, otherwise: 100 });
      return this.#copyLegacyRuns({ ...options, batchSize }, signal);
    });
  }

  /**
   * Keeps tables of another package beside the store's, on its connections: see `furtherTables`, which also takes the
   * handle of a user.
   */
  furtherTables(options: FurtherTablesOptions): FurtherTables {
    const tables = new FurtherTables(options, {
      driver: this.#driver,
      dialect: this.#dialect,
      autoMigrate: this.#options.autoMigrate,
      ready: async () => void (await this.#schema.ready()),
      perform: (call, operation) => this.perform(call, operation),
      managed: (call, operation) => this.#managed(call, operation),
    });
    this.#cleared.add(tables.cleared);
    return tables;
  }

  /** The same store on a driver that works in a transaction of the caller's. Nothing is created there. */
  protected inTransaction(driver: SqlDriver): DrizzleSessionDb {
    return new DrizzleSessionDb({ ...this.#options, driver, autoMigrate: false, inTransactionOf: this });
  }

  protected override readSession(query: SessionQuery, signal: Signal): Promise<Session | SessionHeader | null> {
    const work = (on: SqlConnection, layout: Layout) => this.#sessions.readSession(on, layout, query);
    return this.#read(work, { signal, inDoubt: lacksRuns });
  }

  protected override listSessions(
    query: SessionListQuery,
    signal: Signal,
  ): Promise<SessionPageOf<Session | SessionHeader>> {
    const work = (on: SqlConnection, layout: Layout) => this.#sessions.listSessions(on, layout, query);
    return this.#read(work, { signal, inDoubt: ({ items }) => items.some(lacksRuns) });
  }

  protected override writeSessions(writes: readonly SessionWrite[], signal: Signal): Promise<SessionHeader[]> {
    // A time that is kept would go back behind that of a later write.
    const repeatable = writes.every(({ keptTimes }) => keptTimes === null);
    return this.#write((on, layout) => this.#sessions.writeSessions(on, layout, writes), { repeatable, signal });
  }

  protected override changeSession(
    scope: ScopeQuery,
    change: SessionChangeFunction,
    signal: Signal,
  ): Promise<SessionHeader | null> {
    return this.#write((on) => this.#sessions.changeSession(on, scope, change), { repeatable: false, signal });
  }

  protected override async removeSessions(selection: SessionSelection, signal: Signal): Promise<number> {
    if ("conditions" in selection) {
      // One batch of several: a synchronous driver would not let a signal or any other call through between them.
      await setImmediate();
    }
    return this.#cleared.deleting((deletion) =>
      this.#write((on, layout) => this.#sessions.removeSessions(on, layout, { selection, deletion }), { signal }),
    );
  }

  protected override writeRun(write: RunWrite, signal: Signal): Promise<UpsertRunResult> {
    const { session, run } = write;
    const isPlain = isAppend(write);
    return this.#inLayout(
      () => this.#writable(),
      async (layout) => {
        const hasTried = this.#driver.single !== undefined && isPlain && !layout.mergeLegacy;
        if (hasTried) {
          const append = () => this.#driver.single?.((on) => this.#writes.appendRun(on, session, run), signal);
          if ((await withRetry(append, this.#driver, { signal })) === "stored") {
            return { stored: true, deletedRuns: 0 };
          }
        }
        const turn = (on: SqlConnection) => this.#turn.writeRun(on, layout, { write, hasTried });
        return withRetry(() => this.#driver.write(turn, signal), this.#driver, { repeatable: isPlain, signal });
      },
      { signal, inDoubt: ({ stored }) => !stored },
    );
  }

  protected override changeRun(scope: RunScopeQuery, change: RunChangeFunction, signal: Signal): Promise<Run | null> {
    let isFound = false;
    const noted: RunChangeFunction = (stored) => {
      isFound = true;
      return change(stored);
    };
    return this.#write((on, layout) => this.#runs.changeRun(on, layout, { scope, change: noted }), {
      repeatable: false,
      inDoubt: () => !isFound,
      signal,
    });
  }

  protected override readRun(query: RunQuery, signal: Signal): Promise<Run | null> {
    const work = (on: SqlConnection, layout: Layout) => this.#runs.readRun(on, layout, query);
    return this.#read(work, { signal, inDoubt: (run) => run === null });
  }

  protected override listRuns(query: RunListQuery, signal: Signal): Promise<PageOf<Run, RunPosition>> {
    const work = (on: SqlConnection, layout: Layout) => this.#runs.listRuns(on, layout, query);
    return this.#read(work, { signal, inDoubt: ({ items }) => items.length === 0 });
  }

  protected override removeRuns(selection: RunSelection, signal: Signal): Promise<number> {
    const work = (on: SqlConnection, layout: Layout) => this.#runs.removeRuns(on, layout, selection);
    return this.#write(work, { signal, inDoubt: (removed) => removed === 0 });
  }

  protected override release(): Promise<void> {
    return this.#driver.close();
  }

  #managed<Result>(options: CallOptions, operation: () => Promise<Result>): Promise<Result> {
    return this.perform(options, (signal) => {
      checkKeys(options, "options", ["signal"]);
      return untilAborted(operation(), signal);
    });
  }

  async #copyLegacyRuns(
    { batchSize, onProgress }: MigrateLegacyRunsOptions & { batchSize: number },
    signal: Signal,
  ): Promise<LegacyRunsProgress> {
    const { legacyColumn } = await untilAborted(this.#schema.ready(), signal);
    let progress: LegacyRunsProgress = { sessions: 0, runs: 0, skipped: 0 };
    if (!legacyColumn) {
      return progress;
    }
    let after: string | null = null;
    do {
      await setImmediate();
      signal?.throwIfAborted();
      const from: string | null = after;
      const batch: CopiedBatch = await this.#write((on) => this.#legacy.copyBatch(on, from, batchSize), { signal });
      progress = {
        sessions: progress.sessions + batch.sessions,
        runs: progress.runs + batch.runs,
        skipped: progress.skipped + batch.skipped,
      };
      onProgress?.(progress);
      after = batch.lastSessionId;
    } while (after !== null);
    // With a run left out the column must go on being read, or that run would be lost from sight.
    if (progress.skipped === 0) {
      await this.#write((on) => this.#legacy.markCopied(on), { signal });
      this.#schema.forget();
    }
    return progress;
  }

  #read<Result>(work: WorkInLayout<Result>, options: DoubtOptions<Result>): Promise<Result> {
    const { signal } = options;
    return this.#inLayout(
      () => this.#schema.ready(),
      (layout) => withRetry(() => this.#driver.read((on) => work(on, layout), signal), this.#driver, { signal }),
      options,
    );
  }

  #write<Result>(work: WorkInLayout<Result>, options: WorkOptions & DoubtOptions<Result>): Promise<Result> {
    const { signal } = options;
    return this.#inLayout(
      () => this.#writable(),
      (layout) => withRetry(() => this.#driver.write((on) => work(on, layout), signal), this.#driver, options),
      options,
    );
  }

  /**
   * Does work on the tables as they were found. Where they may be other ones by now, since a statement failed or runs are
   * missing, they are looked at again; and if they are, the work is done once more.
   */
  async #inLayout<Result>(
    find: () => Promise<Layout>,
    work: (layout: Layout) => Promise<Result>,
    { signal, inDoubt = () => false }: DoubtOptions<Result>,
  ): Promise<Result> {
    const layout = await untilAborted(find(), signal);
    const again = async (): Promise<Result> => work(await untilAborted(find(), signal));
    let result: Result;
    try {
      result = await work(layout);
    } catch (error) {
      const isOfTables = SessionDbError.isInstance(error) && error.code === "DATABASE_ERROR";
      if (!isOfTables || !(await untilAborted(this.#schema.hasChanged(layout), signal))) {
        throw error;
      }
      return again();
    }
    const mayDiffer = !layout.mergeLegacy && inDoubt(result) && this.#schema.mayHaveChanged;
    return mayDiffer && (await untilAborted(this.#schema.hasChanged(layout), signal)) ? again() : result;
  }

  async #writable(): Promise<Layout> {
    const layout = await this.#schema.ready();
    if (!layout.runsTable) {
      throw new SchemaMismatchError(
        [{ table: this.#dialect.names.runs, column: null, wanted: "a table", found: "nothing" }],
        "Nothing can be written before migrate() has created it.",
      );
    }
    return layout;
  }
}

type WorkInLayout<Result> = (on: SqlConnection, layout: Layout) => Steps<Result>;

interface DoubtOptions<Result> {
  readonly signal: Signal;
  /**
   * Whether runs are missing in a result, so that nothing was written either. They may have gone back to the column of Agno 2, together with the runs table,
   * which somebody has made anew.
   */
  readonly inDoubt?: (result: Result) => boolean;
}

function lacksRuns(session: Session | SessionHeader | null): boolean {
  return session?.runs?.length === 0;
}

function shared<Statements>(
  cache: WeakMap<SqlDialect, Statements>,
  dialect: SqlDialect,
  Statements: StatementsOf<Statements>,
): Statements {
  const statements = cache.get(dialect) ?? new Statements(dialect);
  cache.set(dialect, statements);
  return statements;
}
