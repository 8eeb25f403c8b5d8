import { MySqlSessionDb } from "@sessiondb/mysql";
import { agentRun, agentSession } from "@sessiondb/testing/models";
import { refusal } from "@sessiondb/testing/refusal";
import { expect, test } from "vitest";
import { freshDatabase, onEachServer, query, withConnection } from "./support.ts";

onEachServer((server) => {
  test("runs whose session was deleted without them become nobody's", async () => {
    const url = await freshDatabase(server.url);
    await using db = new MySqlSessionDb({ url });
    await db.upsertRun({
      session: agentSession("s", { userId: "ada" }),
      run: agentRun("r", { content: "For Ada only." }),
    });
    await withConnection(url, (connection) =>
      connection.query("set foreign_key_checks = 0; delete from agno_sessions"),
    );
    const bob = db.forUser("bob");
    for (const call of [
      () => bob.upsertRun({ session: agentSession("s"), run: agentRun("r2") }),
      () => bob.upsertSession({ ...agentSession("s"), runs: [agentRun("r2")] }),
      () => db.upsertSessions([agentSession("t"), agentSession("s")]),
    ]) {
      const error = await refusal(call(), "DATABASE_ERROR");
      expect(error.message).toContain("agno_runs holds runs of session");
    }
    expect((await db.getSessions()).sessions).toEqual([]);
    expect(await query(url, "select run_id from agno_runs")).toEqual([{ run_id: "r" }]);
  });
});
