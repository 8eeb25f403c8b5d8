import { MySqlSessionDb } from "@sessiondb/mysql";
import { lateDeleteTests } from "@sessiondb/testing/late-deletes";
import { agno2DatabaseOf } from "./agno-2-rows.ts";
import { connect, freshDatabase, onEachServer } from "./support.ts";

onEachServer((server) => {
  lateDeleteTests(async (rows) => {
    const url = await (rows === null ? freshDatabase(server.url) : agno2DatabaseOf(server, rows));
    const db = new MySqlSessionDb({ url });
    return {
      db,
      hold: async (sessionId) => {
        const holder = await connect(url);
        await holder.query("start transaction");
        await holder.query("select 1 from agno_sessions where session_id = ? for update", [sessionId]);
        return () => holder.end();
      },
    };
  });
});
