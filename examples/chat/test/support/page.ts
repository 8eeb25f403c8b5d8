import { expect } from "vitest";
import type { Browser, BrowserContext, Page } from "playwright-core";

const passwords = { ada: "lovelace", bob: "builder" };

/** Opens a browser of its own for a user, signed in by the form. */
export async function signIn(browser: Browser, url: string, name: keyof typeof passwords): Promise<BrowserContext> {
  const context = await browser.newContext({ baseURL: url, timezoneId: "Asia/Tokyo" });
  context.setDefaultTimeout(20_000);
  const page = await context.newPage();
  await page.goto("/");
  await page.getByLabel("Name").fill(name);
  await page.getByLabel("Password").fill(passwords[name]);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("navigation", { name: "Chats" }).waitFor();
  return context;
}

/** Begins a chat in the page that is open, or in a new one. */
export async function newChat(context: BrowserContext): Promise<Page> {
  const [open] = context.pages();
  const page = open ?? (await context.newPage());
  if (open === undefined) {
    await page.goto("/");
  }
  await page.getByRole("button", { name: "New chat" }).click();
  await page.getByRole("article").first().waitFor({ state: "detached" });
  return page;
}

/** Opens a chat that has begun. */
export async function openChat(context: BrowserContext, id: string): Promise<Page> {
  const page = await context.newPage();
  await page.goto(`/chats/${id}`);
  await page.getByRole("article").first().waitFor();
  return page;
}

/** Asks without the page, and waits for the answer. */
export async function post({ request }: BrowserContext, id: string, text: string): Promise<void> {
  const message = { id: crypto.randomUUID(), role: "user", parts: [{ type: "text", text }] };
  await (await request.post("/api/chats", { data: { id, message, trigger: "submit-message" } })).text();
}

/** Asks, and waits until nothing more arrives; with `isSlow`, until the answer is in progress. */
export async function ask(page: Page, question: string, { isSlow = false } = {}): Promise<void> {
  await page.getByLabel("Message", { exact: true }).fill(question);
  await page.getByRole("button", { name: "Send" }).click();
  await page.getByRole("article", { name: "You" }).filter({ hasText: question }).last().waitFor();
  if (!isSlow) {
    await settled(page);
    return;
  }
  await page.waitForURL("/chats/*");
  const path = `/api/chats/${chatIdOf(page)}`;
  // The run is stored while the model is asked, not before.
  await expect
    .poll(async () => {
      const response = await page.request.get(path);
      return response.ok() && ((await response.json()) as { activeStreamId: string | null }).activeStreamId !== null;
    })
    .toBe(true);
}

/** Waits until no answer arrives. */
export async function settled(page: Page): Promise<void> {
  await page.getByRole("button", { name: "Send" }).waitFor();
}

/** The text of each message as the page shows it, and the addresses of its images. */
export async function transcript(page: Page): Promise<string[]> {
  await page.getByRole("log").waitFor();
  // As text: tests do not have the types of browsers.
  return page.evaluate<string[]>(
    `[...document.querySelectorAll("[role=log] article")].map((article) =>
      [article.innerText, ...[...article.querySelectorAll("img")].map(({ src }) => src)].join(" "))`,
  );
}

/** Reloads the page and waits until it shows its chat again. */
export async function reload(page: Page): Promise<void> {
  await page.reload();
  await page.getByRole("article").first().waitFor();
}

/** The id of the chat that the page shows. */
export const chatIdOf = (page: Page): string => decodeURIComponent(new URL(page.url()).pathname.replace("/chats/", ""));
