import type { OutsideDocument } from "@sessiondb/conformance";

const columns = { sessionData: "session_data", metadata: "metadata", agentData: "agent_data", summary: "summary" };

/** Returns the place where a document is stored, for SQL that bypasses the store. */
export function placeOf(document: OutsideDocument): { table: string; column: string; key: string; id: string } {
  return "runId" in document
    ? { table: "agno_runs", column: "run_data", key: "run_id", id: document.runId }
    : { table: "agno_sessions", column: columns[document.column], key: "session_id", id: document.sessionId };
}
