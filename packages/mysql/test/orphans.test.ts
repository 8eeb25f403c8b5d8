import { MySqlSessionDb } from "@sessiondb/mysql";
import { expect, test } from "vitest";
import { refusal, run, session } from "./models.ts";
import { freshDatabase, onEachServer, query, withConnection } from "./support.ts";

onEachServer((server) => {
  test("runs whose session was deleted without them become nobody's", async () => {
    const url = await freshDatabase(server.url);
    await using db = new MySqlSessionDb({ url });
    await db.upsertRun({ session: session("s", { userId: "ada" }), run: run("r", { content: "For Ada only." }) });
    await withConnection(url, (connection) =>
      connection.query("set foreign_key_checks = 0; delete from agno_sessions"),
    );
    const bob = db.forUser("bob");
    for (const call of [
      () => bob.upsertRun({ session: session("s"), run: run("r2") }),
      () => bob.upsertSession({ ...session("s"), runs: [run("r2")] }),
      () => db.upsertSessions([session("t"), session("s")]),
    ]) {
      const error = await refusal(call(), "DATABASE_ERROR");
      expect(error.message).toContain("agno_runs holds runs of session");
    }
    expect((await db.getSessions()).sessions).toEqual([]);
    expect(await query(url, "select run_id from agno_runs")).toEqual([{ run_id: "r" }]);
  });
});
