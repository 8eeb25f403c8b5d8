import { hasManagedSchema } from "@sessiondb/core";
import { PostgresSessionDb } from "@sessiondb/postgres";
import { agentRun, agentSession } from "@sessiondb/testing/models";
import { describe, expect, inject, test } from "vitest";
import { Sandbox } from "./support.ts";

describe.skipIf(inject("postgres") === null)("the caller's transaction", () => {
  const sandbox = new Sandbox("postgres");
  const { url } = sandbox;

  test("commits or rolls back the store's writes with the rest", async () => {
    const schema = sandbox.schema();
    await using db = new PostgresSessionDb({ url, schema });
    await db.upsertSession(agentSession("s"));
    await sandbox.query(`create table ${schema}.own (id int)`);
    const client = await sandbox.connect();
    for (const end of ["rollback", "commit"]) {
      await client.query("begin");
      const within = db.withTransaction(client);
      await client.query(`insert into ${schema}.own values (1)`);
      await within.upsertRun({ session: agentSession("s"), run: agentRun(`r ${end}`) });
      await within.upsertRun({ session: agentSession(`t ${end}`), run: agentRun(`first ${end}`) });
      expect((await within.getSession({ sessionId: "s" }))?.runs).toHaveLength(1);
      await client.query(end);
      await within.close();
    }
    await client.end();
    expect((await db.getRuns()).runs.map(({ runId }) => runId).toSorted()).toEqual(["first commit", "r commit"]);
    expect(await sandbox.query(`select id from ${schema}.own`)).toHaveLength(1);
  });

  test("stays usable after a refusal or a failure", async () => {
    const schema = sandbox.schema();
    await using db = new PostgresSessionDb({ url, schema });
    await db.upsertSession(agentSession("s", { userId: "u" }));
    await sandbox.query(
      `create function ${schema}.fail() returns trigger language plpgsql as $$ begin
         raise exception 'provoked' using errcode = '40001'; end $$`,
      `create trigger fail before delete on ${schema}.agno_sessions for each row execute function ${schema}.fail()`,
    );
    const client = await sandbox.connect();
    await client.query("begin");
    const within = db.withTransaction(client);
    await within.upsertRun({ session: agentSession("s", { userId: "u" }), run: agentRun("before") });
    await expect(
      within.upsertRun({ session: agentSession("s", { userId: "other" }), run: agentRun("never") }),
    ).rejects.toMatchObject({ code: "SESSION_OWNERSHIP" });
    // Only who began a transaction can begin it again, so this is not retried.
    await expect(within.deleteSession({ sessionId: "s" })).rejects.toMatchObject({ code: "DATABASE_BUSY" });
    await expect(hasManagedSchema(within) && within.migrate()).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    await within.upsertRun({ session: agentSession("s", { userId: "u" }), run: agentRun("after") });
    await client.query("commit");
    await client.end();
    expect((await db.getSession({ sessionId: "s" }))?.runs.map(({ runId }) => runId)).toEqual(["before", "after"]);
  });

  test("sees no DDL", async () => {
    await using db = new PostgresSessionDb({ url, schema: sandbox.schema() });
    const client = await sandbox.connect();
    await client.query("begin");
    const within = db.withTransaction(client);
    await expect(within.upsertSession(agentSession("s"))).rejects.toMatchObject({ code: "SCHEMA_MISMATCH" });
    expect((await client.query("select 1 as one")).rows).toEqual([{ one: 1 }]);
    await client.end();
  });
});
