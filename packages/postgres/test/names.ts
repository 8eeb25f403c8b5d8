import { expect } from "vitest";
import { PostgresSessionDb } from "@sessiondb/postgres";
import { agentRun, agentSession } from "@sessiondb/testing/models";
import { type Sandbox } from "./support.ts";

/** Names of tables as long as they may be, and as short, in letters of one to four bytes. */
export const namesOfAllKinds: readonly string[] = [
  ...("aé会😀".match(/./gu)?.flatMap((letter) => {
    const most = Math.floor(48 / Buffer.byteLength(letter));
    return [
      letter,
      letter.repeat(most - 6),
      letter.repeat(most - 1),
      letter.repeat(most),
      `x${letter.repeat(most - 1)}`,
    ];
  }) ?? []),
  "customer_support_conversations_prod",
  "x".repeat(33),
  "x".repeat(34),
];

export const namesOfEveryLength: readonly string[] = Array.from({ length: 48 }, (_, index) => "t".repeat(index + 1));

/** Migrates tables of this name twice, and uses them. */
export async function migrateTwice(sandbox: Sandbox, sessionTable: string): Promise<void> {
  for (const indexes of ["needed", "agno"] as const) {
    const schema = sandbox.schema();
    const runs =
      Buffer.byteLength(sessionTable) > 43 ? { runsTable: `r${Array.from(sessionTable).slice(1).join("")}` } : {};
    await using db = new PostgresSessionDb({ url: sandbox.url, schema, sessionTable, indexes, ...runs, poolSize: 1 });
    await db.migrate();
    expect([sessionTable, await db.planMigration(), await db.verifySchema()]).toEqual([sessionTable, [], []]);
    await db.migrate();
    await db.upsertRun({ session: agentSession("s"), run: agentRun("r") });
    expect((await db.getSession({ sessionId: "s" }))?.runs).toHaveLength(1);
  }
}
