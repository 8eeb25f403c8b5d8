import type { JsonObject, ManagedSchema, SessionDb } from "@sessiondb/core";
import type { LegacyRow, OpenLegacy } from "../conformance-case.ts";
import { start } from "./data.ts";
import { usingStore } from "./using-store.ts";
import { tablesOf } from "./with-tables.ts";

/** Returns a run as Agno 2 wrote it into the session's row. */
export function legacyRun(runId: string, fields: JsonObject = {}): JsonObject {
  return {
    run_id: runId,
    agent_id: "agent",
    agent_name: "Agent",
    session_id: "s",
    user_id: "owner",
    status: "COMPLETED",
    created_at: start,
    content: `answer of ${runId}`,
    content_type: "str",
    messages: [
      {
        id: `${runId} message`,
        role: "user",
        content: "hi",
        from_history: false,
        stop_after_tool_call: false,
        created_at: start,
        future: { key: 1 },
      },
    ],
    metrics: { input_tokens: 1 },
    future_key: ["kept"],
    ...fields,
  };
}

/** Returns a row of Agno 2's table, by default of the session `s` and the user `owner`. */
export function legacyRow(fields: Partial<LegacyRow> = {}): LegacyRow {
  return {
    session_id: "s",
    session_type: "agent",
    agent_id: "agent",
    team_id: null,
    workflow_id: null,
    user_id: "owner",
    session_data: { session_name: "Legacy", session_state: { count: 1 } },
    agent_data: { agent_id: "agent", model: { id: "gpt" } },
    team_data: null,
    workflow_data: null,
    metadata: { old: true },
    runs: [legacyRun("old 1"), legacyRun("old 2"), legacyRun("old 3")],
    summary: { summary: "so far", topics: ["old"], updated_at: "2024-01-02T03:04:05" },
    created_at: start,
    updated_at: start + 1,
    ...fields,
  };
}

/** Returns a case that runs a check on a store with these rows. */
export function on(
  rows: readonly LegacyRow[],
  check: (db: SessionDb & ManagedSchema) => Promise<void>,
): (openLegacy: OpenLegacy) => Promise<void> {
  return (openLegacy) =>
    usingStore(
      () => openLegacy(rows),
      (db) => check(tablesOf(db)),
    );
}
