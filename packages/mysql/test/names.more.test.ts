import { MySqlSessionDb } from "@sessiondb/mysql";
import { agentRun, agentSession } from "@sessiondb/testing/models";
import { expect, test } from "vitest";
import { freshDatabase, onEachServer } from "./support.ts";

const longest = 48;

onEachServer((server) => {
  test.each(["needed", "agno"] as const)(
    "tables with names of every length migrate, with the indexes %s, and a second migration is empty",
    { timeout: 120_000 },
    async (indexes) => {
      const url = await freshDatabase(server.url);
      const lengths = Array.from({ length: longest }, (_, index) => index + 1);
      const names = [
        ...lengths.map((length) => ["s".repeat(length), "r".repeat(length)] as const),
        ["é".repeat(longest / 2), "ü".repeat(longest / 2)] as const,
        ["customer_support_conversations_prod", undefined] as const,
      ];
      for (const [sessionTable, runsTable] of names) {
        const options = { url, sessionTable, indexes, poolSize: 1, ...(runsTable !== undefined && { runsTable }) };
        await using db = new MySqlSessionDb(options);
        await db.migrate();
        expect([sessionTable, await db.planMigration(), await db.verifySchema()]).toEqual([sessionTable, [], []]);
        await db.migrate();
        await db.upsertRun({ session: agentSession("s"), run: agentRun("r") });
        expect((await db.getSession({ sessionId: "s" }))?.runs).toHaveLength(1);
      }
    },
  );
});
