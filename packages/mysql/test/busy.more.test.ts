import { setTimeout as sleep } from "node:timers/promises";
import { createPool } from "mysql2/promise";
import { MySqlSessionDb } from "@sessiondb/mysql";
import { agentRun, agentSession } from "@sessiondb/testing/models";
import { refusal } from "@sessiondb/testing/refusal";
import { expect, test } from "vitest";
import { freshDatabase, onEachServer, withConnection } from "./support.ts";

const session = agentSession("s");

onEachServer((server) => {
  test("calls that wait for one locked session leave connections for others", { timeout: 60_000 }, async () => {
    const url = await freshDatabase(server.url);
    await using db = new MySqlSessionDb({ url });
    await db.upsertSession(session);
    await withConnection(url, async (holder) => {
      await holder.query("start transaction");
      await holder.query("select * from agno_sessions where session_id = 's' for update");
      const waiting = Array.from({ length: 50 }, (_, index) => db.upsertRun({ session, run: agentRun(`r${index}`) }));
      const others = Array.from({ length: 50 }, (_, index) =>
        db.upsertRun({ session: agentSession(`other ${index}`), run: agentRun(`o${index}`) }),
      );
      const failed = (await Promise.allSettled(others)).filter(({ status }) => status === "rejected");
      expect(failed).toEqual([]);
      await holder.query("rollback");
      await Promise.all(waiting);
    });
    expect((await db.getSession({ sessionId: "s" }))?.runs).toHaveLength(50);
  });

  test("a pool whose connections wait for a lock need not be larger", { timeout: 30_000 }, async () => {
    const url = await freshDatabase(server.url);
    await using db = new MySqlSessionDb({ url, poolSize: 1, connectionTimeout: 300 });
    await db.upsertSession(session);
    await withConnection(url, async (holder) => {
      await holder.query("start transaction");
      await holder.query("select * from agno_sessions where session_id = 's' for update");
      const waiting = db.upsertRun({ session, run: agentRun("r") });
      await sleep(100);
      const { message } = await refusal(db.getSession({ sessionId: "s" }), "DATABASE_BUSY");
      expect(message).toContain("wait for a lock");
      expect(message).not.toContain("larger");
      await holder.query("rollback");
      await waiting;
    });
  });

  test("a pool that others use up must be larger", { timeout: 30_000 }, async () => {
    const uri = (await freshDatabase(server.url)).replace(/^mariadb:/, "mysql:");
    const pool = createPool({ uri, connectionLimit: 1 });
    const db = new MySqlSessionDb({ pool, connectionTimeout: 300 });
    await db.upsertSession(session);
    const held = await pool.getConnection();
    const { message } = await refusal(db.getSession({ sessionId: "s" }), "DATABASE_BUSY");
    expect(message).toContain("Make the pool larger.");
    held.release();
    await pool.end();
  });
});
