import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SessionType } from "@sessiondb/core";
import { SqliteSessionDb } from "@sessiondb/sqlite";
import Database from "better-sqlite3";

interface Row {
  readonly run_id: string;
  readonly run_type: SessionType;
  readonly parent_run_id: string | null;
  readonly run_data: Readonly<Record<string, unknown>>;
}

/** The rows that the real Agno stored when it paused, by the kind of pause. */
export const agnoPauses = JSON.parse(
  readFileSync(new URL("../fixtures/agno-pauses.json", import.meta.url), "utf8"),
) as Readonly<Record<string, readonly Row[]>>;

export interface PausedDatabase extends Disposable {
  readonly open: () => SqliteSessionDb;
  readonly sessionId: string;
  /** The run that waits, and those that belong to it. */
  readonly runId: string;
  readonly rows: readonly Row[];
  /** The rows of the runs as they are stored, text for text. */
  readonly stored: () => Readonly<Record<string, unknown>>[];
}

/** A database that holds what Agno stored. */
export async function pausedDatabase(pause: string): Promise<PausedDatabase> {
  const rows = agnoPauses[pause] ?? [];
  const run = rows.find(({ parent_run_id: parent }) => parent === null);
  if (run === undefined) {
    throw new Error(`There is no pause ${pause}`);
  }
  const folder = mkdtempSync(join(tmpdir(), "sessiondb-pauses-"));
  const file = join(folder, "paused.db");
  const open = () => new SqliteSessionDb({ file });
  await using db = open();
  const sessionId = pause;
  const kind = run.run_type;
  await db.upsertSession({ sessionType: kind, sessionId, userId: "ada", [`${kind}Id`]: "bot" });
  const client = new Database(file);
  for (const { run_data: data, ...row } of rows) {
    const all = { ...row, run_data: JSON.stringify(data) };
    const names = Object.keys(all);
    client
      .prepare(`insert into agno_runs (${names.join(", ")}) values (${names.map((name) => `@${name}`).join(", ")})`)
      .run(all);
  }
  client.close();
  const stored = () => {
    const reader = new Database(file, { readonly: true });
    try {
      return reader.prepare<[], Record<string, unknown>>("select * from agno_runs order by run_index, run_id").all();
    } finally {
      reader.close();
    }
  };
  return {
    open,
    sessionId,
    runId: run.run_id,
    rows,
    stored,
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}
