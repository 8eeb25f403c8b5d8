import { fileURLToPath } from "node:url";
import { shownMessage, type ChatPage } from "@sessiondb/testing/chat-page";
import { isToolUIPart } from "ai";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { httpUser, type HttpUser } from "./support/http-user.ts";
import { startSite, type Site } from "./support/site.ts";
import { stores } from "./support/stores.ts";

// What browser.more.test.ts compares as text, message by message and part by part.
describe.each(stores)("a page that is reloaded, on %s", (_name, open) => {
  const used: AsyncDisposable[] = [];
  let site: Site;
  let ada: HttpUser;

  beforeAll(async () => {
    const store = await open();
    site = await startSite(store, fileURLToPath(new URL("../client", import.meta.url)));
    used.push(site, store);
    ada = await httpUser(site.url, "ada", "lovelace");
  }, 60_000);
  afterAll(async () => {
    for (const each of used) {
      await each[Symbol.asyncDispose]();
    }
  });

  async function expectSameWhenLoaded(page: ChatPage): Promise<void> {
    const { messages } = await ada.load(page.id);
    expect(messages.map(shownMessage)).toEqual(page.shown);
  }

  const decide = (approved: boolean) => async (page: ChatPage) => {
    const call = page.messages.at(-1)?.parts.find(isToolUIPart);
    await page.addToolApprovalResponse({ id: call?.approval?.id ?? "", approved });
    await page.sendMessage();
  };
  const tellTimeZone = async (page: ChatPage) => {
    const toolCallId = page.messages.at(-1)?.parts.find(isToolUIPart)?.toolCallId ?? "";
    await page.addToolOutput({ tool: "timeZone" as never, toolCallId, output: { timeZone: "Asia/Tokyo" } });
    await page.sendMessage();
  };

  test.each<[string, ((page: ChatPage) => Promise<void>)?]>([
    ["Hello"],
    ["Think"],
    ["Roll"],
    ["Roll too many"],
    ["Order"],
    ["Order", decide(true)],
    ["Order", decide(false)],
    ["Where"],
    ["Where", tellTimeZone],
    ["Hello", (page) => page.regenerate()],
    ["Hello", (page) => page.sendMessage({ text: "Goodbye", messageId: page.messages[0]?.id ?? "" })],
  ])("has the same messages: %s, then %o", async (question, then = async () => {}) => {
    const page = ada.page(crypto.randomUUID());
    await page.sendMessage({ text: question });
    await expectSameWhenLoaded(page);
    await then(page);
    expect(page.error).toBeUndefined();
    await expectSameWhenLoaded(page);
    await page.sendMessage({ text: "And then?" });
    expect(page.error).toBeUndefined();
    await expectSameWhenLoaded(page);
  });
});
