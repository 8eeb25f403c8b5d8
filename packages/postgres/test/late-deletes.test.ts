import { lateDeleteTests } from "@sessiondb/testing/late-deletes";
import { Sandbox } from "./support.ts";

const sandbox = new Sandbox("postgres");

lateDeleteTests(async (rows) => {
  const schema = sandbox.schema();
  const db = rows === null ? sandbox.opener({ schema })() : await sandbox.openLegacy(rows, schema);
  return {
    db,
    hold: async (sessionId) => {
      const holder = await sandbox.connect();
      await holder.query("begin");
      await holder.query(`select 1 from ${schema}.agno_sessions where session_id = $1 for update`, [sessionId]);
      return () => holder.end();
    },
  };
});
