import { InvalidArgumentError } from "@sessiondb/core";

export interface TableNameOptions {
  /** The sessions table. Default `agno_sessions`. */
  sessionTable?: string;
  /** The runs table. Default `agno_runs`, or `<sessionTable>_runs` beside a sessions table of another name, as in Agno. */
  runsTable?: string;
}

export interface TableNames {
  readonly sessions: string;
  readonly runs: string;
  readonly versions: string;
}

const defaultSessions = "agno_sessions";

/** Postgres cuts longer names off, and index names are made by adding to table names. */
const longestName = 48;

export function tableNames({ sessionTable = defaultSessions, runsTable }: TableNameOptions = {}): TableNames {
  const sessions = checkName(sessionTable, "sessionTable");
  const runs = checkName(runsTable ?? (sessions === defaultSessions ? "agno_runs" : `${sessions}_runs`), "runsTable");
  const names = { sessions, runs, versions: "agno_schema_versions" };
  if (new Set(Object.values(names)).size < 3) {
    throw new InvalidArgumentError("runsTable", "another name than those of the sessions and schema versions tables");
  }
  return names;
}

/** Any name is quoted where it is used, so only what no database can hold is refused. */
function checkName(name: unknown, argument: string): string {
  if (typeof name !== "string" || name === "" || name.includes("\0") || /\p{Surrogate}/u.test(name)) {
    throw new InvalidArgumentError(argument, "a table name: non-empty, well-formed text without NUL characters");
  }
  if (Buffer.byteLength(name) > longestName) {
    throw new InvalidArgumentError(argument, `at most ${longestName} bytes long`);
  }
  return name;
}
