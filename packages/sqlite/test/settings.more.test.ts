import { conformanceCases } from "@sessiondb/conformance";
import { SqliteSessionDb } from "@sessiondb/sqlite";
import Database from "better-sqlite3";
import { afterEach, describe, expect, test } from "vitest";
import { temporaryFile } from "./support.ts";

// Settings of a caller's connection that the store did not choose, and with which it does what the contract says. Those
// that it refuses are in settings.test.ts.

const clients: Database.Database[] = [];
afterEach(() => {
  for (const client of clients.splice(0)) {
    client.close();
  }
});

function opened(set: (client: Database.Database) => void): Database.Database {
  const client = new Database(temporaryFile());
  clients.push(client);
  set(client);
  return client;
}

const pragma = (text: string) => (client: Database.Database) => void client.pragma(text);

const settings: Readonly<Record<string, (client: Database.Database) => void>> = {
  "bigints for every integer": (client) => void client.defaultSafeIntegers(true),
  "foreign keys off": pragma("foreign_keys = off"),
  "foreign keys deferred": pragma("defer_foreign_keys = on"),
  "recursive triggers": pragma("recursive_triggers = on"),
  "a case-sensitive LIKE": pragma("case_sensitive_like = on"),
  "reads of uncommitted data": pragma("read_uncommitted = on"),
  "an exclusive lock": pragma("locking_mode = exclusive"),
  "an exclusive lock in WAL mode": (client) => {
    client.pragma("locking_mode = exclusive");
    client.pragma("journal_mode = wal");
  },
  "temporary data in memory": pragma("temp_store = memory"),
  "reversed rows where no order is given": pragma("reverse_unordered_selects = on"),
  "no automatic indexes": pragma("automatic_index = off"),
  "a schema that is not trusted": pragma("trusted_schema = off"),
  "a journal in memory": pragma("journal_mode = memory"),
  "truncated journal": pragma("journal_mode = truncate"),
  "a small cache that does not spill": (client) => {
    client.pragma("cache_size = 5");
    client.pragma("cache_spill = off");
  },
  "small pages": pragma("page_size = 512"),
  "incremental vacuum": pragma("auto_vacuum = incremental"),
  "secure delete": pragma("secure_delete = on"),
  "a busy timeout": pragma("busy_timeout = 2000"),
  "unsafe mode": (client) => void client.unsafeMode(true),
  "an attached database with tables of the same names": (client) => {
    client.exec(`attach '${temporaryFile()}' as other`);
    client.exec("create table other.agno_sessions (session_id); create table other.agno_runs (run_id)");
  },
};

/** Cases of all that settings could change: what is stored, found, ordered, deleted, undone. */
const chosen = /round trip|order|cursor|search|name|delete|own|condition|unreadable|retr/i;
const mostCases = 150;

describe.each(Object.entries(settings))("a client with %s", (_, set) => {
  const cases = conformanceCases(
    () => new SqliteSessionDb({ client: opened(set), maxPayloadBytes: 2 ** 24 }),
    {},
  ).filter(({ name }) => chosen.test(name));
  const step = Math.max(1, Math.floor(cases.length / mostCases));

  test("fulfils the contract", { timeout: 120_000 }, async () => {
    const failed: string[] = [];
    for (const each of cases.filter((_case, index) => index % step === 0)) {
      await Promise.resolve(each.run()).catch((error: unknown) => failed.push(`${each.name}: ${String(error)}`));
    }
    expect(failed).toEqual([]);
  });
});
