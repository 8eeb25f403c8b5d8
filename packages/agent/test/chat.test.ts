import { chatStore } from "@sessiondb/ai-sdk";
import { chatId, chatTests } from "@sessiondb/testing/chats";
import { describe } from "vitest";
import { chatComponent, chatKinds, chatStores } from "./support/chat-components.ts";

const userId = "ada";

describe.each(chatStores)("on %s", (_name, open) => {
  describe.each(chatKinds)("a chat with an %s", (kind) => {
    chatTests((parts) => {
      const db = open();
      const component = chatComponent(kind, db, parts);
      return {
        db,
        answer: async (body, signal) => {
          const stream = await component.streamChat(body, { userId, signal });
          stream.result.catch(() => {});
          return stream.toUIMessageStreamResponse();
        },
        load: async () =>
          (await chatStore(db.forUser(userId), { component }).load(chatId, { turns: 100 }))?.messages ?? [],
      };
    });
  });
});
