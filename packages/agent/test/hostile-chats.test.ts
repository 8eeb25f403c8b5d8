import { chatStore } from "@sessiondb/ai-sdk";
import { InMemorySessionDb } from "@sessiondb/core";
import { SqliteSessionDb } from "@sessiondb/sqlite";
import { chatId } from "@sessiondb/testing/chats";
import { hostileChatTests } from "@sessiondb/testing/hostile-chats";
import { scriptedModel } from "@sessiondb/testing/scripted-model";
import { describe } from "vitest";
import { Agent, Team } from "../src/index.ts";

describe.each([
  ["memory", () => new InMemorySessionDb()],
  ["SQLite", () => new SqliteSessionDb({ file: ":memory:" })],
] as const)("on %s", (_name, open) => {
  describe.each(["agent", "team"])("the chat of an %s", (kind) => {
    hostileChatTests(({ model, tools }) => {
      const db = open();
      const settings = { id: "a", db, model, tools, numHistoryRuns: 20 };
      const member = new Agent({ id: "m", model: scriptedModel([]) });
      const component = kind === "agent" ? new Agent(settings) : new Team({ ...settings, members: [member] });
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
