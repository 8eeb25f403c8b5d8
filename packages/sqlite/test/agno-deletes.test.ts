import { SqliteSessionDb } from "@sessiondb/sqlite";
import Database from "better-sqlite3";
import { describe, expect, test } from "vitest";
import {
  agnoDeleteTests,
  agnoTableSets,
  createAgnoTables,
  fillAgnoTables,
  type DeleteSite,
} from "@sessiondb/testing/agno-deletes";
import { agentRun, agentSession } from "@sessiondb/testing/models";
import { refusal } from "@sessiondb/testing/refusal";
import { plansOf } from "./plans.ts";

/** A database in memory, with its tests on one connection of their own. */
function site(): DeleteSite & { readonly client: Database.Database } {
  const client = new Database(":memory:");
  return {
    client,
    open: () => new SqliteSessionDb({ client }),
    query: async (sql) => {
      const statement = client.prepare<[], Record<string, unknown>>(sql);
      return statement.reader ? statement.all() : (statement.run(), []);
    },
    tableName: (table) => table,
    inTransaction: async (db, work) => {
      client.exec("begin immediate");
      const within = (db as SqliteSessionDb).withTransaction(client);
      const result = await work(within);
      client.exec("commit");
      return result;
    },
  };
}

describe("deletes next to Agno's tables", () => {
  agnoDeleteTests(async () => site(), [...agnoTableSets.usual, ...agnoTableSets.further]);

  test("clear Agno's tables whatever the names of the store's own", async () => {
    const here = site();
    await using db = new SqliteSessionDb({ client: here.client, sessionTable: "chats" });
    await createAgnoTables(here, ["agno_compactions"]);
    await db.upsertSession(agentSession("a"));
    await fillAgnoTables(here, ["agno_compactions"], "a");
    expect(await db.deleteSession({ sessionId: "a" })).toBe(true);
    expect(await here.query("select * from agno_compactions")).toEqual([]);
  });

  test("that one of Agno's tables refuses delete nothing, and name the table", async () => {
    const here = site();
    await using db = here.open();
    await createAgnoTables(here, ["agno_compactions"]);
    await db.upsertSession(agentSession("a", { runs: [agentRun("r")] }));
    await fillAgnoTables(here, ["agno_compactions"], "a");
    here.client.exec("create trigger no before delete on agno_compactions begin select raise(abort, 'said'); end");
    const error = await refusal(db.deleteSession({ sessionId: "a" }), "DATABASE_ERROR");
    expect(error.message).toContain("agno_compactions");
    expect(error.message).not.toContain("said");
    expect((await db.getSession({ sessionId: "a" }))?.runs).toHaveLength(1);
    expect(await here.query("select * from agno_compactions")).toHaveLength(2);
  });

  test("find their rows by an index", async () => {
    const here = site();
    await using db = here.open();
    await db.upsertSession(agentSession("a"));
    await createAgnoTables(here, [
      "agno_tool_results",
      "agno_fs",
      "agno_transcripts",
      "agno_compactions",
      "agno_learnings",
    ]);
    here.client.exec(`create index results on agno_tool_results (session_id, result_id);
      create index transcripts on agno_transcripts (agno_session_id); create index compactions on agno_compactions (session_id);
      create index learnings on agno_learnings (session_id)`);
    const plans = await plansOf(here.client, (store) => store.deleteSession({ sessionId: "a" }));
    const ofAgno = plans.filter(({ text }) => text.includes("delete from main."));
    expect(ofAgno).toHaveLength(5);
    expect(ofAgno.flatMap(({ steps }) => steps).filter((step) => step.startsWith("SCAN"))).toEqual([]);
  });

  test("delete runs first if the foreign key has no ON DELETE", async () => {
    const here = site();
    await using made = here.open();
    await made.migrate();
    const [table] = (await here.query("select sql from sqlite_master where name = 'agno_runs'")) as { sql: string }[];
    here.client.exec(`drop table agno_runs; ${table?.sql.replace(/ ON DELETE CASCADE/i, "") ?? ""}`);
    await using db = here.open();
    await db.upsertSession(agentSession("a", { runs: [agentRun("r")] }));
    expect(await db.deleteSession({ sessionId: "a" })).toBe(true);
    expect((await db.getRuns()).runs).toEqual([]);
  });

  test("of rows that another table references are refused as in use", async () => {
    const here = site();
    await using db = here.open();
    await db.upsertSession(agentSession("a", { runs: [agentRun("r1"), agentRun("r2")] }));
    here.client.exec("create table holds (run_id text references agno_runs (run_id)); insert into holds values ('r2')");
    const session = agentSession("a");
    for (const call of [
      () => db.deleteRuns({ runIds: ["r1", "r2"] }),
      () => db.updateRun({ runId: "r2" }, () => null),
      () => db.upsertRun({ session, run: agentRun("r3"), deleteRunsAfter: "r1" }),
      () => db.deleteSession({ sessionId: "a" }),
    ]) {
      expect(await refusal(call(), "IN_USE")).toMatchObject({ name: "InUseError", table: null });
      expect((await db.getRuns()).runs).toHaveLength(2);
    }
    here.client.exec("delete from holds");
    expect(await db.deleteSession({ sessionId: "a" })).toBe(true);
  });
});
