/** A table that this library did not make. */
export interface OutsideTable {
  readonly name: string;
  /** The schema that it is in, where a database has several; default: that of the store's tables. */
  readonly schema?: string;
}

interface AgnoTable extends OutsideTable {
  /** The column that names the session. */
  readonly sessionId: string;
  /** The rows that are the session's alone, where those of others name it too: a column and its value. */
  readonly only?: { readonly column: string; readonly value: string };
  /** The table with what the rows stand for, by the columns that name it in both. */
  readonly payloads?: OutsideTable & { readonly key: readonly string[] };
}

/**
 * The tables beside those of sessions and runs in which Agno keeps what a session said. Agno makes each at its first use,
 * under a fixed name, and ties none to the session by a foreign key. A table of a later release is one line more.
 */
export const agnoTables: readonly AgnoTable[] = [
  {
    name: "agno_tool_results",
    sessionId: "session_id",
    payloads: { name: "agno_fs", schema: "fs", key: ["namespace", "path"] },
  },
  { name: "agno_transcripts", sessionId: "agno_session_id" },
  { name: "agno_compactions", sessionId: "session_id" },
  // A learning of another type is the agent's or the user's, and names the session that it comes from.
  { name: "agno_learnings", sessionId: "session_id", only: { column: "learning_type", value: "session_context" } },
];
