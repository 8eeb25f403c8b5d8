import { chatStore } from "@sessiondb/ai-sdk";
import { chatId } from "@sessiondb/testing/chats";
import { hostileChatTests } from "@sessiondb/testing/hostile-chats";
import { describe } from "vitest";
import { chatComponent, chatKinds, chatStores } from "./support/chat-components.ts";

describe.each(chatStores)("on %s", (_name, open) => {
  describe.each(chatKinds)("the chat of an %s", (kind) => {
    hostileChatTests((parts) => {
      const db = open();
      const component = chatComponent(kind, db, parts);
      return {
        db,
        answer: async (body, userId) => {
          const stream = await component.streamChat(body, { userId });
          const said = await stream.toUIMessageStreamResponse().text();
          await stream.result;
          return said;
        },
        load: async (userId) => (await chatStore(db.forUser(userId), { component }).load(chatId))?.messages ?? [],
      };
    });
  });
});
