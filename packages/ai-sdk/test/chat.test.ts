import { InMemorySessionDb } from "@sessiondb/core";
import { SqliteSessionDb } from "@sessiondb/sqlite";
import { chatId, chatTests, type ChatParts } from "@sessiondb/testing/chats";
import { convertToModelMessages, stepCountIs, streamText } from "ai";
import { describe } from "vitest";
import { chatStore } from "../src/index.ts";

const stores = [
  ["memory", () => new InMemorySessionDb()],
  ["SQLite", () => new SqliteSessionDb({ file: ":memory:" })],
] as const;

/** A model whose stream ends with an abort, as those of providers do: the AI SDK waits for it. */
function obedient(model: ChatParts["model"]): ChatParts["model"] {
  const doStream = model.doStream.bind(model);
  model.doStream = async (options) => {
    const { stream, ...rest } = await doStream(options);
    const { abortSignal: signal } = options;
    return { ...rest, stream: stream.pipeThrough(new TransformStream(), signal === undefined ? {} : { signal }) };
  };
  return model;
}

describe.each(stores)("on %s", (_name, open) => {
  describe.each([false, true])("a chat with streamText, resumable: %s", (resumable) => {
    chatTests(({ model, tools }) => {
      const db = open();
      const chats = chatStore(db.forUser("ada"));
      return {
        db,
        answer: async (body, signal) => {
          const turn = await chats.turn(body, { resumable });
          const result = streamText({
            model: obedient(model),
            tools,
            stopWhen: stepCountIs(5),
            messages: await convertToModelMessages(turn.messages, { tools }),
            ...(signal !== undefined && { abortSignal: signal }),
            onError: () => {},
          });
          return result.toUIMessageStreamResponse(turn.streamOptions);
        },
        load: async () => (await chats.load(chatId, { turns: 100 }))?.messages ?? [],
      };
    });
  });
});
