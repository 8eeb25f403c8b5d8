import nodeModule from "node:module";
import { DatabaseError, InvalidArgumentError } from "@sessiondb/core";
import {
  runSync,
  type FoundSchema,
  type SqlConnection,
  type Statement,
  type StatementResult,
  type Work,
} from "@sessiondb/drizzle";
import BetterSqlite3, { type Database, type Statement as PreparedStatement, type Transaction } from "better-sqlite3";
import { nameContains, nameFunction } from "./sqlite-dialect.ts";
import { memoryContains, memoryFunction } from "./sqlite-memories.ts";
import { HeldRowError, RefusedStatementError } from "./sqlite-errors.ts";
import { foundSchema, inspection, type InspectionRow } from "./sqlite-inspection.ts";

/** Settings that prevent undoing a write, hide its result, or change the order of ids. */
const refusedSettings = [
  { pragma: "journal_mode", refuses: "off", expected: "with a journal: without one, no write can be undone" },
  { pragma: "count_changes", refuses: 1, expected: "with count_changes off, as it is by default" },
  { pragma: "encoding", refuses: "UTF-16le", expected: "in UTF-8: ids are sorted by their UTF-8 bytes" },
  { pragma: "encoding", refuses: "UTF-16be", expected: "in UTF-8: ids are sorted by their UTF-8 bytes" },
] as const;

/** One connection of better-sqlite3 with the statements prepared on it. */
export class SqliteConnection implements SqlConnection {
  readonly client: Database;
  // Held for the life of the connection: finalising a statement during garbage collection crashes some Node versions.
  // Keyed by text, since a package may make its statements anew for each request.
  readonly #prepared = new Map<string, PreparedStatement>();
  readonly #transaction: Transaction<(work: Work<unknown>) => unknown>;

  constructor(client: Database) {
    this.client = client;
    client.function(nameFunction, { deterministic: true }, nameContains);
    client.function(memoryFunction, { deterministic: true }, memoryContains);
    this.#transaction = client.transaction((work) => runSync(work(this)));
  }

  execute(statement: Statement<never>, values: unknown[]): StatementResult {
    const prepared = this.#prepare(statement.text);
    try {
      return prepared.reader
        ? { rows: prepared.all(values) as unknown[][], affected: 0 }
        : { rows: [], affected: prepared.run(values).changes };
    } catch (error) {
      throw HeldRowError.of(error, statement.text);
    }
  }

  read<Result>(work: Work<Result>): Result {
    return this.#transaction.deferred(work) as Result;
  }

  /** Runs work whose one statement needs no transaction to read one snapshot. */
  readOne<Result>(work: Work<Result>): Result {
    let isDone = false;
    const execute = (statement: Statement<never>, values: unknown[]): StatementResult => {
      if (isDone) {
        throw new DatabaseError("A second statement needs a transaction to read the snapshot of the first");
      }
      isDone = true;
      return this.execute(statement, values);
    };
    return runSync(work({ execute }));
  }

  /** In a transaction that the caller began, this is a savepoint. */
  write<Result>(work: Work<Result>): Result {
    return this.#transaction.immediate(work) as Result;
  }

  inspect(names: readonly string[]): FoundSchema {
    const rows = this.#prepare(inspection(names.length)).all(...names, ...names, ...names);
    return foundSchema(rows as InspectionRow[], names);
  }

  migrate(tables: readonly string[], plan: (found: FoundSchema) => string[]): void {
    this.client
      .transaction(() => {
        // Inspected under the lock: of processes that start together, the first creates and the others find it done.
        for (const statement of plan(this.inspect(tables))) {
          refusable(() => this.client.exec(statement));
        }
      })
      .immediate();
  }

  /** Refuses settings that break the store's promises. `argument` names the connection's source. */
  checkSettings(argument: "client" | "file"): void {
    for (const { pragma, refuses, expected } of refusedSettings) {
      const [row] = this.#prepare(`pragma ${pragma}`).all() as unknown[][];
      if (row?.[0] === refuses) {
        throw new InvalidArgumentError(argument, `a database ${expected}`);
      }
    }
  }

  #prepare(text: string): PreparedStatement {
    let prepared = this.#prepared.get(text);
    if (prepared === undefined) {
      // A client may be set to return every integer as a bigint; no integer here is that large.
      prepared = refusable(() => this.client.prepare(text)).safeIntegers(false);
      if (prepared.reader) {
        prepared.raw();
      }
      this.#prepared.set(text, prepared);
    }
    return prepared;
  }
}

/** Runs an operation without bound values, so that SQLite's message about it quotes no stored data. */
function refusable<Result>(run: () => Result): Result {
  try {
    return run();
  } catch (cause) {
    throw new RefusedStatementError(cause);
  }
}

/** A database file, and how to open it. */
export interface SqliteFile {
  /** A path, or `:memory:`. */
  readonly file: string;
  readonly readonly: boolean;
  readonly synchronous: "full" | "normal";
}

/** SQLite waits for a lock by blocking the thread, once per running call. `withRetry` waits without blocking. */
const blockingTimeout = 0;

/** Uses a connection of the caller. */
export function connectionOf(client: Database): SqliteConnection {
  const connection = new SqliteConnection(client);
  connection.checkSettings("client");
  return connection;
}

/** Opens a connection of the store's own. */
export function openFile({ file, readonly, synchronous }: SqliteFile): SqliteConnection {
  checkVersions();
  const client = new BetterSqlite3(file, { readonly, timeout: blockingTimeout });
  try {
    // better-sqlite3 is built with NORMAL for WAL, which can lose acknowledged commits in a power cut.
    client.exec(`pragma synchronous = ${synchronous}; pragma foreign_keys = on`);
    const connection = new SqliteConnection(client);
    connection.checkSettings("file");
    return connection;
  } catch (error) {
    client.close();
    throw error;
  }
}

/** The versions that decide whether better-sqlite3 can be used. */
interface Versions {
  /** The version of better-sqlite3; null if unknown, as in a bundle. */
  readonly driver: string | null;
  /** The version of Node. */
  readonly node: string;
  /** The version of Node-API. */
  readonly napi: string | undefined;
}

/** The Node-API version that better-sqlite3 13 is built for, available in Node 22.14 and newer. */
const neededNapi = 10;

/** Returns advice for versions that end the process without an error, or null for those that work together. */
export function problemOfVersions({ driver, node, napi }: Versions): string | null {
  const major = Number(driver?.split(".")[0] ?? Number.NaN);
  if (major >= 13 && Number(napi) < neededNapi) {
    return `better-sqlite3 ${driver} crashes Node ${node}. Install better-sqlite3@12, or run on Node 22.14 or newer.`;
  }
  if (major <= 12 && abortsWithCompiledModules(node)) {
    return `better-sqlite3 ${driver} aborts Node ${node} at its garbage collection. Install better-sqlite3@13.`;
  }
  return null;
}

/** Node 24.19 finalises the objects of a module not built for Node-API after their environment is gone. */
function abortsWithCompiledModules(node: string): boolean {
  const [major = 0, minor = 0] = node.split(".").map(Number);
  return major === 24 && minor >= 19;
}

let checked = false;

/** Throws before the native module is loaded, which would end the process. */
function checkVersions(): void {
  if (checked) {
    return;
  }
  const { node, napi } = process.versions;
  const problem = problemOfVersions({ driver: installedDriver(), node, napi });
  if (problem !== null) {
    throw new DatabaseError(problem);
  }
  checked = true;
}

function installedDriver(): string | null {
  try {
    // Uses the default export, since webpack tries to follow `createRequire` if it is imported by name.
    const manifest: unknown = nodeModule.createRequire(import.meta.url)("better-sqlite3/package.json");
    return (manifest as { version?: string }).version ?? null;
  } catch {
    return null;
  }
}
