import { MySqlSessionDb } from "@sessiondb/mysql";
import { agentRun, agentSession } from "@sessiondb/testing/models";
import { observeCalls } from "@sessiondb/testing/observed-calls";
import { expect, test } from "vitest";
import { freshDatabase, onEachServer } from "./support.ts";

onEachServer((server) => {
  const calls = observeCalls();

  test("tells every statement of a turn", async () => {
    await using db = new MySqlSessionDb({ url: await freshDatabase(server.url) });
    await db.upsertRun({ session: agentSession("s"), run: agentRun("first") });
    await db.upsertRun({ session: agentSession("s"), run: { ...agentRun("second"), content: "x".repeat(50_000) } });
    // One touches the session, one stores the run.
    expect(calls.at(-1)).toMatchObject({ store: "mysql", statements: 2 });
    expect(calls.at(-1)?.bytes).toBeGreaterThan(50_000);
  });
});
