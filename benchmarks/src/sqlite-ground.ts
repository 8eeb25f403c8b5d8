import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SqliteSessionDb } from "@sessiondb/sqlite";
import { BareSqlite, openSqlite } from "./bare-sqlite.ts";
import { parseText } from "./bare.ts";
import { rowOf, sessionOf } from "./data.ts";
import { titles } from "./database-names.ts";
import { sessionAt, sessionsOfUser, type Contents, type Ground, type OneColumn } from "./ground.ts";
import { lastTen, missing, runsOf, withRun } from "./one-column.ts";
import { versionOf } from "./version-of.ts";

/** A folder of its own, with a file for each name. */
export class SqliteGround implements Ground {
  readonly versions: string;
  readonly #folder = mkdtempSync(join(tmpdir(), "sessiondb-bench-"));
  readonly #toClose: { close(): unknown }[] = [];

  constructor() {
    const client = openSqlite(":memory:");
    const version = client.prepare<[], string>("select sqlite_version()").pluck().get();
    client.close();
    this.versions = `${titles.sqlite} ${version}, better-sqlite3 ${versionOf("better-sqlite3")}`;
  }

  file(name: string): string {
    return join(this.#folder, `${name}.db`);
  }

  /** Indexes are made last, when they are quicker to make. */
  async make(name: string, { toAppend, toList }: Contents): Promise<void> {
    const file = this.file(name);
    await using db = new SqliteSessionDb({ file, autoMigrate: false });
    const client = openSqlite(file);
    client.pragma("synchronous = off");
    for (const statement of await db.planMigration()) {
      if (!statement.startsWith("CREATE INDEX")) {
        client.exec(statement);
      }
    }
    const session = client.prepare(
      "insert into agno_sessions (session_id, session_type, agent_id, user_id, session_data, created_at, updated_at) values (?, 'agent', 'agent', ?, ?, ?, ?)",
    );
    const run = client.prepare(
      "insert into agno_runs (run_id, session_id, run_type, agent_id, user_id, status, run_index, run_data, created_at, updated_at) values (?, ?, 'agent', 'agent', 'user', 'COMPLETED', ?, ?, 1790000000, 1790000000)",
    );
    const data = JSON.stringify(sessionOf("filled").sessionData);
    client.transaction(() => {
      for (let index = 0; index < toList; index += 1) {
        const time = 1_780_000_000 + index;
        session.run(`listed ${index}`, `user ${index % (toList / sessionsOfUser)}`, data, time, time);
      }
      for (const { length, count } of toAppend) {
        for (let place = 0; place < count; place += 1) {
          const sessionId = sessionAt(length, place);
          session.run(sessionId, "user", data, 1_790_000_000, 1_790_000_000);
          for (let index = 0; index < length; index += 1) {
            const runId = `${sessionId} ${index}`;
            run.run(runId, sessionId, index, JSON.stringify(rowOf(runId, sessionId)));
          }
        }
      }
    })();
    client.close();
    await db.migrate();
  }

  store(name: string): SqliteSessionDb {
    const store = new SqliteSessionDb({ file: this.file(name) });
    this.#toClose.push(store);
    return store;
  }

  bare(name: string): BareSqlite {
    const bare = new BareSqlite(this.file(name));
    this.#toClose.push(bare.client);
    return bare;
  }

  async oneColumn(): Promise<OneColumn> {
    const client = openSqlite(this.file("one column"));
    this.#toClose.push(client);
    client.exec("create table one_column (session_id text primary key, user_id text, runs text, updated_at integer)");
    const select = client
      .prepare<[string], string>("select runs from one_column where session_id = ? and user_id = 'user'")
      .pluck();
    const update = client.prepare("update one_column set runs = ?, updated_at = ? where session_id = ?");
    const insert = client.prepare("insert into one_column values (?, 'user', ?, 0)");
    const runsIn = (sessionId: string): unknown => {
      const text = select.get(sessionId);
      if (text === undefined) {
        throw missing(sessionId);
      }
      return parseText(text);
    };
    const append = client.transaction((runId: string, sessionId: string) => {
      update.run(withRun(runsIn(sessionId), runId, sessionId), Math.floor(Date.now() / 1000), sessionId);
    });
    return {
      put: (sessionId, length) => insert.run(sessionId, runsOf(sessionId, length)),
      append: (runId, sessionId) => append.immediate(runId, sessionId),
      read: (sessionId) => lastTen(runsIn(sessionId)),
    };
  }

  async close(): Promise<void> {
    for (const each of this.#toClose) {
      await each.close();
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
