import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { startChatServer, type ChatScript } from "@sessiondb/testing/chat-server";
import { chromium, type Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { runExample } from "../../test/run-example.ts";
import { buildClient } from "./support/client.ts";
import { ask, newChat, reload, settled, signIn, transcript } from "./support/page.ts";
import { stores, type Store } from "./support/stores.ts";

const cwd = fileURLToPath(new URL("..", import.meta.url));

test("without a key, the example says what is missing", { timeout: 60_000 }, async () => {
  const keyless = await runExample("chat", { OPENAI_API_KEY: undefined });
  expect(keyless).toMatchObject({ code: 1, stderr: expect.stringContaining("OPENAI_API_KEY") });
});

/** Starts the example as `npm start` does. Returns its URL, and what kills it. */
async function startExample(settings: NodeJS.ProcessEnv): Promise<{ url: string; kill: () => Promise<void> }> {
  const env = { ...process.env, NODE_OPTIONS: undefined, ...settings };
  const flags = ["--conditions=@sessiondb/source", "--import=tsx", "src/main.ts"];
  const child = spawn(process.execPath, flags, { cwd, env, stdio: ["ignore", "pipe", "ignore"] });
  const ended = once(child, "exit");
  const kill = async (): Promise<void> => {
    child.kill("SIGKILL");
    await ended;
  };
  const said = await Promise.race([once(child.stdout.setEncoding("utf8"), "data"), ended]);
  return { url: String(said[0]).trim().replace(/\/$/, ""), kill };
}

describe.skipIf(inject("browser") === null)("a server that is killed in the middle of an answer", () => {
  let client: Awaited<ReturnType<typeof buildClient>>;
  let browser: Browser;
  beforeAll(async () => {
    client = await buildClient();
    browser = await chromium.connect(inject("browser") ?? "");
  }, 60_000);
  afterAll(async () => {
    await browser.close();
    await client[Symbol.asyncDispose]();
  });

  test.each(stores)("leaves a chat that goes on, on %s", { timeout: 90_000 }, async (_name, open) => {
    const script: ChatScript = (_request, index) =>
      index === 0 ? { text: "word ".repeat(600), chunks: 600, chunkDelay: 50 } : { text: "All of it." };
    await using models = await startChatServer(script);
    await using store: Store = await open();
    const settings = {
      OPENAI_API_KEY: "scripted",
      OPENAI_BASE_URL: models.url,
      DATABASE_URL: store.url,
      CHAT_CLIENT: client.folder,
      CHAT_SECRET: "secret of the tests",
    };
    const first = await startExample({ ...settings, PORT: "0" });
    let second: typeof first | undefined;
    const context = await signIn(browser, first.url, "ada");
    try {
      const page = await newChat(context);
      await ask(page, "Tell me", { isSlow: true });
      await page.getByText("word word").waitFor();
      await first.kill();
      await settled(page);
      await page.getByRole("main").getByRole("alert").waitFor();
      second = await startExample({ ...settings, PORT: new URL(first.url).port });
      await reload(page);
      await settled(page);
      await page.getByRole("button", { name: "Try again" }).click();
      await page.getByText("All of it.").waitFor();
      await settled(page);
      const shown = await transcript(page);
      expect(shown).toHaveLength(2);
      await reload(page);
      expect(await transcript(page)).toEqual(shown);
    } finally {
      await context.close();
      await first.kill();
      await second?.kill();
    }
  });
});
