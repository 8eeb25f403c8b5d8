import {
  BaseSessionDb,
  SchemaMismatchError,
  type LegacyRunsProgress,
  type MigrateLegacyRunsOptions,
  type PageOf,
  type Run,
  type RunListQuery,
  type RunPosition,
  type RunQuery,
  type RunSelection,
  type RunWrite,
  type SchemaProblem,
  type ScopeQuery,
  type Session,
  type SessionChangeFunction,
  type SessionDbLimits,
  type SessionListQuery,
  type SessionQuery,
  type SessionSelection,
  type SessionWrite,
} from "@sessiondb/core";
import { LegacyRuns, type CopiedBatch } from "./legacy-runs.ts";
import { withRetry, type Work } from "./retry.ts";
import { RunFlows } from "./run-flows.ts";
import { SchemaManager, type Layout } from "./schema-manager.ts";
import { SessionFlows, type SessionPageItems } from "./session-flows.ts";
import { SessionReads } from "./session-reads.ts";
import { SessionWrites, type AppendOutcome } from "./session-writes.ts";
import type { SqlConnection, SqlDialect, SqlDriver } from "./sql-dialect.ts";
import type { Steps } from "./steps.ts";

export interface DrizzleSessionDbOptions {
  readonly driver: SqlDriver;
  readonly dialect: SqlDialect;
  readonly limits: SessionDbLimits;
  /** Whether the first operation creates missing tables. */
  readonly autoMigrate: boolean;
  /** Where the dialect spells statements of its own. */
  readonly reads?: SessionReads;
  readonly writes?: SessionWrites;
}

// Rendering a statement takes longer than running it, so stores of one dialect share theirs: a file for each agent is common.
const readsOf = new WeakMap<SqlDialect, SessionReads>();
const writesOf = new WeakMap<SqlDialect, SessionWrites>();

/**
 * The contract over two tables of an SQL database: each operation is a flow of statements, run by a driver in a
 * transaction, and again when it fails in a way that passes. The rules are in the flows, once; a dialect adds what it
 * spells differently and how its driver runs statements.
 */
export class DrizzleSessionDb extends BaseSessionDb {
  readonly #driver: SqlDriver;
  readonly #schema: SchemaManager;
  readonly #writes: SessionWrites;
  readonly #legacy: LegacyRuns;
  readonly #sessions: SessionFlows;
  readonly #runs: RunFlows;
  readonly #runsTable: string;

  constructor({ driver, dialect, limits, autoMigrate, ...statements }: DrizzleSessionDbOptions) {
    super(limits);
    const reads = statements.reads ?? shared(readsOf, dialect, SessionReads);
    const writes = statements.writes ?? shared(writesOf, dialect, SessionWrites);
    const { names } = dialect;
    this.#driver = driver;
    this.#writes = writes;
    this.#legacy = new LegacyRuns(dialect, { reads, writes });
    this.#schema = new SchemaManager({ driver, dialect, legacy: this.#legacy, autoMigrate });
    const sets = { reads, writes, names, legacy: this.#legacy };
    this.#runs = new RunFlows(sets);
    this.#sessions = new SessionFlows(sets, this.#runs);
    this.#runsTable = names.runs;
  }

  protected override readSession(query: SessionQuery): Promise<Session | null> {
    return this.#read((on, layout) => this.#sessions.readSession(on, layout, query));
  }

  protected override listSessions(query: SessionListQuery): Promise<SessionPageItems> {
    return this.#read((on, layout) => this.#sessions.listSessions(on, layout, query));
  }

  protected override writeSessions(writes: readonly SessionWrite[]): Promise<Session[]> {
    return this.#write((on, layout) => this.#sessions.writeSessions(on, layout, writes));
  }

  protected override changeSession(scope: ScopeQuery, change: SessionChangeFunction): Promise<Session | null> {
    return this.#write((on) => this.#sessions.changeSession(on, scope, change), { repeatable: false });
  }

  protected override removeSessions(selection: SessionSelection): Promise<number> {
    return this.#write((on, layout) => this.#sessions.removeSessions(on, layout, selection));
  }

  protected override async writeRun(write: RunWrite): Promise<void> {
    const layout = await this.#writable();
    const { session, run, change, onlyIfStatus } = write;
    if (this.#writes.appendsInOneStatement && change === null && onlyIfStatus === null && !layout.mergeLegacy) {
      const append = (): Promise<AppendOutcome> =>
        this.#driver.single((on) => this.#writes.appendRun(on, session, run));
      if ((await withRetry(append, this.#driver)) === "stored") {
        return;
      }
    }
    await this.#write((on) => this.#sessions.writeRun(on, layout, write), { repeatable: change === null });
  }

  protected override readRun(query: RunQuery): Promise<Run | null> {
    return this.#read((on, layout) => this.#runs.readRun(on, layout, query));
  }

  protected override listRuns(query: RunListQuery): Promise<PageOf<Run, RunPosition>> {
    return this.#read((on, layout) => this.#runs.listRuns(on, layout, query));
  }

  protected override removeRuns(selection: RunSelection): Promise<number> {
    return this.#write((on, layout) => this.#runs.removeRuns(on, layout, selection));
  }

  protected override applyMigration(): Promise<void> {
    return this.#schema.migrate();
  }

  protected override pendingStatements(): Promise<readonly string[]> {
    return this.#schema.plan();
  }

  protected override schemaProblems(): Promise<readonly SchemaProblem[]> {
    return this.#schema.problems();
  }

  protected override async copyLegacyRuns({
    batchSize = 100,
    onProgress,
    signal,
  }: MigrateLegacyRunsOptions): Promise<LegacyRunsProgress> {
    const { legacyColumn } = await this.#schema.ready();
    let progress: LegacyRunsProgress = { sessions: 0, runs: 0, skipped: 0 };
    if (!legacyColumn) {
      return progress;
    }
    let after: string | null = null;
    do {
      signal?.throwIfAborted();
      const from: string | null = after;
      const batch: CopiedBatch = await this.#write((on) => this.#legacy.copyBatch(on, from, batchSize));
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
      await this.#write((on) => this.#legacy.markCopied(on));
      this.#schema.forget();
    }
    return progress;
  }

  protected override release(): Promise<void> {
    return this.#driver.close();
  }

  async #read<Result>(work: (on: SqlConnection, layout: Layout) => Steps<Result>): Promise<Result> {
    const layout = await this.#schema.ready();
    return withRetry(() => this.#driver.read((on) => work(on, layout)), this.#driver);
  }

  async #write<Result>(
    work: (on: SqlConnection, layout: Layout) => Steps<Result>,
    kind: Work = { repeatable: true },
  ): Promise<Result> {
    const layout = await this.#writable();
    return withRetry(() => this.#driver.write((on) => work(on, layout)), this.#driver, kind);
  }

  async #writable(): Promise<Layout> {
    const layout = await this.#schema.ready();
    if (!layout.runsTable) {
      throw new SchemaMismatchError(
        [{ table: this.#runsTable, column: null, wanted: "a table", found: "nothing" }],
        "Nothing can be written before migrate() has created it.",
      );
    }
    return layout;
  }
}

function shared<Statements>(
  cache: WeakMap<SqlDialect, Statements>,
  dialect: SqlDialect,
  Statements: new (dialect: SqlDialect) => Statements,
): Statements {
  const statements = cache.get(dialect) ?? new Statements(dialect);
  cache.set(dialect, statements);
  return statements;
}
