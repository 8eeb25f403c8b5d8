import { PostgresSessionDb } from "@sessiondb/postgres";
import pg from "pg";

const session = { sessionType: "agent", sessionId: "chat-1", userId: "ada" } as const;

/** The service: one pool for all agents, one store for each. It issues no DDL, for its role has no right to. */
export async function serve(appUrl: string): Promise<void> {
  const pool = new pg.Pool({ connectionString: appUrl, max: 5 });
  try {
    const stores = {
      support: new PostgresSessionDb({ pool, schema: "example_support", autoMigrate: false }),
      research: new PostgresSessionDb({ pool, schema: "example_research", autoMigrate: false }),
    };
    for (const [agentId, db] of Object.entries(stores)) {
      await db.upsertRun({ session: { ...session, agentId }, run: turn(agentId) });
      const history = await db.forUser("ada").getSession({ sessionId: "chat-1", runsLimit: 10 });
      console.log(`${agentId}: ${history?.runs.length} runs in ${history?.sessionId}`);
    }
    await turnWithTicket(pool, stores.support);
    await refusedDdl(pool);
  } finally {
    // The stores opened nothing: the pool is yours to close.
    await pool.end();
  }
}

/** A turn, and a row of the service's own, both or neither. */
async function turnWithTicket(pool: pg.Pool, db: PostgresSessionDb): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query("begin");
    await db.withTransaction(client).upsertRun({ session: { ...session, agentId: "support" }, run: turn("support") });
    const { rows } = await client.query<{ turns: number }>(
      `insert into example_support.tickets values ($1, 1)
       on conflict (session_id) do update set turns = example_support.tickets.turns + 1 returning turns`,
      [session.sessionId],
    );
    await client.query("commit");
    console.log(`support: ticket ${session.sessionId} has ${rows[0]?.turns} turns`);
  } catch (error) {
    await client.query("rollback");
    throw error;
  } finally {
    client.release();
  }
}

async function refusedDdl(pool: pg.Pool): Promise<void> {
  try {
    await pool.query("drop table example_support.agno_runs");
  } catch (error) {
    console.log(`app role: ${error instanceof Error ? error.message : "refused"}`);
  }
}

function turn(agentId: string) {
  const messages = [
    { role: "user", content: "What did I ask before?" },
    { role: "assistant", content: "You will find it in the history." },
  ];
  return { runType: "agent", runId: crypto.randomUUID(), agentId, messages } as const;
}
