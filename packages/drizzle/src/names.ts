import { createHash } from "node:crypto";
import { InvalidArgumentError } from "@sessiondb/core";
import { isStorable, oneOf, optional, type OptionReader } from "@sessiondb/core/adapter";

export interface TableOptions {
  /** The sessions table. Default `agno_sessions`. */
  sessionTable?: string;
  /** The runs table. Default `agno_runs`, or `<sessionTable>_runs` for a sessions table of another name, as in Agno. */
  runsTable?: string;
  /**
   * The memories table. Default `agno_memories`. A table `<memoryTable>_owners` beside it is the library's own, but on
   * SQLite, which needs none.
   */
  memoryTable?: string;
  /** The indexes to create: those that this library needs, or with `"agno"` also all of Agno's. Default `"needed"`. */
  indexes?: "needed" | "agno";
}

export interface TableNames {
  readonly sessions: string;
  readonly runs: string;
  readonly versions: string;
}

export interface MemoryNames {
  readonly memories: string;
  readonly owners: string;
}

const defaultSessions = "agno_sessions";

/** The longest name of a table. Names of indexes are made by adding to it. */
const longestTableName = 48;
/** The longest name of anything: Postgres truncates longer names, and MySQL refuses more than 64 characters. */
export const longestName = 63;

export function tableNames({ sessionTable = defaultSessions, runsTable }: TableOptions = {}): TableNames {
  const sessions = checkName(sessionTable, "sessionTable");
  const runs = checkName(runsTable ?? (sessions === defaultSessions ? "agno_runs" : `${sessions}_runs`), "runsTable");
  const names = { sessions, runs, versions: "agno_schema_versions" };
  // Some databases ignore the case of names, and some do so on one system and not on another.
  if (new Set(Object.values(names).map((name) => name.toLowerCase())).size < 3) {
    throw new InvalidArgumentError(
      "runsTable",
      "a name that differs from those of the sessions and schema versions tables in more than case",
    );
  }
  return names;
}

/** The names of the tables of memories, which differ from those of sessions. */
export function memoryNames(options: TableOptions = {}): MemoryNames {
  const memories = checkName(options.memoryTable ?? "agno_memories", "memoryTable");
  const names = { memories, owners: `${memories}_owners` };
  const taken = Object.values(tableNames(options)).map((name) => name.toLowerCase());
  if (Object.values(names).some((name) => taken.includes(name.toLowerCase()))) {
    throw new InvalidArgumentError("memoryTable", "a name that the tables of sessions, runs and versions do not have");
  }
  return names;
}

/** The readers of the table options that every dialect has; see `readOptions`. */
export const tableOptionReaders = {
  sessionTable: optional(checkName),
  runsTable: optional(checkName),
  memoryTable: optional(checkName),
  indexes: oneOf("needed", "agno"),
} satisfies Record<string, OptionReader<unknown>>;

/** Checks a name. Names are quoted where they are used, so only those that no database can hold are refused. */
function checkName(name: unknown, argument: string): string {
  if (typeof name !== "string" || name === "" || !isStorable(name)) {
    throw new InvalidArgumentError(argument, "a table name: non-empty, well-formed text without NUL characters");
  }
  if (Buffer.byteLength(name) > longestTableName) {
    throw new InvalidArgumentError(argument, `at most ${longestTableName} bytes long`);
  }
  return name;
}

/**
 * Fits the name of an index to every database. A name that is too long keeps its beginning and ends in a hash of the
 * whole, since two such names differ at their ends.
 */
export function indexName(name: string): string {
  if (Buffer.byteLength(name) <= longestName) {
    return name;
  }
  const hash = createHash("sha256").update(name).digest("hex").slice(0, 8);
  let beginning = "";
  for (const character of name) {
    if (Buffer.byteLength(`${beginning}${character}_${hash}`) > longestName) {
      break;
    }
    beginning += character;
  }
  return `${beginning}_${hash}`;
}
