import { InMemorySessionDb } from "@sessiondb/core";
import { SqliteSessionDb } from "@sessiondb/sqlite";
import { chatId } from "@sessiondb/testing/chats";
import { hostileChatTests } from "@sessiondb/testing/hostile-chats";
import { convertToModelMessages, stepCountIs, streamText } from "ai";
import { describe } from "vitest";
import { chatStore } from "../src/index.ts";

describe.each([
  ["memory", () => new InMemorySessionDb()],
  ["SQLite", () => new SqliteSessionDb({ file: ":memory:" })],
] as const)("on %s", (_name, open) => {
  describe.each([false, true])("a chat with streamText, resumable: %s", (resumable) => {
    hostileChatTests(({ model, tools }) => {
      const db = open();
      return {
        db,
        answer: async (body, userId) => {
          const turn = await chatStore(db.forUser(userId)).turn(body, { resumable });
          const messages = await convertToModelMessages(turn.messages, { tools });
          const result = streamText({ model, tools, stopWhen: stepCountIs(5), messages });
          return result.toUIMessageStreamResponse(turn.streamOptions).text();
        },
        load: async (userId) => (await chatStore(db.forUser(userId)).load(chatId))?.messages ?? [],
      };
    });
  });
});
