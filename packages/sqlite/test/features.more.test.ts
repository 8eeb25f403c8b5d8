import { inspect } from "node:util";
import { InMemorySessionDb, SessionDbError, type SessionDb } from "@sessiondb/core";
import { SqliteSessionDb } from "@sessiondb/sqlite";
import { agentRun, agentSession } from "@sessiondb/testing/models";
import Database from "better-sqlite3";
import { describe, expect, test } from "vitest";
import { query, temporaryFile } from "./support.ts";

// Features of the tables that the store did not make. Each operation then does what it does on the reference, or is
// refused with a typed error that quotes nothing stored, and leaves all as it was. None is acknowledged and not done.

const marked = "the marked sentence";
const session = agentSession("s", { userId: "u" });

/** A session and a run with the marked sentence in each field that holds content. */
const markedSession = (sessionId: string) =>
  agentSession(sessionId, {
    userId: "u",
    sessionData: { session_name: marked, session_state: { key: marked } },
    metadata: { key: marked },
    agentData: { name: marked },
    summary: { summary: marked },
  });
const markedRun = (runId: string) =>
  agentRun(runId, { content: marked, messages: [{ role: "user", content: marked }], metadata: { key: marked } });

async function fill(db: SessionDb): Promise<void> {
  await db.upsertSessions([
    { ...markedSession("s"), runs: [markedRun("r1"), markedRun("r2"), markedRun("r3")] },
    { ...markedSession("other"), runs: [markedRun("o1")] },
  ]);
}

const operations: Readonly<Record<string, (db: SessionDb) => Promise<unknown>>> = {
  "a new session": (db) => db.upsertSession(markedSession("new")),
  "a new session with runs": (db) =>
    db.upsertSession({ ...markedSession("new"), runs: [markedRun("n1"), markedRun("n2")] }),
  "a stored session": (db) => db.upsertSession(markedSession("s")),
  "several sessions": (db) => db.upsertSessions([markedSession("new"), markedSession("s"), markedSession("newer")]),
  "a session's name": (db) => db.renameSession({ sessionId: "s", sessionName: `${marked} 2` }),
  "a session's state": (db) => db.updateSession({ sessionId: "s" }, { sessionState: { key: `${marked} 2` } }),
  "a turn": (db) => db.upsertRun({ session, run: markedRun("r4") }),
  "a turn of a new session": (db) => db.upsertRun({ session: markedSession("new"), run: markedRun("n1") }),
  "a turn that is stored": (db) => db.upsertRun({ session, run: agentRun("r2", { content: `${marked} 2` }) }),
  "a turn with a change": (db) =>
    db.upsertRun({ session, run: markedRun("r4"), change: { sessionState: { key: marked } } }),
  "a turn that replaces the end": (db) => db.upsertRun({ session, run: markedRun("r4"), deleteRunsAfter: "r1" }),
  "a run": (db) => db.updateRun({ runId: "r2" }, (run) => ({ ...run, content: `${marked} 2` })),
  "a run's end": (db) => db.updateRun({ runId: "r2" }, () => null),
  "runs to delete": (db) => db.deleteRuns({ runIds: ["r1", "o1"] }),
  "a session to delete": (db) => db.deleteSession({ sessionId: "s" }),
  "sessions to delete": (db) => db.deleteSessions({ sessionIds: ["s", "other"] }),
  "sessions to delete by filter": (db) => db.deleteSessions({ filter: { componentId: "agent-1" } }),
  "a session to read": (db) => db.getSession({ sessionId: "s" }),
  "a list": (db) => db.getSessions({ sessionName: marked, includeRuns: true }),
  "a list of runs": (db) => db.getRuns({ limit: 2 }),
};

/** Runs without their session, which the next session of that id would have. */
const orphans = "select run_id from agno_runs where session_id not in (select session_id from agno_sessions)";

/** All that a store gives, without its times. */
async function contentOf(db: SessionDb): Promise<unknown> {
  const { sessions } = await db.getSessions({ includeRuns: true, limit: 100 });
  const { runs } = await db.getRuns({ limit: 100 });
  return JSON.parse(
    JSON.stringify({
      sessions: sessions.toSorted((a, b) => (a.sessionId < b.sessionId ? -1 : 1)),
      runIds: runs.map(({ runId }) => runId).toSorted(),
    }).replaceAll(/"(?:created|updated)_at":\d+/g, '"time":0'),
  );
}

const trigger = (event: string, body: string) =>
  `create trigger t_${event.replaceAll(/\W/g, "_")} ${event} begin ${body}; end`;
const tables = ["agno_sessions", "agno_runs"];
const events = ["insert", "update", "delete"];
const each = (spell: (event: string, table: string) => [string, string]) =>
  Object.fromEntries(tables.flatMap((table) => events.map((event) => spell(event, table))));

const features: Readonly<Record<string, string>> = {
  ...each((event, table) => [
    `a trigger that ignores each ${event} on ${table}`,
    trigger(`before ${event} on ${table}`, "select raise(ignore)"),
  ]),
  ...each((event, table) => {
    const row = event === "delete" ? "old" : "new";
    const content = table === "agno_runs" ? `${row}.run_data` : `${row}.session_data`;
    // RAISE takes no expression in older versions: the sentence is in the trigger's own text.
    const body = `select raise(abort, 'refused: ${marked}') where ${content} is not null`;
    return [`a trigger that quotes each ${event} on ${table}`, trigger(`after ${event} on ${table}`, body)];
  }),
  "a trigger that rolls back": trigger("before insert on agno_runs", `select raise(rollback, '${marked}')`),
  "a trigger that fails": trigger("before update on agno_sessions", `select raise(fail, '${marked}')`),
  "a unique key of the user":
    "create unique index one_each on agno_sessions (user_id, session_type, agent_id) where session_id <> 'other'",
  "a unique key of a name": "create unique index one_name on agno_sessions (session_data) where session_id <> 'other'",
  "a unique key of the runs":
    "create unique index one_run on agno_runs (session_id, agent_id, run_data) where run_id not in ('r2', 'r3')",
  "a further column": "alter table agno_runs add column tenant text",
  "a further column with a default": "alter table agno_sessions add column tenant text not null default 'all'",
  "a generated column": "alter table agno_runs add column size integer as (length(run_data))",
  "a rule in a column": `alter table agno_runs add column rule text check (run_data not like '%${marked} 2%')`,
  "rows of others": "create table theirs (run_id references agno_runs (run_id)); insert into theirs values ('r2')",
  "rows of others of a session":
    "create table theirs (id references agno_sessions (session_id)); insert into theirs values ('s')",
};

const recreated = (table: string, change: (sql: string) => string) => (client: Database.Database) => {
  const { sql } = client
    .prepare<[string], { sql: string }>("select sql from sqlite_master where name = ?")
    .get(table) ?? { sql: "" };
  const columns = client.pragma(`table_info(${table})`) as { name: string }[];
  const names = columns.map(({ name }) => name).join(", ");
  client.pragma("foreign_keys = off");
  client.pragma("legacy_alter_table = on");
  client.exec(`alter table ${table} rename to old_${table}`);
  client.exec(change(sql));
  client.exec(`insert into ${table} (${names}) select ${names} from old_${table}; drop table old_${table}`);
};

const remade: Readonly<Record<string, (client: Database.Database) => void>> = Object.fromEntries(
  tables.flatMap((table) => [
    [`${table} without row ids`, recreated(table, (sql) => `${sql} without rowid`)],
    [
      `${table} that is strict`,
      recreated(table, (sql) => `${sql.replaceAll(/VARCHAR|JSON/g, "TEXT").replaceAll("BIGINT", "INTEGER")} strict`),
    ],
    [
      `${table} with a column that must be filled`,
      (client: Database.Database) => {
        recreated(table, (sql) => sql.replace("(", "(tenant text not null default 'x', "))(client);
        client.pragma("writable_schema = on");
        client.exec(
          `update sqlite_master set sql = replace(sql, 'not null default ''x''', 'not null') where name = '${table}'`,
        );
      },
    ],
    [
      `${table} that is a view with triggers`,
      (client: Database.Database) => {
        const key = table === "agno_runs" ? "run_id" : "session_id";
        client.pragma("foreign_keys = off");
        client.pragma("legacy_alter_table = on");
        client.exec(`alter table ${table} rename to base; create view ${table} as select * from base`);
        client.exec(
          `create trigger v1 instead of delete on ${table} begin delete from base where ${key} = old.${key}; end`,
        );
        client.exec(
          `create trigger v2 instead of update on ${table} begin update base set updated_at = new.updated_at where ${key} = old.${key}; end`,
        );
        client.exec(`create trigger v3 instead of insert on ${table} begin select 1; end`);
      },
    ],
  ]),
);

const changes: [string, (client: Database.Database) => void][] = [
  ...Object.entries(features).map(([name, sql]): [string, (client: Database.Database) => void] => [
    name,
    (client) => {
      client.unsafeMode(true).exec(sql);
    },
  ]),
  ...Object.entries(remade).map(([name, change]): [string, (client: Database.Database) => void] => [
    name,
    (client) => change(client.unsafeMode(true)),
  ]),
];

describe.each(changes)("with %s", (_, change) => {
  test.each(Object.entries(operations))("%s is correct or refused", async (__, operation) => {
    const file = temporaryFile();
    const reference = new InMemorySessionDb();
    {
      await using first = new SqliteSessionDb({ file });
      await fill(first);
    }
    await fill(reference);
    const client = new Database(file);
    change(client);
    client.close();
    await using db = new SqliteSessionDb({ file });
    const before = await contentOf(db);
    expect(before).toEqual(await contentOf(reference));
    let error: unknown = null;
    try {
      await operation(db);
      await operation(reference);
    } catch (caught) {
      error = caught;
    }
    expect(await contentOf(db)).toEqual(await contentOf(reference));
    expect(query(file, orphans)).toEqual([]);
    expect(error === null || SessionDbError.isInstance(error)).toBe(true);
    expect(inspect(error, { depth: 10, showHidden: true })).not.toContain(marked);
    expect(JSON.stringify(error)).not.toContain(marked);
    expect(JSON.stringify(error)).not.toContain("INVALID_ARGUMENT");
  });
});
