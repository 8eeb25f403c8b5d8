import { readFileSync } from "node:fs";
import type { JsonObject, JsonValue } from "@sessiondb/core";
import { SqliteSessionDb } from "@sessiondb/sqlite";
import Database from "better-sqlite3";
import { describe, expect, test } from "vitest";
import { agnoText } from "./legacy.ts";
import { fixture } from "./support.ts";

// What the framework printed of sessions of every shape: put into its own tables in its own encoding, and read back.

interface Recorded {
  readonly session_id: string;
  readonly raw: JsonObject & { runs: JsonObject[] | null };
  readonly run_rows?: JsonObject[];
}

const folder = new URL("../../core/test/fixtures/", import.meta.url);
const loops = ["a", "bg", "cancel", "ck", "err", "fork", "hitl", "st", "team", "wf"];
const names = ["agno-2/read", "agno-3/read", ...loops.map((name) => `agno-3/loop-${name}`)];

const recorded = names.flatMap((name) => {
  const text = readFileSync(new URL(`${name}.json`, folder), "utf8");
  const { sessions } = (JSON.parse(text) as { result: { sessions: Recorded[] } }).result;
  return sessions.map((session): [string, Recorded] => [`${name} ${session.session_id}`, session]);
});

function insert(client: Database.Database, table: string, row: Readonly<Record<string, unknown>>): void {
  const columns = Object.keys(row);
  const marks = columns.map(() => "?").join(", ");
  client.prepare(`insert into ${table} (${columns.join(", ")}) values (${marks})`).run(...Object.values(row));
}

/** Session columns hold JSON in a JSON string; `run_data` holds JSON. */
function asStored(row: JsonObject, encode: (value: JsonValue) => string): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(row).map(([column, value]) => [
      column,
      typeof value === "object" && value !== null ? encode(value) : value,
    ]),
  );
}

function asRead({ raw }: Recorded): JsonObject {
  return {
    ...raw,
    session_data: raw["session_data"] ?? {},
    runs: (raw.runs ?? []).map((run) => {
      const userId = run["user_id"] ?? raw["user_id"] ?? null;
      return { ...run, session_id: raw["session_id"] ?? null, ...(userId !== null && { user_id: userId }) };
    }),
  };
}

describe.each(recorded)("%s", (_, session) => {
  test("is read from the column of Agno 2, before and after it is copied", async () => {
    const client = new Database(fixture("agno-2-agent"));
    client.exec("delete from agno_sessions");
    insert(client, "agno_sessions", asStored(session.raw, agnoText));
    await using db = new SqliteSessionDb({ client });
    const sessionId = session.session_id;
    expect((await db.getSession({ sessionId }))?.toJSON()).toEqual(asRead(session));
    await db.migrateLegacyRuns();
    expect((await db.getSession({ sessionId }))?.toJSON()).toEqual(asRead(session));
    client.close();
  });

  test("is read from the rows of Agno 3", async () => {
    const { raw, run_rows = [] } = session;
    const client = new Database(fixture("agno-3"));
    client.exec("delete from agno_runs; delete from agno_sessions");
    const { runs: _runs, ...columns } = raw;
    insert(client, "agno_sessions", asStored(columns, agnoText));
    for (const row of run_rows) {
      insert(client, "agno_runs", asStored(row, JSON.stringify));
    }
    await using db = new SqliteSessionDb({ client });
    const expected = asRead(session);
    const runs = expected["runs"] as JsonObject[];
    // Agno 2 had no rows: of its sessions the column is what there is.
    const stored = run_rows.length === 0 ? [] : runs;
    expect((await db.getSession({ sessionId: session.session_id }))?.toJSON()).toEqual({ ...expected, runs: stored });
    client.close();
  });
});
