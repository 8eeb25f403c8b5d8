import { MySqlSessionDb } from "@sessiondb/mysql";
import { agentRun, agentSession } from "@sessiondb/testing/models";
import { refusal } from "@sessiondb/testing/refusal";
import { expect, test } from "vitest";
import { programOf } from "../../../scripts/servers/mysql-databases.ts";
import { startMysql } from "../../../scripts/servers/mysql.ts";
import { query } from "./support.ts";

test.each(["mysql", "mariadb"] as const)(
  "reads from a read-only %s, such as a replica",
  { timeout: 60_000 },
  async (flavour) => {
    const program = await programOf(flavour);
    if (program === null) {
      return;
    }
    const server = await startMysql({ program });
    try {
      await query(server.url, "create user app@'%' identified by 'secret'");
      await query(server.url, "grant all on test.* to app@'%'");
      const url = Object.assign(new URL(server.url), { username: "app", password: "secret" }).href;
      await using db = new MySqlSessionDb({ url });
      await db.upsertRun({ session: agentSession("s"), run: agentRun("a") });
      await query(server.url, "set global read_only = on");
      await refusal(db.upsertRun({ session: agentSession("s"), run: agentRun("b") }), "DATABASE_READ_ONLY");
      expect((await db.getSession({ sessionId: "s" }))?.runs).toHaveLength(1);
      await using fresh = new MySqlSessionDb({ url, sessionTable: "others" });
      await refusal(fresh.getSessions(), "DATABASE_READ_ONLY");
      await query(server.url, "set global read_only = off");
      await db.upsertRun({ session: agentSession("s"), run: agentRun("b") });
      expect((await db.getSession({ sessionId: "s" }))?.runs).toHaveLength(2);
    } finally {
      await server.stop();
    }
  },
);
