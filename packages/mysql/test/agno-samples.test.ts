import { readFileSync } from "node:fs";
import type { JsonObject, JsonValue } from "@sessiondb/core";
import { MySqlSessionDb } from "@sessiondb/mysql";
import { agentRun, agentSession } from "@sessiondb/testing/models";
import { expect, test } from "vitest";
import { agno2Sessions } from "./agno-2-rows.ts";
import { agno3Tables } from "./agno-tables.ts";
import { freshDatabase, onEachServer, query, withConnection, type TestedServer } from "./support.ts";

/** What the real framework's `get_session` gave on each server: the rows as they are stored. */
interface Recorded {
  readonly raw: JsonObject & { session_id: string; user_id: string | null; runs: JsonObject[] | null };
  readonly run_rows?: readonly JsonObject[];
}

function recorded(version: 2 | 3, { name }: TestedServer): Recorded[] {
  const file = new URL(`fixtures/agno-${version}-${name}.json`, import.meta.url);
  return (JSON.parse(readFileSync(file, "utf8")) as { result: { sessions: Recorded[] } }).result.sessions;
}

const documents = /_data$|^metadata$|^summary$|^runs$/;

/** A row as Agno binds it: None in a JSON column becomes JSON's null. */
function bound(row: Readonly<Record<string, JsonValue>>): [names: string[], values: unknown[]] {
  const values = Object.entries(row).map(([name, value]) => (documents.test(name) ? JSON.stringify(value) : value));
  return [Object.keys(row), values];
}

async function asWritten(version: 2 | 3, server: TestedServer): Promise<string> {
  const url = await freshDatabase(server.url);
  await withConnection(url, async (connection) => {
    await connection.query(version === 2 ? agno2Sessions : agno3Tables);
    const insert = async (table: string, row: Readonly<Record<string, JsonValue>>): Promise<void> => {
      const [names, values] = bound(row);
      await connection.query(`insert into ${table} (${names.join()}) values (${names.map(() => "?").join()})`, values);
    };
    for (const { raw, run_rows: rows = [] } of recorded(version, server)) {
      const { runs, ...row } = raw;
      await insert("agno_sessions", version === 2 ? { ...row, runs } : row);
      for (const runRow of rows) {
        await insert("agno_runs", runRow);
      }
    }
  });
  return url;
}

/** What reading adds: session data is never null, and a run belongs to its session and to somebody. */
function asRead({ raw }: Recorded): JsonObject {
  return {
    ...raw,
    session_data: raw["session_data"] ?? {},
    runs: (raw.runs ?? []).map((each) => {
      const userId = each["user_id"] ?? raw.user_id;
      return { ...each, session_id: raw.session_id, ...(userId !== null && { user_id: userId }) };
    }),
  };
}

onEachServer((server) => {
  test.each([2, 3] as const)("every field of rows that Agno %i wrote is read", async (version) => {
    await using db = new MySqlSessionDb({ url: await asWritten(version, server) });
    for (const expected of recorded(version, server)) {
      const sessionId = expected.raw.session_id;
      const read = await db.getSession({ sessionId });
      expect(read?.toJSON()).toEqual(asRead(expected));
      const { runs } = await db.getRuns({ sessionId, limit: 100 });
      expect(runs).toEqual(read?.runs);
    }
    expect((await db.getSessions({ limit: 100 })).sessions).toHaveLength(recorded(version, server).length);
  });

  test("rows that Agno 3 wrote are written back without loss", async () => {
    const url = await asWritten(3, server);
    await using db = new MySqlSessionDb({ url });
    for (const expected of recorded(3, server)) {
      const read = await db.getSession({ sessionId: expected.raw.session_id });
      if (read === null) {
        throw new TypeError("The session is there");
      }
      await db.upsertSession(read);
      const header = await db.getSession({ sessionId: read.sessionId, includeRuns: false });
      for (const each of read.runs) {
        await db.upsertRun({ session: header ?? agentSession(read.sessionId), run: each });
      }
      const again = await db.getSession({ sessionId: read.sessionId });
      expect({ ...again?.toJSON(), updated_at: 0 }).toEqual({ ...asRead(expected), updated_at: 0 });
    }
    const columns =
      "run_id, session_id, run_type, agent_id, team_id, workflow_id, user_id, parent_run_id, status, run_index, created_at";
    const rows = await query<JsonObject>(url, `select ${columns} from agno_runs order by run_id`);
    const expectedRows = recorded(3, server).flatMap(({ run_rows: each = [] }) => each);
    expect(rows).toEqual(
      expectedRows
        .map((row) => Object.fromEntries(columns.split(", ").map((name) => [name, row[name]])))
        .toSorted((a, b) => (JSON.stringify(a["run_id"]) < JSON.stringify(b["run_id"]) ? -1 : 1)),
    );
  });

  test("tables that Agno 3 made are valid, and lack only indexes", async () => {
    const url = await asWritten(3, server);
    await using db = new MySqlSessionDb({ url });
    expect(await db.verifySchema()).toEqual([]);
    await db.upsertRun({ session: agentSession("mine"), run: agentRun("mine") });
    const planned = await db.planMigration();
    expect(planned.every((statement) => statement.startsWith("CREATE INDEX"))).toBe(true);
    await db.migrate();
    expect(await db.planMigration()).toEqual([]);
  });

  test("next to a sessions table that Agno 2 made, the runs table compares ids in the same way", async () => {
    const url = await asWritten(2, server);
    await using db = new MySqlSessionDb({ url });
    await db.upsertRun({ session: agentSession("mine"), run: agentRun("mine") });
    const collations = await query<{ collation: string }>(
      url,
      "select distinct collation_name as collation from information_schema.columns where table_schema = database() and column_name = 'session_id'",
    );
    expect(collations).toHaveLength(1);
    await db.migrateLegacyRuns();
    expect((await db.getRuns({ sessionId: "agent-sess-1" })).runs).toHaveLength(4);
  });

  test("our tables have the same columns as Agno 3's", async () => {
    const described = async (url: string): Promise<unknown> =>
      query(
        url,
        `select table_name, column_name, data_type, character_maximum_length as length, is_nullable, column_key = 'PRI' as is_key
         from information_schema.columns where table_schema = database() order by table_name, ordinal_position`,
      );
    const theirs = await asWritten(3, server);
    const url = await freshDatabase(server.url);
    await using db = new MySqlSessionDb({ url, indexes: "agno" });
    await db.migrate();
    expect(await described(url)).toEqual(await described(theirs));
    const keys =
      "select delete_rule, referenced_table_name from information_schema.referential_constraints where constraint_schema = database()";
    expect(await query(url, keys)).toEqual(await query(theirs, keys));
    const names =
      "select distinct index_name as name from information_schema.statistics where table_schema = database()";
    const mine = (await query<{ name: string }>(url, names)).map(({ name }) => name);
    const agnos = (await query<{ name: string }>(theirs, names)).map(({ name }) => name);
    expect(agnos.filter((name) => !mine.includes(name))).toEqual([]);
    expect(await query(url, "select table_name, version from agno_schema_versions order by table_name")).toEqual([
      { table_name: "agno_runs", version: "3.0.0" },
      { table_name: "agno_sessions", version: "3.0.0" },
    ]);
  });

  test("ids are compared byte for byte in our tables", async () => {
    await using db = new MySqlSessionDb({ url: await freshDatabase(server.url) });
    const ids = ["thread", "Thread", "THREAD", "thread ", "thréad", "thre\u0301ad", "ﬀ", "ff", "😀", "😁"];
    for (const id of ids) {
      await db.upsertRun({ session: agentSession(id, { userId: id }), run: agentRun(id) });
    }
    for (const id of ids) {
      expect((await db.getSession({ sessionId: id, userId: id }))?.runs.map(({ runId }) => runId)).toEqual([id]);
      expect((await db.getSessions({ userId: id })).sessions.map(({ sessionId }) => sessionId)).toEqual([id]);
    }
  });
});
