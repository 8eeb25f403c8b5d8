import { MemoryStatements } from "./memory-statements.ts";
import type { TableNames } from "./names.ts";
import { SessionReads } from "./session-reads.ts";
import { SessionWalk } from "./session-walk.ts";
import { SessionWrites } from "./session-writes.ts";
import type { SqlDialect } from "./sql-dialect.ts";

/** The statements that flows consist of. */
export interface StatementSets {
  readonly reads: SessionReads;
  readonly writes: SessionWrites;
  readonly walk: SessionWalk;
  readonly memories: MemoryStatements;
  readonly names: TableNames;
}

/** The classes of a dialect's own statements. */
export interface StatementClasses {
  readonly Reads?: new (dialect: SqlDialect) => SessionReads;
  readonly Writes?: new (dialect: SqlDialect) => SessionWrites;
  readonly Memories?: new (dialect: SqlDialect) => MemoryStatements;
}

// Rendering a statement takes longer than running it, and one file per agent is common: SQLite stores share theirs.
const made = new WeakMap<SqlDialect, StatementSets>();

/** Returns the statements of a dialect, made once. */
export function statementsOf(
  dialect: SqlDialect,
  { Reads = SessionReads, Writes = SessionWrites, Memories = MemoryStatements }: StatementClasses,
): StatementSets {
  const sets = made.get(dialect) ?? {
    reads: new Reads(dialect),
    writes: new Writes(dialect),
    walk: new SessionWalk(dialect),
    memories: new Memories(dialect),
    names: dialect.names,
  };
  made.set(dialect, sets);
  return sets;
}
