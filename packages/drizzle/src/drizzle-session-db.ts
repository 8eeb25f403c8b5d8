import { setImmediate } from "node:timers/promises";
import {
  SchemaMismatchError,
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
  untilAborted,
  type DeletedBatch,
  type MatchingSelection,
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
import { DeletedIds } from "./deleted-ids.ts";
import type { Flows } from "./flows.ts";
import { FurtherTables, type FurtherTablesOptions } from "./further-tables.ts";
import { DrizzleMemoryDb } from "./drizzle-memory-db.ts";
import { copyRuns } from "./legacy/copy-runs.ts";
import { withFlows, type DoubtOptions } from "./legacy/flows-in-doubt.ts";
import { LegacyFlows } from "./legacy/legacy-flows.ts";
import { LegacyCopy } from "./legacy/legacy-copy.ts";
import { LegacyRuns } from "./legacy/legacy-runs.ts";
import { withRetry, type WorkOptions } from "./retry.ts";
import { SchemaManager } from "./schema-manager.ts";
import type { FoundBatch } from "./session-walk.ts";
import type { SqlDialect } from "./sql-dialect.ts";
import type { SqlConnection, SqlDriver, Work } from "./sql-driver.ts";
import { statementsOf, type StatementClasses, type StatementSets } from "./statement-sets.ts";
import type { Steps } from "./steps.ts";
import { isAppend } from "./turn-flow.ts";

/** Options of a store. Each dialect has one set of statements, shared by its stores. */
export interface DrizzleSessionDbOptions extends StatementClasses {
  readonly driver: SqlDriver;
  readonly dialect: SqlDialect;
  readonly limits: SessionDbLimits;
  /** Whether the first operation creates missing tables. */
  readonly autoMigrate: boolean;
  /** The parent of a store in the caller's transaction: both clear the same tables with a session. */
  readonly inTransactionOf?: DrizzleSessionDb;
}

/**
 * Implements the contract over two tables of an SQL database. Each operation is a flow of statements that a driver runs
 * in a transaction, and repeats after a transient failure. The flows hold the rules, once; a dialect adds its own
 * spelling and the way its driver runs statements.
 */
export class DrizzleSessionDb extends BaseSessionDb implements ManagedSchema {
  readonly #options: DrizzleSessionDbOptions;
  readonly #driver: SqlDriver;
  readonly #dialect: SqlDialect;
  readonly #schema: SchemaManager;
  readonly #sets: StatementSets;
  readonly #legacy: LegacyRuns;
  readonly #choice: LegacyFlows;
  readonly #cleared: ClearedTables;
  readonly #memories: DrizzleMemoryDb;

  constructor(options: DrizzleSessionDbOptions) {
    super(options.limits, options.dialect.name);
    const { driver, dialect, autoMigrate, inTransactionOf } = options;
    const sets = statementsOf(dialect, options);
    this.#options = options;
    this.#sets = sets;
    this.#driver = driver;
    this.#dialect = dialect;
    this.#legacy = new LegacyRuns(dialect, sets);
    this.#choice = new LegacyFlows(driver, sets, this.#legacy);
    this.#schema = new SchemaManager({ driver, dialect, choice: this.#choice, autoMigrate });
    const from = inTransactionOf === undefined ? null : inTransactionOf.#cleared;
    this.#cleared = new ClearedTables({ driver, dialect, reads: sets.reads, from });
    this.#memories = new DrizzleMemoryDb({
      driver,
      dialect,
      autoMigrate,
      statements: sets.memories,
      limits: this.limits,
      perform: (method, call, operation) => this.perform(method, call, operation),
      managed: (method, call, operation) => this.#managed(method, call, operation),
    });
  }

  /** The memories of users, in a table of their own, which is created when it is first used. */
  override get memories(): DrizzleMemoryDb {
    return this.#memories;
  }

  migrate(options: CallOptions = {}): Promise<void> {
    return this.#managed("migrate", options, () => this.#schema.migrate());
  }

  planMigration(options: CallOptions = {}): Promise<readonly string[]> {
    return this.#managed("planMigration", options, () => this.#schema.plan());
  }

  verifySchema(options: CallOptions = {}): Promise<readonly SchemaProblem[]> {
    return this.#managed("verifySchema", options, async () => [
      ...(await this.#schema.problems()),
      ...(await this.#cleared.problems()),
    ]);
  }

  migrateLegacyRuns(options: MigrateLegacyRunsOptions = {}): Promise<LegacyRunsProgress> {
    return this.perform("migrateLegacyRuns", options, async (signal) => {
      checkKeys(options, "options", ["batchSize", "onProgress", "signal"]);
      const batchSize = checkCount(options.batchSize, "batchSize", { from: 1, otherwise: 100 });
      // Another process may have copied everything, or have dropped the table of the copies.
      this.#schema.forget();
      if (!this.#choice.mayCopy(await untilAborted(this.#schema.ready(), signal))) {
        return { sessions: 0, runs: 0, skipped: 0 };
      }
      const write = <Result>(work: Work<Result>) => this.#write((on) => work(on), { signal });
      const copy = new LegacyCopy(this.#dialect, { ...this.#sets, legacy: this.#legacy });
      const progress = await copyRuns({ copy, legacy: this.#legacy, write }, { ...options, batchSize });
      this.#schema.forget();
      return progress;
    });
  }

  /**
   * Keeps another package's tables beside the store's: see `furtherTables`, which also accepts the handle of a user.
   */
  furtherTables(options: FurtherTablesOptions): FurtherTables {
    const tables = new FurtherTables(options, {
      driver: this.#driver,
      dialect: this.#dialect,
      autoMigrate: this.#options.autoMigrate,
      ready: async () => void (await this.#schema.ready()),
      perform: (method, call, operation) => this.perform(method, call, operation),
      managed: (method, call, operation) => this.#managed(method, call, operation),
    });
    this.#cleared.add(tables.cleared);
    return tables;
  }

  /** The same store on a driver that works in the caller's transaction. It creates no tables. */
  protected inTransaction(driver: SqlDriver): DrizzleSessionDb {
    return new DrizzleSessionDb({ ...this.#options, driver, autoMigrate: false, inTransactionOf: this });
  }

  protected override readSession(query: SessionQuery, signal: Signal): Promise<Session | SessionHeader | null> {
    const isOne = query.runs === "none";
    return this.#read((on, { sessions }) => sessions.readSession(on, query), { signal, inDoubt: lacksRuns, isOne });
  }

  protected override listSessions(
    query: SessionListQuery,
    signal: Signal,
  ): Promise<SessionPageOf<Session | SessionHeader>> {
    const inDoubt = ({ items }: SessionPageOf<Session | SessionHeader>) => items.some(lacksRuns);
    const isOne = query.runs === "none" && !query.includeTotal;
    return this.#read((on, { sessions }) => sessions.listSessions(on, query), { signal, inDoubt, isOne });
  }

  protected override writeSessions(writes: readonly SessionWrite[], signal: Signal): Promise<SessionHeader[]> {
    // A retry would set a kept time back over that of a later write.
    const repeatable = writes.every(({ keptTimes }) => keptTimes === null);
    const locks = writes.map(({ session }) => lockOf(session));
    return this.#write((on, { sessions }) => sessions.writeSessions(on, writes), { repeatable, locks, signal });
  }

  protected override changeSession(
    scope: ScopeQuery,
    change: SessionChangeFunction,
    signal: Signal,
  ): Promise<SessionHeader | null> {
    const options = { repeatable: false, locks: [lockOf(scope)], signal };
    return this.#write((on, { sessions }) => sessions.changeSession(on, scope, change), options);
  }

  protected override removeSessions(selection: SessionSelection, signal: Signal): Promise<number> {
    const deleted = new DeletedIds();
    const locks = selection.sessionIds.map((sessionId) => lockOf({ sessionId }));
    return this.#cleared.deleting((deletion) =>
      this.#delete(deleted, (on, { sessions }) => sessions.removeSessions(on, selection, deletion), { locks, signal }),
    );
  }

  /** Finds a batch before the transaction that deletes it, so that nobody waits for the search. */
  protected override async removeMatching(selection: MatchingSelection, signal: Signal): Promise<DeletedBatch> {
    // Yield between batches: a synchronous driver would otherwise block signals and all other calls.
    await setImmediate();
    const { conditions } = selection;
    const find: FlowWork<FoundBatch> = (on, { sessions }) => sessions.findMatching(on, selection);
    const { sessionIds, next } = await this.#read(find, { signal });
    if (sessionIds.length === 0) {
      return { deleted: 0, next };
    }
    const ids = new DeletedIds();
    const deleted = await this.#cleared.deleting((deletion) =>
      this.#delete(ids, (on, { sessions }) => sessions.removeMatching(on, { sessionIds, conditions }, deletion), {
        signal,
      }),
    );
    return { deleted, next };
  }

  protected override writeRun(write: RunWrite, signal: Signal): Promise<UpsertRunResult> {
    const locks = [write, ...write.also].map(({ session }) => lockOf(session));
    const work = async (flows: Flows, options: RetryUse): Promise<UpsertRunResult> => {
      const hasTried = this.#driver.single !== undefined && flows.turn.appends(write);
      if (hasTried) {
        const append = (until: number) => this.#driver.single?.((on) => flows.turn.append(on, write), signal, until);
        if ((await withRetry(append, this.#driver, options)) === "stored") {
          return { stored: true, deletedRuns: 0 };
        }
      }
      const turn = (on: SqlConnection) => flows.turn.writeRun(on, { write, hasTried });
      const whole = (until: number) => this.#driver.write(turn, signal, until);
      return withRetry(whole, this.#driver, { ...options, repeatable: isAppend(write) });
    };
    return this.#inLine(work, { locks, signal, inDoubt: ({ stored }) => !stored });
  }

  protected override changeRun(scope: RunScopeQuery, change: RunChangeFunction, signal: Signal): Promise<Run | null> {
    let isFound = false;
    const noted: RunChangeFunction = (stored) => {
      isFound = true;
      return change(stored);
    };
    return this.#write((on, { runs }) => runs.changeRun(on, scope, noted), {
      repeatable: false,
      locks: [lockOf(scope)],
      inDoubt: () => !isFound,
      signal,
    });
  }

  protected override readRun(query: RunQuery, signal: Signal): Promise<Run | null> {
    const inDoubt = (run: Run | null) => run === null;
    return this.#read((on, { runs }) => runs.readRun(on, query), { signal, inDoubt, isOne: true });
  }

  protected override listRuns(query: RunListQuery, signal: Signal): Promise<PageOf<Run, RunPosition>> {
    return this.#read((on, { runs }) => runs.listRuns(on, query), {
      signal,
      inDoubt: ({ items }) => items.length === 0,
    });
  }

  protected override removeRuns(selection: RunSelection, signal: Signal): Promise<number> {
    return this.#delete(new DeletedIds(), (on, { runs }) => runs.removeRuns(on, selection), {
      signal,
      inDoubt: (removed) => removed.size === 0,
    });
  }

  protected override release(): Promise<void> {
    return this.#driver.close();
  }

  #managed<Result>(method: string, options: CallOptions, operation: () => Promise<Result>): Promise<Result> {
    return this.perform(method, options, (signal) => {
      checkKeys(options, "options", ["signal"]);
      return untilAborted(operation(), signal);
    });
  }

  #read<Result>(work: FlowWork<Result>, options: ReadOptions<Result>): Promise<Result> {
    const { signal, isOne = false } = options;
    const read = (flows: Flows, since: number): Promise<Result> => {
      const run = (on: SqlConnection) => work(on, flows);
      const attempt = (until: number) =>
        isOne && flows.runs.areAllRows
          ? this.#driver.readOne(run, signal, until)
          : this.#driver.read(run, signal, until);
      return withRetry(attempt, this.#driver, { signal, since });
    };
    return withFlows(this.#schema, read, options);
  }

  #write<Result>(work: FlowWork<Result>, options: WorkOptions & LockOptions<Result>): Promise<Result> {
    const write = (flows: Flows, use: RetryUse): Promise<Result> => {
      const run = (until: number) => this.#driver.write((on) => work(on, flows), use.signal, until);
      return withRetry(run, this.#driver, { ...options, ...use });
    };
    return this.#inLine(write, options);
  }

  /** Does work that writes, after earlier calls that lock the same rows. */
  #inLine<Result>(
    work: (flows: Flows, use: RetryUse) => Promise<Result>,
    options: LockOptions<Result>,
  ): Promise<Result> {
    const { locks = [], signal } = options;
    const { lines } = this.#driver;
    const write = async (flows: Flows, since: number): Promise<Result> => {
      this.#requireWritable(flows);
      const inTurn = (waited: number) => work(flows, { since, waited, signal });
      return lines === undefined ? inTurn(0) : lines.run(locks, inTurn, { since, signal });
    };
    return withFlows(this.#schema, write, options);
  }

  /** Runs a delete, which returns the ids of what it deletes. Resolves with their number. */
  async #delete(
    deleted: DeletedIds,
    work: FlowWork<ReadonlySet<string>>,
    options: LockOptions<ReadonlySet<string>>,
  ): Promise<number> {
    const attempt: FlowWork<ReadonlySet<string>> = (on, flows) => deleted.attempt(work(on, flows));
    return (await this.#write(attempt, { ...options, onUnknownOutcome: () => deleted.keep() })).size;
  }

  #requireWritable({ isWritable }: Flows): void {
    if (!isWritable) {
      throw new SchemaMismatchError(
        [{ table: this.#dialect.names.runs, column: null, wanted: "a table", found: "nothing" }],
        "Call migrate() to create it; until then, nothing can be written.",
      );
    }
  }
}

interface ReadOptions<Result> extends DoubtOptions<Result> {
  /** Whether one statement reads everything, given that the runs table holds all runs. Default false. */
  readonly isOne?: boolean;
}

interface LockOptions<Result> extends DoubtOptions<Result> {
  /** The rows that the work locks, as far as they are known beforehand. */
  readonly locks?: readonly string[];
}

type RetryUse = Pick<WorkOptions, "signal" | "waited"> & { readonly since: number };

/** The name of the lock of a session, or of the run whose session is not known. */
function lockOf({ sessionId, runId }: { readonly sessionId: string | null; readonly runId?: string }): string {
  return sessionId === null ? `run ${runId}` : `session ${sessionId}`;
}

/** A flow to choose and run. */
type FlowWork<Result> = (on: SqlConnection, flows: Flows) => Steps<Result>;

function lacksRuns(session: Session | SessionHeader | null): boolean {
  return session?.runs?.length === 0;
}
