import { SessionDbError } from "@sessiondb/core";
import { MySqlSessionDb } from "@sessiondb/mysql";
import { createPool, type Pool } from "mysql2/promise";

const session = { sessionType: "agent", sessionId: "chat-1", agentId: "shop", userId: "ada" } as const;

const url = process.env["DATABASE_URL"];
if (url === undefined || url === "") {
  console.error("DATABASE_URL is not set: mysql://user:password@host:3306/database, or mariadb://…");
  process.exit(1);
}
// mysql2 knows MariaDB by the name of MySQL.
const pool = createPool({ uri: url.replace(/^mariadb:/, "mysql:"), connectionLimit: 5 });
try {
  await serve(pool);
} catch (error) {
  console.error(SessionDbError.isInstance(error) ? `${error.code}: ${error.message}` : error);
  process.exitCode = 1;
} finally {
  await pool.end();
}

async function serve(own: Pool): Promise<void> {
  const db = new MySqlSessionDb({ pool: own, sessionTable: "example_sessions" });
  // Creates what is missing. DDL commits as it goes on these servers, so do it before there is a transaction.
  await db.migrate();
  await own.query(
    "create table if not exists example_orders (id int primary key auto_increment, session_id varchar(128))",
  );

  await db.upsertRun({
    session,
    run: turn("Three apples, please."),
    change: ({ sessionState }) => ({ sessionState: { apples: Number(sessionState["apples"] ?? 0) + 3 } }),
  });
  await turnWithOrder(own, db);

  const mine = db.forUser("ada");
  const stored = await mine.getSession({ sessionId: session.sessionId, runsLimit: 10 });
  console.log(`${stored?.sessionId}: ${stored?.runs.length} runs, state ${JSON.stringify(stored?.sessionState)}`);
  const { sessions } = await mine.getSessions({ limit: 50 });
  console.log(`ada has ${sessions.length} session`);
  const [orders] = await own.query("select id from example_orders");
  console.log(`orders: ${Array.isArray(orders) ? orders.length : 0}`);
}

/** A turn and an order, both or neither. */
async function turnWithOrder(own: Pool, db: MySqlSessionDb): Promise<void> {
  const connection = await own.getConnection();
  try {
    await connection.beginTransaction();
    await db.withTransaction(connection).upsertRun({ session, run: turn("That is all.") });
    await connection.query("insert into example_orders (session_id) values (?)", [session.sessionId]);
    await connection.commit();
  } catch (error) {
    await connection.rollback();
    throw error;
  } finally {
    connection.release();
  }
}

function turn(question: string) {
  const messages = [
    { role: "user", content: question },
    { role: "assistant", content: "Noted." },
  ];
  return { runType: "agent", runId: crypto.randomUUID(), agentId: "shop", messages } as const;
}
