import { agentRun, agentSession } from "@sessiondb/testing/models";
import { expect, test } from "vitest";
import { Sandbox } from "./support.ts";

const sandbox = new Sandbox("postgres");

test("runs whose session was deleted without them become nobody's", async () => {
  const schema = sandbox.schema();
  await using db = sandbox.opener({ schema })();
  await db.upsertRun({
    session: agentSession("s", { userId: "ada" }),
    run: agentRun("r", { content: "For Ada only." }),
  });
  await sandbox.query("set session_replication_role = replica", `delete from ${schema}.agno_sessions`);
  const bob = db.forUser("bob");
  for (const call of [
    () => bob.upsertRun({ session: agentSession("s"), run: agentRun("r2") }),
    () => bob.upsertSession(agentSession("s", { runs: [agentRun("r2")] })),
    () => db.upsertSessions([agentSession("t"), agentSession("s")]),
  ]) {
    await expect(call()).rejects.toMatchObject({
      code: "DATABASE_ERROR",
      message: expect.stringContaining("agno_runs holds runs of session"),
    });
  }
  expect((await db.getSessions()).sessions).toEqual([]);
  expect(await sandbox.query(`select run_id from ${schema}.agno_runs`)).toEqual([{ run_id: "r" }]);
});
