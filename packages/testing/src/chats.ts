import type { SessionDb } from "@sessiondb/core";
import {
  lastAssistantMessageIsCompleteWithApprovalResponses,
  lastAssistantMessageIsCompleteWithToolCalls,
  tool,
  validateUIMessages,
  type ToolSet,
  type UIMessage,
} from "ai";
import { describe, expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { ChatPage, shownMessage } from "./chat-page.ts";
import { refusal } from "./refusal.ts";
import { scriptedModel, type Answer } from "./scripted-model.ts";

// What a page asks of a chat, and that it shows the same after a reload: one matrix for agents, teams and streamText.

/** The id of the chat. */
export const chatId = "chat";

const inputSchema = z.object({ city: z.string() });
const call = (name: string) => ({ name, input: { city: "Bonn" }, id: `call-${name}` });

/** The server of a chat, with a store of its own. */
export interface ChatSite {
  readonly db: SessionDb;
  /** Answers the body of a request of the page. The signal aborts when the page stops the answer. */
  readonly answer: (body: unknown, signal?: AbortSignal) => Promise<Response>;
  /** Returns the messages with which a page begins. */
  readonly load: () => Promise<UIMessage[]>;
}

/** What a server answers with. */
export interface ChatParts {
  readonly model: ReturnType<typeof scriptedModel>;
  readonly tools: ToolSet;
}

/** Returns tools: one that asks first, and two that run in the browser, the second of which converts for the model. */
function chatTools(booked: string[]): ToolSet {
  return {
    book: tool({
      inputSchema,
      needsApproval: true,
      execute: ({ city }) => {
        booked.push(city);
        return { booked: city };
      },
    }),
    place: tool({ inputSchema }),
    picture: tool({ inputSchema, toModelOutput: () => ({ type: "text", value: "a picture" }) }),
  };
}

/** Returns what a page would show after a reload. */
async function reloaded({ load }: ChatSite): Promise<UIMessage[]> {
  const messages = await load();
  return messages.length === 0 ? [] : (await validateUIMessages({ messages })).map(shownMessage);
}

async function expectSame(chat: OpenedChat): Promise<void> {
  // A stream may end for the page before its answer is stored, if it fails.
  await expect.poll(() => reloaded(chat)).toEqual(chat.page.shown);
}

/** Waits until the page has its answer, also to what it sends by itself. */
async function settled(page: ChatPage, messages: number, state?: string): Promise<void> {
  await expect
    .poll(() => [
      page.status,
      page.messages.length,
      state === undefined || JSON.stringify(page.messages).includes(state),
    ])
    .toEqual(["ready", messages, true]);
}

interface OpenedChat extends ChatSite {
  readonly page: ChatPage;
  readonly model: ChatParts["model"];
  /** What the tool booked. */
  readonly booked: string[];
  /** The bodies that the page sent. */
  readonly requests: unknown[];
}

/** Tests the chats of a server, which `open` starts. */
export function chatTests(open: (parts: ChatParts) => ChatSite): void {
  describe.each([false, true])("whose page sends its last message alone: %s", (sendsLast) => {
    const opened = async (script: readonly Answer[]): Promise<OpenedChat> => {
      const booked: string[] = [];
      const requests: unknown[] = [];
      const model = scriptedModel(script);
      const site = open({ model, tools: chatTools(booked) });
      onTestFinished(() => site.db.close());
      const page = new ChatPage({
        id: chatId,
        server: async (request, signal) => {
          const body: unknown = await request.json();
          requests.push(body);
          return site.answer(body, signal ?? undefined);
        },
        sendsLast,
        sendAutomaticallyWhen: (options) =>
          lastAssistantMessageIsCompleteWithApprovalResponses(options) ||
          lastAssistantMessageIsCompleteWithToolCalls(options),
      });
      return { ...site, page, model, booked, requests };
    };

    test("shows the same after a reload, turn by turn", async () => {
      const chat = await opened(["One", "Two", "Three"]);
      for (const text of ["A", "B", "C"]) {
        await chat.page.sendMessage({ text, metadata: { at: text } });
        await expectSame(chat);
      }
      expect(chat.page.messages).toHaveLength(6);
    });

    test("keeps files and data of a question", async () => {
      const chat = await opened(["Nice"]);
      await chat.page.sendMessage({
        parts: [
          { type: "file", mediaType: "image/png", url: "data:image/png;base64,iVBORw0KGgo=", filename: "a.png" },
          { type: "text", text: "Look" },
          { type: "data-place", id: "d", data: { x: 1 } },
          { type: "file", mediaType: "text/plain", url: "data:text/plain;base64,aGk=" },
        ],
      });
      await expectSame(chat);
    });

    test("takes an edited question in the place of all that follow", async () => {
      const chat = await opened(["One", "Two", "Three", "New"]);
      for (const text of ["A", "B", "C"]) {
        await chat.page.sendMessage({ text });
      }
      const messageId = chat.page.messages[2]?.id as string;
      await chat.page.sendMessage({ text: "B, edited", messageId });
      expect(chat.page.shown.map(({ parts }) => parts.at(-1))).toMatchObject([
        { text: "A" },
        { text: "One" },
        { text: "B, edited" },
        { text: "New" },
      ]);
      await expectSame(chat);
      const prompt = JSON.stringify(chat.model.prompts.at(-1));
      expect([prompt.includes("One"), prompt.includes("Two"), prompt.includes('"B"')]).toEqual([true, false, false]);
    });

    test.each([0, 1, 2])("answers the question %i again", async (place) => {
      const chat = await opened(["One", "Two", "Three", "Again"]);
      for (const text of ["A", "B", "C"]) {
        await chat.page.sendMessage({ text });
      }
      await chat.page.regenerate(place === 2 ? {} : { messageId: chat.page.messages[place * 2 + 1]?.id as string });
      expect(chat.page.shown.at(-1)?.parts.at(-1)).toMatchObject({ text: "Again" });
      expect(chat.page.shown).toHaveLength(place * 2 + 2);
      await expectSame(chat);
    });

    test("answers again after an error", async () => {
      const chat = await opened(["One", new Error("overloaded"), "Two"]);
      await chat.page.sendMessage({ text: "A" });
      await chat.page.sendMessage({ text: "B" });
      expect(chat.page.status).toBe("error");
      await expectSame(chat);
      await chat.page.regenerate();
      await expectSame(chat);
      expect(chat.page.shown).toHaveLength(4);
    });

    test("keeps the old answer if the new one fails", async () => {
      const chat = await opened(["One", new Error("overloaded"), "Two"]);
      await chat.page.sendMessage({ text: "A" });
      const before = chat.page.shown;
      await chat.page.regenerate();
      expect(chat.page.status).toBe("error");
      await expect.poll(() => reloaded(chat)).toEqual(before);
      await chat.page.regenerate();
      expect(chat.page.shown).toHaveLength(2);
      await expectSame(chat);
    });

    test("keeps the answer until it was stopped", async () => {
      let isStuck = false;
      const chat = await opened(["One", { stuckAfter: "Half", whenStuck: () => (isStuck = true) }, "On"]);
      await chat.page.sendMessage({ text: "A" });
      const sent = chat.page.sendMessage({ text: "B" });
      await expect.poll(() => isStuck).toBe(true);
      await expect.poll(() => JSON.stringify(chat.page.messages)).toContain("Half");
      await chat.page.stop();
      await sent;
      await expect
        .poll(async () => (await chat.db.getRuns({ sessionId: chatId, sortOrder: "desc" })).runs[0]?.status)
        .toBe("CANCELLED");
      await expectSame(chat);
      await chat.page.sendMessage({ text: "C" });
      await expectSame(chat);
    });

    describe.each([true, false])("whose call is approved: %s", (approved) => {
      test("goes on under the id of the answer", async () => {
        const script = ["One", { calls: [call("book")], text: "Wait." }, "Done."];
        const chat = await opened(script);
        await chat.page.sendMessage({ text: "A" });
        await chat.page.sendMessage({ text: "B" });
        await expectSame(chat);
        const answer = chat.page.messages.at(-1) as UIMessage;
        const part = answer.parts.find(({ type }) => type === "tool-book") as { approval: { id: string } };
        await chat.page.addToolApprovalResponse({
          id: part.approval.id,
          approved,
          ...(!approved && { reason: "Too far" }),
        });
        await settled(chat.page, 4, "Done.");
        expect(chat.page.messages.at(-1)?.id).toBe(answer.id);
        expect(chat.booked).toEqual(approved ? ["Bonn"] : []);
        await expectSame(chat);
      });
    });

    test("takes the results of tools in the browser, and approvals beside them", async () => {
      const script = [{ calls: [call("place"), call("picture"), call("book")] }, "Done."];
      const chat = await opened(script);
      await chat.page.sendMessage({ text: "A" });
      await expectSame(chat);
      await chat.page.addToolOutput({ tool: "place", toolCallId: "call-place", output: { x: 1 } });
      await chat.page.addToolOutput({
        tool: "picture",
        toolCallId: "call-picture",
        output: { bytes: "AQI=" },
      });
      const part = chat.page.messages.at(-1)?.parts.find(({ type }) => type === "tool-book") as {
        approval: { id: string };
      };
      await chat.page.addToolApprovalResponse({ id: part.approval.id, approved: true });
      await settled(chat.page, 2, "Done.");
      expect(chat.booked).toEqual(["Bonn"]);
      await expectSame(chat);
      expect(JSON.stringify(chat.model.prompts.at(-1))).toContain("a picture");
    });

    test("takes the error of a tool in the browser", async () => {
      const chat = await opened([{ calls: [call("place")] }, "Done."]);
      await chat.page.sendMessage({ text: "A" });
      await chat.page.addToolOutput({
        state: "output-error",
        tool: "place",
        toolCallId: "call-place",
        errorText: "no permission",
      } as never);
      await settled(chat.page, 2, "Done.");
      await expectSame(chat);
    });

    test("asks once when a request is sent twice, also when more was said since", async () => {
      const chat = await opened(["One", "Two", "Three"]);
      await chat.page.sendMessage({ text: "A" });
      await chat.page.sendMessage({ text: "B" });
      for (const body of chat.requests.slice(0, 2)) {
        await refusal(chat.answer(body), "RUN_NOT_CONTINUABLE");
      }
      expect(chat.model.prompts).toHaveLength(2);
      await expectSame(chat);
    });

    test("asks what was not stored, as a page does that tries again", async () => {
      const chat = await opened(["One", "Two"]);
      await chat.page.sendMessage({ text: "A" });
      const lost = { id: "lost", role: "user", parts: [{ type: "text", text: "B" }] };
      const body = { id: chatId, trigger: "regenerate-message", messages: [lost] };
      await (await chat.answer(body)).text();
      await expect.poll(async () => (await reloaded(chat)).length).toBe(4);
    });
  });
}
