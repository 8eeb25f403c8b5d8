import { Buffer } from "node:buffer";
import { chromium, type Browser, type BrowserContext, type Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from "vitest";
import { buildClient } from "./support/client.ts";
import { slowEnd, slowStart } from "./support/model.ts";
import { ask, chatIdOf, newChat, openChat, post, reload, settled, signIn, transcript } from "./support/page.ts";
import { startSite, type Site } from "./support/site.ts";
import { stores } from "./support/stores.ts";

let browser: Browser;
let client: Awaited<ReturnType<typeof buildClient>>;

beforeAll(async () => {
  client = await buildClient();
  browser = await chromium.connect(inject("browser") ?? "");
}, 60_000);
afterAll(async () => {
  await browser.close();
  await client[Symbol.asyncDispose]();
});

describe.skipIf(inject("browser") === null).each(stores)(
  "the chat in a browser, on %s",
  { timeout: 60_000 },
  (_name, open) => {
    const used: AsyncDisposable[] = [];
    let site: Site;
    let ofAda: BrowserContext;
    let ofBob: BrowserContext;

    beforeAll(async () => {
      const store = await open();
      site = await startSite(store, client.folder);
      used.push(site, store);
      ofAda = await signIn(browser, site.url, "ada");
      ofBob = await signIn(browser, site.url, "bob");
    }, 60_000);
    afterEach(async () => {
      site.release();
      await Promise.all([ofAda, ofBob].flatMap((context) => context.pages().slice(1)).map((page) => page.close()));
      expectNoReports();
    });
    afterAll(async () => {
      await Promise.all([ofAda, ofBob].map((context) => context.close()));
      for (const each of used) {
        await each[Symbol.asyncDispose]();
      }
    });

    function expectNoReports(): void {
      expect(site.reported.splice(0)).toEqual([]);
    }

    /** What the page shows stays the same when it is loaded anew. */
    async function expectSameAfterReload(page: Page): Promise<void> {
      const before = await transcript(page);
      await reload(page);
      expect(await transcript(page)).toEqual(before);
    }

    test("asks for the password, and keeps a cookie that scripts and other sites cannot use", async () => {
      const context = await browser.newContext({ baseURL: site.url });
      try {
        const page = await context.newPage();
        await page.goto("/");
        await page.getByLabel("Name").fill("ada");
        await page.getByLabel("Password").fill("builder");
        await page.getByRole("button", { name: "Sign in" }).click();
        expect(await page.getByRole("alert").innerText()).toBe("The name or the password is wrong.");
        expect(await context.cookies()).toEqual([]);
        await page.getByLabel("Password").fill("lovelace");
        await page.getByRole("button", { name: "Sign in" }).click();
        await page.getByRole("button", { name: "Sign out" }).click();
        await page.getByRole("button", { name: "Sign in" }).waitFor();
        expect(await context.cookies()).toEqual([]);
      } finally {
        await context.close();
      }
      expect(await ofAda.cookies()).toMatchObject([{ httpOnly: true, sameSite: "Lax" }]);
    });

    test.each([
      ["text", "Hello", /Answer \d+ to “Hello”/],
      ["reasoning, sources and files", "Think", /Reasoning[^]*All about tea[^]*thought over[^]*data:image\/png/],
      ["a tool that runs on the server", "Roll", /Let me roll[^]*rollDice is done[^]*\[\d,\d\][^]*Answer \d+ after/],
      ["a tool that fails", "Roll too many", /rollDice failed[^]*Answer \d+ after/],
    ])("shows %s, and the same after a reload", async (_what, question, answer) => {
      const page = await newChat(ofAda);
      await ask(page, question);
      expect(await transcript(page)).toEqual([expect.stringContaining(question), expect.stringMatching(answer)]);
      await expectSameAfterReload(page);
    });

    test("shows the files of a question", async () => {
      const page = await newChat(ofAda);
      const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>`;
      await page.getByLabel("Files").setInputFiles([
        { name: "dot.svg", mimeType: "image/svg+xml", buffer: Buffer.from(svg) },
        { name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("Tea.") },
      ]);
      await ask(page, "What is it?");
      expect((await transcript(page))[0]).toMatch(/notes\.txt[^]*What is it\?[^]*data:image\/svg/);
      await expectSameAfterReload(page);
    });

    describe.each([
      {
        what: "approves a call",
        question: "Order",
        button: "Approve",
        answer: /placeOrder is done[^]*2 × tea[^]*after/,
      },
      { what: "denies a call", question: "Order", button: "Deny", answer: /placeOrder was denied[^]*Answer \d+ after/ },
      {
        what: "runs its tool",
        question: "Where",
        button: "Tell my time zone",
        answer: /timeZone is done[^]*Tokyo[^]*after/,
      },
    ])("$what", ({ question, button, answer }) => {
      test.each([
        ["at once", async () => {}],
        ["after a reload", expectSameAfterReload],
      ])("%s", async (_when, before) => {
        const page = await newChat(ofAda);
        await ask(page, question);
        await before(page);
        await page.getByRole("button", { name: button }).click();
        await page.getByRole("article").filter({ hasText: answer }).waitFor();
        await settled(page);
        expect(await transcript(page)).toHaveLength(2);
        await expectSameAfterReload(page);
      });
    });

    test("edits a question, which takes the place of all that followed", async () => {
      const page = await newChat(ofAda);
      await ask(page, "Hello");
      await ask(page, "Goodbye");
      await page.getByRole("button", { name: "Edit" }).first().click();
      await page.getByLabel("Question").fill("Good evening");
      await page.getByRole("button", { name: "Ask again" }).click();
      await page
        .getByRole("article")
        .filter({ hasText: /to “Good evening”/ })
        .waitFor();
      await settled(page);
      expect(await transcript(page)).toEqual([
        expect.stringContaining("Good evening"),
        expect.stringContaining("Answer"),
      ]);
      await expectSameAfterReload(page);
    });

    test("regenerates an answer", async () => {
      const page = await newChat(ofAda);
      await ask(page, "Hello");
      await ask(page, "Goodbye");
      const before = await transcript(page);
      await page.getByRole("button", { name: "Regenerate" }).click();
      await expect.poll(async () => (await transcript(page))[3] ?? "").toMatch(/Answer \d+ to “Goodbye”/);
      await settled(page);
      const after = await transcript(page);
      expect(after.slice(0, 3)).toEqual(before.slice(0, 3));
      expect(after[3]).not.toBe(before[3]);
      await expectSameAfterReload(page);
    });

    test("stops an answer before it says anything", async () => {
      const page = await newChat(ofAda);
      await ask(page, "Silently", { isSlow: true });
      await page.getByRole("button", { name: "Stop" }).click();
      await settled(page);
      expect(await page.getByRole("alert").innerText()).toContain("This was not answered to its end.");
      await expectSameAfterReload(page);
      await ask(page, "Hello");
      expect((await transcript(page)).at(-1)).toMatch(/to “Hello”/);
    });

    test("goes on with an answer that has said nothing when the page is reloaded", async () => {
      const page = await newChat(ofAda);
      await ask(page, "Silently", { isSlow: true });
      await reload(page);
      await page.getByRole("button", { name: "Stop" }).waitFor();
      site.release();
      await page.getByText(slowEnd.trim()).waitFor();
      await settled(page);
      await expectSameAfterReload(page);
    });

    test("stops an answer, keeps what had arrived, and goes on", async () => {
      const page = await newChat(ofAda);
      await ask(page, "Slowly", { isSlow: true });
      await page.getByText(slowStart).waitFor();
      await page.getByRole("button", { name: "Stop" }).click();
      await settled(page);
      expect((await transcript(page))[1]).toContain(slowStart);
      await expectSameAfterReload(page);
      await ask(page, "Hello");
      expect(await transcript(page)).toHaveLength(4);
      await expectSameAfterReload(page);
    });

    test("goes on with an answer when the page is reloaded in the middle of it", async () => {
      const page = await newChat(ofAda);
      await ask(page, "Hello");
      await ask(page, "Slowly", { isSlow: true });
      await page.getByText(slowStart).waitFor();
      await reload(page);
      await page.getByText(slowStart).waitFor();
      await page.getByRole("button", { name: "Stop" }).waitFor();
      site.release();
      await page.getByText(slowStart + slowEnd).waitFor();
      await settled(page);
      expect(await transcript(page)).toHaveLength(4);
      await expectSameAfterReload(page);
    });

    test("goes on with an answer after an approval when the page is reloaded in the middle of it", async () => {
      const page = await newChat(ofAda);
      await ask(page, "Order slowly");
      await page.getByRole("button", { name: "Approve" }).click();
      await page.getByText(slowStart).waitFor();
      await reload(page);
      await page.getByText(slowStart).waitFor();
      await page.getByRole("button", { name: "Stop" }).waitFor();
      const [, answer] = await transcript(page);
      expect(answer).toMatch(/Shall I\?[^]*placeOrder is done[^]*2 × tea[^]*Once upon a time/);
      site.release();
      await page.getByText(slowStart + slowEnd).waitFor();
      await settled(page);
      expect(await transcript(page)).toHaveLength(2);
      await expectSameAfterReload(page);
    });

    test("goes on with a call that is being written when the page is reloaded", async () => {
      const page = await newChat(ofAda);
      await ask(page, "Roll slowly", { isSlow: true });
      await page.getByText("rollDice is being called").waitFor();
      await reload(page);
      await page.getByText("rollDice is being called").waitFor();
      site.release();
      await page.getByText(/Answer \d+ after/).waitFor();
      await settled(page);
      expect((await transcript(page))[1]).toMatch(/^rollDice is done[^]*\[\d\][^]*Answer \d+ after/);
      await expectSameAfterReload(page);
    });

    test("finishes an answer whose tab is closed", async () => {
      const page = await newChat(ofAda);
      await ask(page, "Slowly", { isSlow: true });
      await page.getByText(slowStart).waitFor();
      const id = chatIdOf(page);
      await page.close();
      site.release();
      const again = await openChat(ofAda, id);
      await again.getByText(slowStart + slowEnd).waitFor();
      await settled(again);
      await expectSameAfterReload(again);
    });

    test("shows the same in two tabs", async () => {
      const first = await newChat(ofAda);
      await ask(first, "Slowly", { isSlow: true });
      await first.getByText(slowStart).waitFor();
      const second = await openChat(ofAda, chatIdOf(first));
      await second.getByText(slowStart).waitFor();
      site.release();
      await Promise.all([first, second].map((page) => page.getByText(slowStart + slowEnd).waitFor()));
      await settled(second);
      await ask(second, "Hello");
      await first.getByText(/to “Hello”/).waitFor();
      await settled(first);
      expect(await transcript(first)).toEqual(await transcript(second));
      expect(await transcript(first)).toHaveLength(4);
    });

    test("decides once in two tabs", async () => {
      const first = await newChat(ofAda);
      await ask(first, "Order");
      const second = await openChat(ofAda, chatIdOf(first));
      // As fast as a user with two hands: one of them may come too late, is told so, and sees what the other did.
      const tabs = [first, second];
      await Promise.all(tabs.map((page) => page.getByRole("button", { name: "Approve" }).click()));
      await Promise.any(tabs.map((page) => page.getByText(/Answer \d+ after/).waitFor()));
      await Promise.all(tabs.map(settled));
      for (const page of tabs) {
        for (const button of await page.getByRole("button", { name: "Try again" }).all()) {
          await button.click();
        }
        await page.getByText(/Answer \d+ after/).waitFor();
      }
      site.reported.length = 0;
      const shown = await transcript(first);
      expect(await transcript(second)).toEqual(shown);
      expect(shown).toHaveLength(2);
      expect(shown[1]?.match(/placeOrder is done/g)).toHaveLength(1);
      await expectSameAfterReload(first);
    });

    test.each(["Fail", "Fail halfway"])("shows that the model failed, and tries again: %s", async (question) => {
      const page = await newChat(ofAda);
      await ask(page, `${question}: ${crypto.randomUUID()}`);
      expect(await page.getByRole("alert").innerText()).toContain("The answer could not be finished.");
      expect(await page.content()).not.toContain("secret");
      expect(site.reported.splice(0)).toHaveLength(1);
      await page.getByRole("button", { name: "Try again" }).click();
      await page.getByText(/Answer \d+ after a failure/).waitFor();
      await settled(page);
      expect(await transcript(page)).toHaveLength(2);
      expect(await page.getByRole("alert").count()).toBe(0);
      await expectSameAfterReload(page);
    });

    test("goes on after an approval when the model failed, and runs the tool once", async () => {
      const page = await newChat(ofAda);
      await ask(page, `Order, then fail: ${crypto.randomUUID()}`);
      await page.getByRole("button", { name: "Approve" }).click();
      await page.getByRole("alert").waitFor();
      expect(site.reported.splice(0)).toHaveLength(1);
      const [, failed] = await transcript(page);
      const order = failed?.match(/"order":\d+/)?.[0] ?? "none";
      await page.getByRole("button", { name: "Try again" }).click();
      await page.getByText(/Answer \d+ after a failure/).waitFor();
      await settled(page);
      const [, answer] = await transcript(page);
      expect(answer?.match(/"order":\d+/g)).toEqual([order]);
      await expectSameAfterReload(page);
    });

    test("tries again when the server could not be reached", async () => {
      const page = await newChat(ofAda);
      await page.route("**/api/chats", (route) =>
        route.request().method() === "POST" ? route.abort() : route.continue(),
      );
      await ask(page, "Hello");
      expect(await page.getByRole("alert").innerText()).toContain("The server cannot be reached.");
      await page.unroute("**/api/chats");
      await page.getByRole("button", { name: "Try again" }).click();
      await page.getByText(/to “Hello”/).waitFor();
      await settled(page);
      expect(await transcript(page)).toHaveLength(2);
      await expectSameAfterReload(page);
    });

    test("shows the status of a refused question", async () => {
      const page = await newChat(ofBob);
      const cookies = await ofBob.cookies();
      await ofBob.clearCookies();
      await ask(page, "Hello");
      expect(await page.getByRole("alert").first().innerText()).toContain("You are no longer signed in. (401)");
      await ofBob.addCookies(cookies);
      await page.getByRole("button", { name: "Try again" }).last().click();
      await page.getByText(/to “Hello”/).waitFor();
    });

    test("lists the chats by their titles, newest first, page by page", async () => {
      const ids = Array.from({ length: 23 }, () => crypto.randomUUID());
      for (const [index, id] of ids.entries()) {
        await post(ofBob, id, `Listed ${index}`);
      }
      const page = await newChat(ofBob);
      await page.reload();
      const links = page.getByRole("navigation").getByRole("link", { name: "Listed" });
      await links.first().waitFor();
      expect(await page.getByRole("navigation").getByRole("link").count()).toBe(20);
      await page.getByRole("button", { name: "More chats" }).click();
      const names = ids.map((_id, index) => `Listed ${index}`);
      await expect.poll(async () => (await links.allInnerTexts()).toSorted()).toEqual(names.toSorted());
      // The times of chats are whole seconds.
      await page.waitForTimeout(1100);
      await post(ofBob, ids[4] ?? "", "And then?");
      await page.reload();
      await links.first().waitFor();
      expect((await links.allInnerTexts())[0]).toBe("Listed 4");
    });

    test("renames and deletes chats", async () => {
      const page = await newChat(ofAda);
      const question = `Hello ${crypto.randomUUID()}`;
      const name = `Tea ${crypto.randomUUID()}`;
      await ask(page, question);
      await page.getByRole("button", { name: `Rename ${question}` }).click();
      await page.getByLabel("Title").fill(name);
      await page.getByRole("button", { name: "Save" }).click();
      await page.getByRole("link", { name }).waitFor();
      await reload(page);
      page.once("dialog", (dialog) => void dialog.accept());
      await page.getByRole("button", { name: `Delete ${name}` }).click();
      await page.getByRole("link", { name }).waitFor({ state: "detached" });
      expect(await page.getByRole("article").count()).toBe(0);
    });

    test("loads older messages when they are asked for", async () => {
      const id = crypto.randomUUID();
      for (let turn = 0; turn < 23; turn += 1) {
        await post(ofAda, id, `Turn ${turn}.`);
      }
      const page = await openChat(ofAda, id);
      expect(await page.getByRole("article").count()).toBe(40);
      await page.getByRole("button", { name: "Older messages" }).click();
      await expect.poll(() => page.getByRole("article").count()).toBe(46);
      await ask(page, "Turn 23.");
      const questions = await page.getByRole("article", { name: "You" }).allInnerTexts();
      expect(questions.map((text) => text.split("\n")[0])).toEqual(
        Array.from({ length: 24 }, (_, turn) => `Turn ${turn}.`),
      );
      expect(await page.getByRole("button", { name: "Older messages" }).count()).toBe(0);
    });

    test("shows nobody the chats of another user, nor that they are there", async () => {
      const page = await newChat(ofAda);
      await ask(page, "Secret plans");
      const id = chatIdOf(page);
      const other = await newChat(ofBob);
      expect(await other.getByRole("navigation").innerText()).not.toContain("Secret plans");
      await other.goto(`/chats/${id}`);
      expect(await other.getByRole("alert").innerText()).toContain("There is no such chat. (404)");
      await expectSameAfterReload(page);
    });
  },
);
