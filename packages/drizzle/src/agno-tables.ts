/** A table that this library did not make. */
export interface OutsideTable {
  readonly name: string;
  /** The schema of the table, on databases that have several; default: the schema of the store's tables. */
  readonly schema?: string;
}

interface AgnoTable extends OutsideTable {
  /** The column that names the session. */
  readonly sessionId: string;
  /** The rows that belong to the session alone, where others name it too: a column and its value. */
  readonly only?: { readonly column: string; readonly value: string };
  /** The table of the payloads that the rows refer to, with the columns that name a payload in both tables. */
  readonly payloads?: OutsideTable & { readonly key: readonly string[] };
}

/**
 * The tables other than sessions and runs in which Agno keeps parts of a session. Agno creates each at its first use,
 * under a fixed name, and ties none to the session by a foreign key. A table of a later release takes one more line.
 */
export const agnoTables: readonly AgnoTable[] = [
  {
    name: "agno_tool_results",
    sessionId: "session_id",
    payloads: { name: "agno_fs", schema: "fs", key: ["namespace", "path"] },
  },
  { name: "agno_transcripts", sessionId: "agno_session_id" },
  { name: "agno_compactions", sessionId: "session_id" },
  // A learning of another type belongs to the agent or the user and only names the session it comes from.
  { name: "agno_learnings", sessionId: "session_id", only: { column: "learning_type", value: "session_context" } },
];
