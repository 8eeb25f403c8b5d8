import { existsSync } from "node:fs";
import { SqliteSessionDb } from "@sessiondb/sqlite";
import { agentRun, agentSession } from "@sessiondb/testing/models";
import { refusal } from "@sessiondb/testing/refusal";
import Database from "better-sqlite3";
import { describe, expect, test } from "vitest";
import { temporaryFile } from "./support.ts";

const session = agentSession("s");
const turn = (runId: string, content: string) => ({ session, run: agentRun(runId, { content }) });

describe("a payload that is too large", () => {
  test("is refused before anything is written, with its size", async () => {
    const file = temporaryFile();
    await using db = new SqliteSessionDb({ file, maxPayloadBytes: 10_000 });
    const error = await refusal(db.upsertRun(turn("r", "é".repeat(5000))), "PAYLOAD_TOO_LARGE");
    expect(error).toMatchObject({ argument: "run", limit: 10_000 });
    expect(existsSync(file)).toBe(false);
    await db.upsertRun(turn("r", "é".repeat(4500)));
    await refusal(db.upsertSession({ ...session, metadata: { text: "x".repeat(10_000) } }), "PAYLOAD_TOO_LARGE");
    await refusal(
      db.updateSession({ sessionId: "s" }, () => ({ sessionState: { text: "x".repeat(10_000) } })),
      "PAYLOAD_TOO_LARGE",
    );
    const stored = await db.getSession({ sessionId: "s" });
    expect(stored).toMatchObject({ metadata: null, sessionData: {} });
    expect(stored?.runs).toHaveLength(1);
  });

  test("is stored if only other databases could not hold it", async () => {
    const client = new Database(temporaryFile());
    await using db = new SqliteSessionDb({ client });
    await db.upsertRun(turn("r", "x".repeat(20 * 1024 * 1024)));
    expect((await db.getRun({ runId: "r" }))?.content).toHaveLength(20 * 1024 * 1024);
    client.close();
  });
});
