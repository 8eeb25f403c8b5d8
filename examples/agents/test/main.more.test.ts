import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startChatServer, type ChatServer } from "@sessiondb/testing/chat-server";
import { runExample } from "../../test/run-example.ts";
import { answer } from "./answers.ts";

const folder = mkdtempSync(join(tmpdir(), "sessiondb-example-"));
let server: ChatServer;
beforeAll(async () => {
  server = await startChatServer(answer);
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

async function lines(name: string): Promise<string[]> {
  const settings = {
    OPENAI_API_KEY: "scripted",
    OPENAI_BASE_URL: server.url,
    DATABASE_URL: `sqlite:${join(folder, `${name}.db`)}`,
  };
  const { code, stdout, stderr } = await runExample("agents", settings, [name]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return stdout.trimEnd().split("\n");
}

test("without a name or a key, the example says what is missing", { timeout: 60_000 }, async () => {
  const nameless = await runExample("agents", {});
  expect(nameless).toMatchObject({ code: 1, stderr: expect.stringContaining("persistent-session") });
  const keyless = await runExample("agents", { OPENAI_API_KEY: undefined }, ["team"]);
  expect(keyless).toMatchObject({ code: 1, stderr: expect.stringContaining("OPENAI_API_KEY") });
});

test.each<[string, readonly string[]]>([
  ["two-conversations", ["You like tea.", "You like coffee."]],
  ["history", ["with history: Your name is Ada.", "without: I do not know.", "both are kept: 3 runs"]],
  ["summaries", ["automatic: About I plan a trip to Rome in May.", "custom: About With my dog. (travel)"]],
  [
    "session-methods",
    [
      "read: 1 run, 2 messages",
      "the newest 2, and more: true",
      "by name: All about tea",
      "a name from the content: A short name",
      "of the last seven days: 3",
      "deleted: true",
      "read again: null",
    ],
  ],
  ["several-users", ["sessions: 2", "sessions: 1", "user 2 in a session of user 1: SESSION_OWNERSHIP"]],
  ["own-storage", ["seen by sales: null", "seen by sales: null"]],
  ["purge", ["older than a year: 0", "all of the user: 2", "left: 0"]],
  ["shared-thread", ["Ada brings it.", "runs of: ada, bob", "in the list of ada: 1", "in the list of bob: 1"]],
  ["analyst", ["The user wrote: My tea never arrived.", "runs of the support chat: 1"]],
  ["state", ["on the list: bread, milk"]],
  ["team", ["The member said: Answer to: Write a line about tea.", "runs: team, writer"]],
  ["workflow", ["Answer to: The topic is tea.", "Answer to: The topic is tea.", "steps: topic, create, enough"]],
])("%s", { timeout: 60_000 }, async (name, expected) => {
  expect(await lines(name)).toEqual(expected);
});

test("agents with their own storage use separate files", () => {
  const files = readdirSync(folder).filter((file) => file.startsWith("own-storage") && file.endsWith(".db"));
  expect(files.toSorted()).toEqual(["own-storage.db", "own-storage.sales.db", "own-storage.support.db"]);
});
