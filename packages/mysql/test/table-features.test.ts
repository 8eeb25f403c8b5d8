import { MySqlSessionDb } from "@sessiondb/mysql";
import { agentRun, agentSession } from "@sessiondb/testing/models";
import { refusal } from "@sessiondb/testing/refusal";
import { expect, test } from "vitest";
import { agno3Tables } from "./agno-tables.ts";
import { freshDatabase, onEachServer, query, withConnection } from "./support.ts";

/** A turn, changes of it, lists and deletes, on tables that must behave as those of the store's own. */
async function exercise(db: MySqlSessionDb): Promise<void> {
  for (const id of ["a", "b", "c"]) {
    await db.upsertRun({ session: agentSession("s", { userId: "ada" }), run: agentRun(id) });
  }
  await db.upsertRun({ session: agentSession("s", { userId: "ada" }), run: agentRun("b", { content: "Again" }) });
  await db.upsertSession(agentSession("t", { metadata: { a: 1 } }));
  await refusal(db.upsertRun({ session: agentSession("t"), run: agentRun("a") }), "RUN_CONFLICT");
  await db.updateSession({ sessionId: "s" }, { sessionState: { a: 1 } });
  expect(await db.updateRun({ runId: "c" }, (stored) => ({ ...stored, content: "Changed" }))).not.toBeNull();
  expect((await db.getSession({ sessionId: "s" }))?.runs.map(({ content }) => content)).toEqual([
    "Answer of a",
    "Again",
    "Changed",
  ]);
  expect(await db.deleteRuns({ runIds: ["a"] })).toBe(1);
  expect((await db.getSessions({ userId: "ada", includeRunCount: true })).sessions[0]?.runCount).toBe(2);
  expect(await db.deleteSession({ sessionId: "s" })).toBe(true);
  expect((await db.getRuns()).runs).toEqual([]);
}

interface Feature {
  readonly ddl: string;
  readonly only?: "mysql" | "mariadb";
}

const withoutForeignKey = agno3Tables.replace(/,\s*foreign key [^;]*cascade\)/, ")");

/** On these the store does as on its own tables. */
const harmless: Readonly<Record<string, Feature>> = {
  "no foreign key": { ddl: withoutForeignKey },
  "rows of runs without a session": {
    ddl: `${withoutForeignKey}; insert into agno_runs (run_id, session_id, run_type, run_data, created_at) values ('x', 'gone', 'agent', '{}', 1); delete from agno_runs`,
  },
  "views that can be written": {
    ddl: `${withoutForeignKey.replaceAll(/table agno_(sessions|runs)/g, "table base_$1").replaceAll(/on agno_(sessions|runs)/g, "on base_$1")}; create view agno_sessions as select * from base_sessions; create view agno_runs as select * from base_runs`,
  },
  partitions: { ddl: `${withoutForeignKey}; alter table agno_runs partition by key (run_id) partitions 4` },
  "an extra column with a default": {
    ddl: `${agno3Tables}; alter table agno_runs add column more int not null default 1`,
  },
  "an invisible column": { ddl: `${agno3Tables}; alter table agno_runs add column more int invisible default 1` },
  "a generated column": {
    ddl: `${agno3Tables}; alter table agno_runs add column more int as (length(run_id)) virtual`,
  },
  "system versioning": {
    ddl: `${withoutForeignKey}; alter table agno_runs add system versioning; alter table agno_sessions add system versioning`,
    only: "mariadb",
  },
  "a trigger that writes elsewhere": {
    ddl: `${agno3Tables}; create table log (id int auto_increment primary key, what text); create trigger t after insert on agno_runs for each row insert into log (what) values (new.run_id); create trigger u after update on agno_sessions for each row insert into log (what) values (new.session_id)`,
  },
};

/** On these a turn is refused, by an error that names what is wrong, and nothing is written. */
const refused: Readonly<Record<string, Feature & { readonly code: string; readonly named: string }>> = {
  "a sessions table without transactions": {
    ddl: withoutForeignKey.replace("primary key (session_id))", "primary key (session_id)) engine = MyISAM"),
    code: "SCHEMA_MISMATCH",
    named: "agno_sessions: wanted an engine with transactions, such as InnoDB, found MyISAM",
  },
  "a runs table without transactions": {
    ddl: withoutForeignKey.replace("primary key (run_id))", "primary key (run_id)) engine = MyISAM"),
    code: "SCHEMA_MISMATCH",
    named: "agno_runs: wanted an engine with transactions",
  },
  "a column without default": {
    ddl: `${agno3Tables}; alter table agno_runs add column mandatory int not null`,
    code: "DATABASE_ERROR",
    named: "mandatory",
  },
  "a session column without default": {
    ddl: `${agno3Tables}; alter table agno_sessions add column mandatory int not null`,
    code: "DATABASE_ERROR",
    named: "mandatory",
  },
  "a trigger that refuses": {
    ddl: `${agno3Tables}; create trigger t before insert on agno_runs for each row signal sqlstate '45000' set message_text = 'no'`,
    code: "DATABASE_ERROR",
    named: "A trigger refused the statement",
  },
  "a CHECK": {
    ddl: `${agno3Tables}; alter table agno_runs add constraint never check (status = 'x')`,
    code: "DATABASE_ERROR",
    named: "A CHECK constraint of the table refused the row",
  },
  "a view that cannot be written": {
    ddl: `${withoutForeignKey.replaceAll(/table agno_runs/g, "table base_runs").replaceAll(/on agno_runs/g, "on base_runs")}; create view agno_runs as select distinct * from base_runs`,
    code: "DATABASE_ERROR",
    named: "The table is a view that cannot be written",
  },
  "a generated column in place of a written one": {
    ddl: `${agno3Tables}; alter table agno_runs drop index idx_agno_runs_status, drop column status; alter table agno_runs add column status varchar(50) as (run_type) virtual`,
    code: "DATABASE_ERROR",
    named: "A column that the store writes is a generated column",
  },
  "an ENUM without the word": {
    ddl: `${agno3Tables}; alter table agno_runs modify status enum('PAUSED')`,
    code: "INVALID_ARGUMENT",
    named: "status",
  },
  "a number in place of text": {
    ddl: `${agno3Tables}; alter table agno_runs modify status bigint`,
    code: "SCHEMA_MISMATCH",
    named: "agno_runs.status: wanted varchar(50), found bigint",
  },
  "text in place of a time": {
    ddl: `${agno3Tables}; alter table agno_sessions modify created_at varchar(20) not null`,
    code: "SCHEMA_MISMATCH",
    named: "agno_sessions.created_at: wanted bigint, found varchar",
  },
  "text in place of a run's place": {
    ddl: `${agno3Tables}; alter table agno_runs modify run_index varchar(20)`,
    code: "SCHEMA_MISMATCH",
    named: "agno_runs.run_index: wanted bigint, found varchar",
  },
};

onEachServer((server) => {
  test("tables may be in a database other than the connection's, which is created", async () => {
    const here = await freshDatabase(server.url);
    const there = `${new URL(here).pathname.slice(1)}_there`;
    await using db = new MySqlSessionDb({ url: here, database: there });
    expect((await db.planMigration())[0]).toContain("CREATE DATABASE");
    await db.upsertRun({ session: agentSession("s"), run: agentRun("a") });
    await db.upsertRun({ session: agentSession("s"), run: agentRun("b"), change: { sessionName: "Trip" } });
    expect((await db.getSessions({ sessionName: "trip", sortBy: "updatedAt" })).sessions).toHaveLength(1);
    expect(await db.deleteRuns({ runIds: ["a"] })).toBe(1);
    expect((await db.getSession({ sessionId: "s", runsLimit: 5 }))?.runs).toHaveLength(1);
    expect(await db.verifySchema()).toEqual([]);
    expect(await db.planMigration()).toEqual([]);
    expect(await query(here, "show tables")).toEqual([]);
    await query(here, `drop database ${there}`);
  });

  const opened = async (ddl: string): Promise<string> => {
    const url = await freshDatabase(server.url);
    await withConnection(url, (connection) => connection.query(ddl));
    return url;
  };

  for (const [name, { ddl, only = server.name }] of Object.entries(harmless)) {
    test.skipIf(only !== server.name)(`tables with ${name} work like any others`, async () => {
      await using db = new MySqlSessionDb({ url: await opened(ddl) });
      await exercise(db);
    });
  }

  for (const [name, { ddl, code, named }] of Object.entries(refused)) {
    test(`${name}: a turn is refused with the reason, and nothing is written`, async () => {
      const url = await opened(ddl);
      await using db = new MySqlSessionDb({ url });
      for (const write of [
        () => db.upsertRun({ session: agentSession("s"), run: agentRun("a") }),
        () => db.upsertSession(agentSession("s", { runs: [agentRun("a")] } as object)),
      ]) {
        const outcome: unknown = await write().catch((error: unknown) => error);
        expect(outcome).toMatchObject({ code, message: expect.stringContaining(named) as string });
      }
      expect(await query(url, "select session_id from agno_sessions union all select run_id from agno_runs")).toEqual(
        [],
      );
    });
  }

  test("verifySchema also names a table without transactions", async () => {
    await using db = new MySqlSessionDb({ url: await opened(refused["a runs table without transactions"]?.ddl ?? "") });
    expect(await db.verifySchema()).toMatchObject([{ table: "agno_runs", column: null, found: "MyISAM" }]);
  });
});
