/** The store's work by hand, as an expert on the driver would write it, with the same guards and durability. */
export interface Bare {
  /** Stores a turn. Throws if the session is not the user's, or the run is another session's. */
  append(runId: string, sessionId: string): unknown;
  /** A session and its last ten runs. */
  read(sessionId: string): unknown;
  /** 50 sessions, and one that tells whether there are more. */
  list(userId: string): unknown;
}

/** The columns of a session, in the order of `sessionOf`. */
export const sessionColumns = [
  "session_id",
  "session_type",
  "agent_id",
  "team_id",
  "workflow_id",
  "user_id",
  "session_data",
  "agent_data",
  "team_data",
  "workflow_data",
  "metadata",
  "summary",
  "created_at",
  "updated_at",
] as const;

const columns = sessionColumns.join(", ");

/** A condition on the runs that history uses. */
export const isHistory =
  "parent_run_id is null and (status is null or status not in ('PAUSED', 'CANCELLED', 'ERROR', 'REGENERATED'))";

/** One statement for a session and its last ten runs: the session's row, then a row for each run, newest first. */
export function readStatement(sessions: string, runs: string, [first, second]: readonly [string, string]): string {
  return `select ${columns}, null as run_data from ${sessions} where session_id = ${first}
    union all (select ${sessionColumns.map(() => "null").join(", ")}, run_data from ${runs}
      where session_id = ${second} and ${isHistory} order by run_index desc limit 10)`;
}

/** A session by the values of its columns. */
export function sessionOf(values: readonly unknown[], parse: (stored: unknown) => unknown): Record<string, unknown> {
  return {
    sessionId: values[0],
    sessionType: values[1],
    agentId: values[2],
    teamId: values[3],
    workflowId: values[4],
    userId: values[5],
    sessionData: parse(values[6]),
    agentData: parse(values[7]),
    teamData: parse(values[8]),
    workflowData: parse(values[9]),
    metadata: parse(values[10]),
    summary: parse(values[11]),
    createdAt: Number(values[12]),
    updatedAt: Number(values[13]),
  };
}

/** The rows of `readStatement` as a session with its runs, oldest first. */
export function sessionWithRuns(rows: readonly unknown[][], parse: (stored: unknown) => unknown): unknown {
  const [session, ...runs] = rows;
  return (
    session && {
      ...sessionOf(session, parse),
      runs: runs.map((run) => parse(run[sessionColumns.length])).toReversed(),
    }
  );
}

export function parseText(stored: unknown): unknown {
  return typeof stored === "string" ? JSON.parse(stored) : null;
}
