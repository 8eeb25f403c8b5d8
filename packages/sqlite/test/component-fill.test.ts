import type { SessionInit } from "@sessiondb/core";
import { SqliteSessionDb } from "@sessiondb/sqlite";
import Database from "better-sqlite3";
import { describe, expect, test } from "vitest";
import { temporaryFile } from "./support.ts";

// A session that an API created by its id alone gets its component with its first turn, at the cost of that turn alone.

const kinds = {
  agent: { id: "agentId", data: "agentData" },
  team: { id: "teamId", data: "teamData" },
  workflow: { id: "workflowId", data: "workflowData" },
} as const;

type Kind = keyof typeof kinds;
type TurnInit = SessionInit & { runs?: null };

function counting(): { client: Database.Database; texts: string[] } {
  const texts: string[] = [];
  const client = new Database(temporaryFile(), { verbose: (text) => texts.push(String(text)) });
  return { client, texts };
}

describe.each(Object.keys(kinds) as Kind[])("a %s session stored without its component", (sessionType) => {
  const { id, data } = kinds[sessionType];
  const bare = { sessionType, sessionId: "s", userId: "u" } as TurnInit;
  const whole = { ...bare, [id]: "c1", [data]: { name: "One" } };
  const run = (runId: string) => ({ runType: sessionType, runId, [id]: "c1" }) as never;

  test("gets it with its first turn, and keeps it", async () => {
    const { client, texts } = counting();
    await using db = new SqliteSessionDb({ client });
    await db.upsertSession(bare);
    const statements = async (session: TurnInit, runId: string) => {
      texts.length = 0;
      await db.upsertRun({ session, run: run(runId) });
      return texts.filter((text) => !/^(BEGIN|COMMIT)/i.test(text)).map((text) => text.trimStart().slice(0, 6));
    };
    // The touch that finds nothing to touch, the insert of a session that may be missing, the lock, the fill, the run.
    expect(await statements(whole, "r1")).toEqual(["update", "insert", "select", "update", "insert"]);
    expect(await db.getSession({ sessionId: "s" })).toMatchObject({ [id]: "c1", [data]: { name: "One" } });
    const other = { ...whole, [id]: "c1", [data]: { name: "Two" } };
    for (const [index, session] of [whole, other, bare, whole].entries()) {
      expect(await statements(session, `later-${index}`)).toEqual(["update", "insert"]);
    }
    expect(await db.getSession({ sessionId: "s" })).toMatchObject({ [id]: "c1", [data]: { name: "One" } });
    client.close();
  });

  test("has none while no turn has one", async () => {
    const { client } = counting();
    await using db = new SqliteSessionDb({ client });
    await db.upsertSession(bare);
    await db.upsertRun({ session: bare, run: run("r1") });
    expect(await db.getSession({ sessionId: "s", includeRuns: false })).toMatchObject({ [id]: null, [data]: null });
    client.close();
  });

  test("gets it before the change of that turn runs, which may overwrite it", async () => {
    const { client } = counting();
    await using db = new SqliteSessionDb({ client });
    await db.upsertSession(bare);
    let shown: unknown;
    await db.upsertRun({
      session: whole,
      run: run("r1"),
      change: (session) => {
        shown = (session as unknown as Record<string, unknown>)[data];
        return { [data]: { name: "Changed" } };
      },
    });
    expect(shown).toEqual({ name: "One" });
    expect(await db.getSession({ sessionId: "s" })).toMatchObject({ [id]: "c1", [data]: { name: "Changed" } });
    client.close();
  });
});
