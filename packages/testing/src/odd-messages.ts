import fc from "fast-check";

const anything = fc.jsonValue({ maxDepth: 3 }) as fc.Arbitrary<never>;
/** A message of a database with whatever content. */
export const oddMessage = fc.record(
  {
    role: fc.oneof(fc.constantFrom("system", "user", "assistant", "model", "developer", "tool", "other")),
    content: anything,
    toolCalls: anything,
    toolCallId: anything,
    toolName: anything,
    reasoningContent: anything,
    images: anything,
    files: anything,
    providerData: fc.oneof(
      anything,
      fc.record({
        ai_sdk: fc.oneof(anything, fc.record({ parts: anything, output: anything, options: anything })),
      }),
    ),
  },
  { requiredKeys: ["role"] },
);
