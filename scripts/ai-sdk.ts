// The tier `ai7` runs the examples, and the documents' programs about agents, on version 7 of the AI SDK.

export const isOnAiSdk7 = process.env["SESSIONDB_TEST_TIER"] === "ai7";

/** Node's options for a program. */
export const aiSdkFlags: readonly string[] = isOnAiSdk7
  ? [`--import=${new URL("ai-sdk-7.mjs", import.meta.url).href}`]
  : [];
