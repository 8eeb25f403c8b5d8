import { chatStore } from "@sessiondb/ai-sdk";
import { InMemorySessionDb } from "@sessiondb/core";
import { SqliteSessionDb } from "@sessiondb/sqlite";
import { chatId, chatTests } from "@sessiondb/testing/chats";
import { scriptedModel } from "@sessiondb/testing/scripted-model";
import { describe } from "vitest";
import { Agent, Team } from "../src/index.ts";

const stores = [
  ["memory", () => new InMemorySessionDb()],
  ["SQLite", () => new SqliteSessionDb({ file: ":memory:" })],
] as const;
const userId = "ada";

describe.each(stores)("on %s", (_name, open) => {
  describe.each(["agent", "team"])("a chat with an %s", (kind) => {
    chatTests(({ model, tools }) => {
      const db = open();
      const settings = { id: "a", db, model, tools, numHistoryRuns: 20 };
      const member = new Agent({ id: "m", model: scriptedModel([]) });
      const component = kind === "agent" ? new Agent(settings) : new Team({ ...settings, members: [member] });
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
