import { readFileSync } from "node:fs";
import type { JsonObject } from "@sessiondb/core";
import { describe, expect, inject, test } from "vitest";
import { PostgresSessionDb } from "@sessiondb/postgres";
import { agno2Table, agno3Tables } from "./agno-tables.ts";
import { Sandbox } from "./support.ts";

// Sessions that the real framework made, as rows the way it writes them on Postgres: one JSON document per column, JSON
// null for what a session of the type has not, and a row for each run, or in version 2 one list.

type Sample = JsonObject & { session_id: string; runs: JsonObject[] | null };

const recorded = new URL("../../core/test/fixtures/", import.meta.url);
const sample = (name: string): Sample => JSON.parse(readFileSync(new URL(`${name}.json`, recorded), "utf8")) as Sample;

const documents = ["session_data", "agent_data", "team_data", "workflow_data", "metadata", "summary"];
const plainColumns = [
  "session_id",
  "session_type",
  "agent_id",
  "team_id",
  "workflow_id",
  "user_id",
  "created_at",
  "updated_at",
];

describe.skipIf(inject("postgres") === null)("sessions of Agno", () => {
  const sandbox = new Sandbox("postgres");

  async function insert(schema: string, session: Sample, { runsInRows }: { runsInRows: boolean }): Promise<void> {
    const client = await sandbox.connect();
    const names = [...plainColumns, ...documents, ...(runsInRows ? [] : ["runs"])];
    const values = names.map((name) =>
      plainColumns.includes(name) ? (session[name] ?? null) : JSON.stringify(session[name] ?? null),
    );
    const places = names.map((_, index) => `$${index + 1}`).join(", ");
    await client.query(`insert into ${schema}.agno_sessions (${names.join(", ")}) values (${places})`, values);
    for (const [index, run] of runsInRows ? (session.runs ?? []).entries() : []) {
      await client.query(
        `insert into ${schema}.agno_runs (run_id, session_id, run_type, agent_id, team_id, workflow_id, user_id, parent_run_id,
           status, run_index, run_data, created_at, updated_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12)`,
        [
          run["run_id"],
          session.session_id,
          typeOf(run),
          run["agent_id"],
          run["team_id"],
          run["workflow_id"],
          session["user_id"],
          run["parent_run_id"],
          run["status"],
          index,
          JSON.stringify(run),
          run["created_at"],
        ],
      );
    }
    await client.end();
  }

  const stored = (schema: string) =>
    sandbox.query(`select s.session_id, ${documents.map((name) => `nullif(s.${name}, 'null') as ${name}`).join(", ")},
      (select json_agg(r.run_data order by r.run_index) from ${schema}.agno_runs r where r.session_id = s.session_id) as runs
      from ${schema}.agno_sessions s`);

  test.each(["agno-3/agent-session"])("%s is read, and written back without loss", async (name) => {
    const schema = sandbox.schema();
    await sandbox.query(...agno3Tables(schema));
    const session = sample(name);
    await insert(schema, session, { runsInRows: true });
    const before = await stored(schema);
    await using db = new PostgresSessionDb({ url: sandbox.url, schema });
    const read = await db.getSession({ sessionId: session.session_id });
    expect(read?.runs.map(({ runId }) => runId)).toEqual(session.runs?.map((run) => run["run_id"]));
    if (read === null) {
      throw new Error("the session is not read");
    }
    await db.upsertSession(read);
    expect(await stored(schema)).toEqual(before);
  });

  test.each(["agno-2/agent-session", "agno-2/team-session", "agno-2/workflow-session"])(
    "%s is read, and its runs are copied without loss",
    async (name) => {
      const schema = sandbox.schema();
      await sandbox.query(...agno2Table(schema));
      const session = sample(name);
      await insert(schema, session, { runsInRows: false });
      await using db = new PostgresSessionDb({ url: sandbox.url, schema });
      const read = await db.getSession({ sessionId: session.session_id });
      expect(read?.runs.map(({ runId }) => runId)).toEqual(session.runs?.map((run) => run["run_id"]));
      await db.migrateLegacyRuns();
      expect(await db.getSession({ sessionId: session.session_id })).toEqual(read);
      const [row] = await stored(schema);
      expect(row?.["runs"]).toMatchObject(session.runs ?? []);
    },
  );
});

function typeOf(run: JsonObject): string {
  return run["agent_id"] ? "agent" : run["team_id"] ? "team" : "workflow";
}
