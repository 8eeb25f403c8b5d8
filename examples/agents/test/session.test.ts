import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { startChatServer } from "@sessiondb/testing/chat-server";
import { runExample } from "../../test/run-example.ts";
import { answer } from "./answers.ts";

// The examples one by one are in main.more.test.ts.

test("a session continues in another process", { timeout: 60_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), "sessiondb-example-"));
  await using server = await startChatServer(answer);
  const settings = {
    OPENAI_API_KEY: "scripted",
    OPENAI_BASE_URL: server.url,
    DATABASE_URL: `sqlite:${join(folder, "agents.db")}`,
  };
  const first = await runExample("agents", settings, ["persistent-session"]);
  expect(first.stdout.trimEnd().split("\n").at(-1)).toBe("1 runs are kept");
  const second = await runExample("agents", settings, ["persistent-session"]);
  expect(second.stdout.trimEnd().split("\n")).toEqual([
    "user: What is my name?",
    "assistant: Your name is Ada.",
    "2 runs are kept",
  ]);
  rmSync(folder, { recursive: true, force: true });
});
