import { MockLanguageModelV3 } from "ai/test";

/** Stands in for a language model, so that the example needs no key: it says what it was told. */
export const listener = new MockLanguageModelV3({
  doGenerate: async ({ prompt }) => {
    const told = prompt.flatMap(({ role, content }) =>
      role === "user" ? content.map((part) => (part.type === "text" ? part.text : "")) : [],
    );
    return {
      content: [{ type: "text", text: `You said: ${told.join(" ")}` }],
      finishReason: { unified: "stop", raw: "stop" },
      usage: {
        inputTokens: { total: 0, noCache: 0, cacheRead: 0, cacheWrite: 0 },
        outputTokens: { total: 0, text: 0, reasoning: 0 },
      },
      warnings: [],
    };
  },
});
