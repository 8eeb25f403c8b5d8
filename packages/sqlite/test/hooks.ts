import type { DatabaseCounts, OpenCounted, OpenOutside, OpenSpoilt } from "@sessiondb/conformance";
import { SqliteSessionDb } from "@sessiondb/sqlite";
import { placeOf } from "@sessiondb/testing/place-of";
import Database from "better-sqlite3";
import { afterAll } from "vitest";
import { query, temporaryFile } from "./support.ts";

// What the suite asks of a store beyond opening it. A file has no connection to cut.

const clients: Database.Database[] = [];

afterAll(() => {
  for (const client of clients.splice(0)) {
    client.close();
  }
});

export const openCounted: OpenCounted = () => openCountedFile(temporaryFile());

/** A store on a client of which each statement is counted, with the characters that it takes and returns. */
export function openCountedFile(file: string): { db: SqliteSessionDb; counts: () => DatabaseCounts } {
  const client = new Database(file);
  clients.push(client);
  client.pragma("foreign_keys = on");
  const counts = { roundTrips: 0, read: 0, written: 0 };
  const prepare = client.prepare.bind(client);
  client.prepare = ((text: string) => counted(prepare(text), counts)) as typeof client.prepare;
  return { db: new SqliteSessionDb({ client }), counts: () => ({ ...counts }) };
}

function counted(
  statement: Database.Statement,
  counts: { -readonly [Name in keyof DatabaseCounts]: number },
): Database.Statement {
  const all = statement.all.bind(statement);
  const run = statement.run.bind(statement);
  statement.all = (...values) => {
    const rows = all(...values);
    counts.roundTrips += 1;
    counts.written += JSON.stringify(values).length;
    counts.read += JSON.stringify(rows).length;
    return rows;
  };
  statement.run = (...values) => {
    counts.roundTrips += 1;
    counts.written += JSON.stringify(values).length;
    return run(...values);
  };
  return statement;
}

export const openSpoilt: OpenSpoilt = () => {
  const file = temporaryFile();
  return {
    db: new SqliteSessionDb({ file }),
    spoil: (row) => {
      if ("sessionId" in row) {
        query(file, "update agno_sessions set session_data = '{broken' where session_id = ?", row.sessionId);
      } else {
        query(file, "update agno_runs set run_data = '{broken' where run_id = ?", row.runId);
      }
      return true;
    },
  };
};

export const openOutside: OpenOutside = () => {
  const file = temporaryFile();
  return {
    db: new SqliteSessionDb({ file }),
    put: (document, json) => {
      const { table, column, key, id } = placeOf(document);
      query(file, `update ${table} set ${column} = ? where ${key} = ?`, json, id);
    },
    read: (document) => {
      const { table, column, key, id } = placeOf(document);
      return (
        query<{ json: string }>(file, `select ${column} as json from ${table} where ${key} = ?`, id)[0]?.json ?? ""
      );
    },
  };
};
