import type { LegacyRow } from "@sessiondb/conformance";
import Database from "better-sqlite3";
import { fixture } from "./support.ts";

const jsonColumns = ["session_data", "agent_data", "team_data", "workflow_data", "metadata", "runs", "summary"];

/** A file as Agno 2 leaves it, with these rows. */
export function agno2FileOf(rows: readonly LegacyRow[]): string {
  const file = fixture("agno-2-agent");
  const client = new Database(file);
  client.exec("delete from agno_sessions");
  for (const row of rows) {
    const names = Object.keys(row);
    const values = Object.entries(row).map(([name, value]) =>
      jsonColumns.includes(name) && value !== null ? JSON.stringify(value) : value,
    );
    client
      .prepare(`insert into agno_sessions (${names.join()}) values (${names.map(() => "?").join()})`)
      .run(...values);
  }
  client.close();
  return file;
}
