import { randomBytes } from "node:crypto";
import { PostgresSessionDb } from "@sessiondb/postgres";
import pg from "pg";

const role = "sessiondb_example_app";

/**
 * What a deploy does, as the owner of the database: the tables of each agent in a schema of its own, and a role that may
 * use their rows. Gives the URL for the service.
 */
export async function deploy(ownerUrl: string, schemas: readonly string[]): Promise<string> {
  for (const schema of schemas) {
    await using db = new PostgresSessionDb({ url: ownerUrl, schema });
    const statements = await db.planMigration();
    await db.migrate();
    console.log(`deploy: ${schema} needed ${statements.length} statements`);
  }
  const owner = new pg.Client({ connectionString: ownerUrl });
  await owner.connect();
  try {
    const password = randomBytes(12).toString("hex");
    const { rowCount } = await owner.query("select 1 from pg_roles where rolname = $1", [role]);
    await owner.query(`${rowCount === 0 ? "create" : "alter"} role ${role} login password '${password}'`);
    for (const schema of schemas) {
      const tables = ["agno_sessions", "agno_runs", "agno_schema_versions"].map((table) => `${schema}.${table}`);
      await owner.query(`grant usage on schema ${schema} to ${role}`);
      await owner.query(`grant select, insert, update, delete on ${tables.join(", ")} to ${role}`);
    }
    // A table of the service itself, for a transaction that spans both.
    await owner.query("create table if not exists example_support.tickets (session_id text primary key, turns int)");
    await owner.query(`grant select, insert, update on example_support.tickets to ${role}`);
    return Object.assign(new URL(ownerUrl), { username: role, password }).href;
  } finally {
    await owner.end();
  }
}
