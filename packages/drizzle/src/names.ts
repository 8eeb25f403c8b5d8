import { createHash } from "node:crypto";
import { InvalidArgumentError } from "@sessiondb/core";
import { isStorable, oneOf, optional, type OptionReader } from "@sessiondb/core/adapter";

export interface TableOptions {
  /** The sessions table. Default `agno_sessions`. */
  sessionTable?: string;
  /** The runs table. Default `agno_runs`, or `<sessionTable>_runs` beside a sessions table of another name, as in Agno. */
  runsTable?: string;
  /**
   * Which indexes the tables get: those that a query of this library needs, or with `"agno"` also all that Agno makes.
   * Default `"needed"`.
   */
  indexes?: "needed" | "agno";
}

export interface TableNames {
  readonly sessions: string;
  readonly runs: string;
  readonly versions: string;
}

const defaultSessions = "agno_sessions";

/** Of a table. Names of indexes are made by adding to it. */
const longestTableName = 48;
/** Of anything: Postgres cuts longer names off, and MySQL refuses those of more than 64 characters. */
export const longestName = 63;

export function tableNames({ sessionTable = defaultSessions, runsTable }: TableOptions = {}): TableNames {
  const sessions = checkName(sessionTable, "sessionTable");
  const runs = checkName(runsTable ?? (sessions === defaultSessions ? "agno_runs" : `${sessions}_runs`), "runsTable");
  const names = { sessions, runs, versions: "agno_schema_versions" };
  // Some databases take names that differ in case for the same name, and some take it so on one system and not on another.
  if (new Set(Object.values(names).map((name) => name.toLowerCase())).size < 3) {
    throw new InvalidArgumentError(
      "runsTable",
      "another name than those of the sessions and schema versions tables, not in case alone",
    );
  }
  return names;
}

/** The readers of the options that each dialect's tables have; see `readOptions`. */
export const tableOptionReaders = {
  sessionTable: optional(checkName),
  runsTable: optional(checkName),
  indexes: oneOf("needed", "agno"),
} satisfies Record<string, OptionReader<unknown>>;

/** Any name is quoted where it is used, so only what no database can hold is refused. */
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
 * The name of an index as every database can hold it. One that is too long keeps its beginning, and gets a hash of the whole
 * in place of the rest, since what tells two of them apart is at their ends.
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
