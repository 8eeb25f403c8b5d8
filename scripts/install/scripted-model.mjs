// Loaded before a program of the README: its model, which an id names, answers what the conversation says.
const usage = {
  inputTokens: { total: 1, noCache: 1, cacheRead: undefined, cacheWrite: undefined },
  outputTokens: { total: 1, text: 1, reasoning: undefined },
};

function answer(prompt) {
  const name = /My name is (\w+)/.exec(JSON.stringify(prompt))?.[1];
  return prompt.at(-1).content[0].text.endsWith("?") ? `Your name is ${name}.` : `Hello, ${name}.`;
}

globalThis.AI_SDK_DEFAULT_PROVIDER = {
  languageModel: (modelId) => ({
    specificationVersion: "v3",
    provider: "scripted",
    modelId,
    supportedUrls: {},
    doGenerate: async ({ prompt }) => ({
      content: [{ type: "text", text: answer(prompt) }],
      finishReason: { unified: "stop", raw: undefined },
      usage,
      warnings: [],
    }),
  }),
};
