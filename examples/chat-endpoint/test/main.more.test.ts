import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startChatServer } from "@sessiondb/testing/chat-server";
import { expect, test } from "vitest";
import { runExample } from "../../test/run-example.ts";

const cwd = fileURLToPath(new URL("..", import.meta.url));

test("without a key, the example says what is missing", { timeout: 60_000 }, async () => {
  const keyless = await runExample("chat-endpoint", { OPENAI_API_KEY: undefined });
  expect(keyless).toMatchObject({ code: 1, stderr: expect.stringContaining("OPENAI_API_KEY") });
});

test.each(["node", "hono"])("the example answers, by %s", { timeout: 60_000 }, async (kind) => {
  await using models = await startChatServer([{ text: "With milk?", chunks: 3 }]);
  const folder = mkdtempSync(join(tmpdir(), "sessiondb-chat-"));
  const env = {
    ...process.env,
    NODE_OPTIONS: undefined,
    OPENAI_API_KEY: "scripted",
    OPENAI_BASE_URL: models.url,
    DATABASE_URL: `sqlite:${join(folder, "chats.db")}`,
    PORT: "0",
  };
  const flags = ["--conditions=@sessiondb/source", "--import=tsx", "src/main.ts", kind];
  const child = spawn(process.execPath, flags, { cwd, env, stdio: ["ignore", "pipe", "ignore"] });
  const ended = once(child, "exit");
  try {
    const [line] = (await once(child.stdout.setEncoding("utf8"), "data")) as [string];
    const message = { id: "1", role: "user", parts: [{ type: "text", text: "I like tea." }] };
    const body = JSON.stringify({ id: "chat-1", message });
    const post = (authorization: string) => fetch(line.trim(), { method: "POST", body, headers: { authorization } });
    const answer = await post("Bearer ada-token");
    expect([answer.status, (await answer.text()).match(/"delta":"[^"]*"/g)?.length]).toEqual([200, 3]);
    expect((await post("Bearer bob-token")).status).toBe(404);
    expect((await post("Bearer unknown")).status).toBe(401);
  } finally {
    child.kill();
    await ended;
    rmSync(folder, { recursive: true, force: true });
  }
});
