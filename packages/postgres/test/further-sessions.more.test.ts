import { describe, expect, inject, test } from "vitest";
import { agentRun, agentSession } from "@sessiondb/testing/models";
import { Sandbox } from "./support.ts";

describe.skipIf(inject("postgres") === null)("turns with the same further sessions", () => {
  const sandbox = new Sandbox("postgres");

  async function deadlocks(): Promise<number> {
    const [row] = await sandbox.query(
      "select pg_stat_force_next_flush()",
      "select deadlocks::int as count from pg_stat_database where datname = current_database()",
    );
    return Number(row?.["count"]);
  }

  test("never deadlock, whichever of the sessions exist", { timeout: 120_000 }, async () => {
    const open = sandbox.opener();
    await using db = open();
    const before = await deadlocks();
    const rounds = 10;
    const turns = Array.from({ length: 32 }, (_, turn) => turn);
    for (let round = 0; round < rounds; round += 1) {
      const names = [0, 1, 2, 3, 4, 5].map((place) => `${round}-${place}`);
      // Every other one is missing, and every turn would create it.
      await db.upsertSessions(names.filter((_, place) => place % 2 === round % 2).map((id) => agentSession(id)));
      await Promise.all(
        turns.map((turn) => {
          const own = names[turn % names.length] ?? "";
          const others = names.filter((name) => name !== own);
          const also = [...others.slice(turn % others.length), ...others.slice(0, turn % others.length)];
          return db.upsertRun({
            session: agentSession(own),
            run: agentRun(`${round}-run-${turn}`),
            also: also.map((sessionId) => ({
              session: agentSession(sessionId),
              change: ({ sessionState }) => ({ sessionState: { turns: Number(sessionState["turns"] ?? 0) + 1 } }),
            })),
          });
        }),
      );
      const sessions = await Promise.all(names.map((sessionId) => db.getSession({ sessionId })));
      const total = sessions.reduce((sum, session) => sum + Number(session?.sessionState["turns"] ?? 0), 0);
      expect(total).toBe(turns.length * (names.length - 1));
    }
    expect((await deadlocks()) - before).toBe(0);
  });
});
