import { randomBytes } from "node:crypto";
import type { ManagedSchema, SessionDb } from "@sessiondb/core";
import { MySqlSessionDb } from "@sessiondb/mysql";
import { PostgresSessionDb } from "@sessiondb/postgres";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createAgnoTables, fillAgnoTables, type AgnoSite } from "@sessiondb/testing/agno-deletes";
import { databases, execute } from "./databases.ts";
import { fences } from "./documents.ts";

// The SQL of the documents about servers: a role that has what it grants, and no more, does everything but create.

const password = "a long secret";
const roles: [url: string, role: string, drop: string[]][] = [];

beforeAll(() => databases.create());
afterAll(async () => {
  for (const [url, , drop] of roles) {
    await execute(url, drop);
  }
  await databases.drop();
});

/** Runs a document's SQL for a role of its own, on a database of its own. Resolves with the URL for the role. */
async function granted(document: string, url: string): Promise<string> {
  const role = `app_${randomBytes(4).toString("hex")}`;
  const isPostgres = url.startsWith("postgres");
  const database = new URL(url).pathname.slice(1);
  roles.push([url, role, isPostgres ? [`drop owned by ${role}`, `drop role ${role}`] : [`drop user ${role}`]]);
  const statements = fences
    .filter((fence) => fence.document === document && fence.language === "sql")
    .flatMap(({ text }) => text.split(";"))
    .map((statement) => statement.replaceAll("agents_app", role))
    // On Postgres `agents` is a schema of the database.
    .map((statement) => (isPostgres ? statement : statement.replaceAll(/\bagents\./g, `${database}.`)))
    .filter((statement) => statement.trim() !== "");
  expect(statements.length).toBeGreaterThan(0);
  await execute(url, statements);
  return Object.assign(new URL(url), { username: role, password }).href;
}

async function doesEverythingButCreate(db: SessionDb & ManagedSchema, other: SessionDb): Promise<void> {
  const session = { sessionType: "agent", sessionId: "s", agentId: "a", userId: "u" } as const;
  const run = (runId: string) => ({ runType: "agent", runId, agentId: "a" }) as const;
  await db.upsertRun({ session, run: run("r1") });
  await db.upsertRun({ session, run: run("r2"), change: { sessionState: { step: 1 } } });
  await db.upsertSessions([{ ...session, sessionId: "t", runs: [run("r3")] }]);
  await db.renameSession({ sessionId: "s", userId: "u", sessionName: "Name" });
  expect((await db.getSession({ sessionId: "s", runsLimit: 1 }))?.runs).toHaveLength(1);
  expect((await db.getSessions({ sessionName: "NAME", includeRuns: true, includeTotal: true })).total).toBe(1);
  expect((await db.getRuns({ participantId: "u" })).runs).toHaveLength(3);
  const change = await db.updateRun({ runId: "r2" }, (stored) => ({ ...stored, status: "PAUSED" }));
  expect(change?.status).toBe("PAUSED");
  expect((await db.getSessions({ runStatus: "PAUSED", includeRunCount: true })).sessions[0]?.runCount).toBe(2);
  expect((await db.upsertRun({ session, run: run("r4"), onlyIfNewest: "r2", deleteRunsAfter: "r2" })).stored).toBe(
    true,
  );
  expect(await db.deleteRuns({ runIds: ["r1"] })).toBe(1);
  expect(await db.deleteSession({ sessionId: "t" })).toBe(true);
  expect(await db.verifySchema()).toEqual([]);
  await db.migrate();
  await db.migrateLegacyRuns();
  await expect(other.upsertRun({ session, run: run("r") })).rejects.toMatchObject({ code: "PERMISSION_DENIED" });
}

const { POSTGRES_URL: postgres, MYSQL_URL: mysql, MARIADB_URL: mariadb } = databases.urls;

test.skipIf(postgres === undefined)("the grants in docs/postgres.md are sufficient", { timeout: 60_000 }, async () => {
  await using owner = new PostgresSessionDb({ url: postgres ?? "", schema: "agents" });
  await owner.migrate();
  await execute(postgres ?? "", ["create schema fs"]);
  const beside: AgnoSite = {
    query: async (statement) => (await execute(postgres ?? "", [statement]), []),
    tableName: (table) => `${table === "agno_fs" ? "fs" : "agents"}.${table}`,
  };
  const tables = ["agno_compactions", "agno_transcripts", "agno_tool_results", "agno_fs", "agno_learnings"] as const;
  await createAgnoTables(beside, tables);
  await fillAgnoTables(beside, tables, "t");
  const url = await granted("docs/postgres.md", postgres ?? "");
  await using db = new PostgresSessionDb({ url, schema: "agents" });
  await using other = new PostgresSessionDb({ url, schema: "agents", sessionTable: "others" });
  await doesEverythingButCreate(db, other);
});

test.for([["MySQL", mysql] as const, ["MariaDB", mariadb] as const].filter(([, url]) => url !== undefined))(
  "the grants in docs/mysql.md are sufficient on %s",
  { timeout: 60_000 },
  async ([, ownerUrl = ""]) => {
    await using owner = new MySqlSessionDb({ url: ownerUrl });
    await owner.migrate();
    const url = await granted("docs/mysql.md", ownerUrl);
    await using db = new MySqlSessionDb({ url });
    await using other = new MySqlSessionDb({ url, sessionTable: "others" });
    await doesEverythingButCreate(db, other);
  },
);
