import { MySqlSessionDb } from "@sessiondb/mysql";
import { expect, test } from "vitest";
import { agnoDeleteTests, createAgnoTables, fillAgnoTables } from "@sessiondb/testing/agno-deletes";
import { agentRun, agentSession } from "@sessiondb/testing/models";
import { refusal } from "@sessiondb/testing/refusal";
import { deleteSite, endSets } from "./agno-delete-site.ts";
import { onEachServer, query } from "./support.ts";

// Agno makes these tables on SQLite and Postgres alone so far. A release that makes them here is served by the same list.

onEachServer((server) => {
  const fresh = () => deleteSite(server);

  // What MariaDB does alike is in agno-deletes.more.test.ts.
  if (server.name === "mysql") {
    agnoDeleteTests(fresh, endSets);
  }

  test("a delete that lacks a grant names the table, and deletes nothing", async () => {
    const site = await fresh();
    await using owner = site.open();
    await owner.upsertSession(agentSession("a"));
    await createAgnoTables(site, ["agno_compactions"]);
    await fillAgnoTables(site, ["agno_compactions"], "a");
    const database = new URL(site.url).pathname.slice(1);
    await query(site.url, `create user ${database}@'%' identified by 'secret'`);
    for (const table of ["agno_sessions", "agno_runs", "agno_schema_versions"]) {
      await query(site.url, `grant select, insert, update, delete on ${database}.${table} to ${database}@'%'`);
    }
    await query(site.url, `grant select on ${database}.agno_compactions to ${database}@'%'`);
    const url = Object.assign(new URL(site.url), { username: database, password: "secret" }).href;
    await using db = new MySqlSessionDb({ url });
    const error = await refusal(db.deleteSession({ sessionId: "a" }), "PERMISSION_DENIED");
    expect(error.message).toContain("agno_compactions");
    expect(await db.getSession({ sessionId: "a" })).not.toBeNull();
    await query(site.url, `grant delete on ${database}.agno_compactions to ${database}@'%'`);
    expect(await db.deleteSession({ sessionId: "a" })).toBe(true);
    expect(await site.query("select * from agno_compactions")).toEqual([]);
    await query(site.url, `drop user ${database}@'%'`);
  });

  test("rows that another table references are in use", async () => {
    const site = await fresh();
    await using db = site.open();
    await db.upsertRun({ session: agentSession("a"), run: agentRun("r1") });
    await db.upsertRun({ session: agentSession("a"), run: agentRun("r2") });
    await site.query(
      "create table holds (run_id varchar(128) not null, foreign key (run_id) references agno_runs (run_id)) character set utf8mb4 collate " +
        (server.name === "mariadb" ? "utf8mb4_nopad_bin" : "utf8mb4_0900_bin"),
    );
    await site.query("insert into holds values ('r2')");
    for (const call of [
      () => db.deleteRuns({ runIds: ["r1", "r2"] }),
      () => db.updateRun({ runId: "r2" }, () => null),
      () => db.upsertRun({ session: agentSession("a"), run: agentRun("r3"), deleteRunsAfter: "r1" }),
      () => db.deleteSession({ sessionId: "a" }),
    ]) {
      expect(await refusal(call(), "IN_USE")).toMatchObject({ name: "InUseError", table: "holds" });
      expect((await db.getRuns({ sessionId: "a" })).runs).toHaveLength(2);
    }
    await site.query("delete from holds");
    expect(await db.deleteSession({ sessionId: "a" })).toBe(true);
  });

  test("runs with a foreign key without ON DELETE are deleted before their session", async () => {
    const site = await fresh();
    await using db = site.open();
    await db.upsertRun({ session: agentSession("a"), run: agentRun("r1") });
    const [constraint] = (await site.query(
      "select constraint_name as name from information_schema.referential_constraints where constraint_schema = database()",
    )) as { name: string }[];
    await site.query(`alter table agno_runs drop foreign key \`${constraint?.name ?? ""}\``);
    await site.query("alter table agno_runs add foreign key (session_id) references agno_sessions (session_id)");
    expect(await db.deleteSession({ sessionId: "a" })).toBe(true);
    expect((await db.getRuns()).runs).toEqual([]);
  });
});
