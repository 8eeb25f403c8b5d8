import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { analyst } from "./analyst.ts";
import type { Example } from "./example.ts";
import { historyOnAndOff } from "./history.ts";
import { memoriesAndHistory } from "./memories-and-history.ts";
import { memories } from "./memories.ts";
import { ownStorage } from "./own-storage.ts";
import { persistentSession } from "./persistent-session.ts";
import { purge } from "./purge.ts";
import { sessionMethods } from "./session-methods.ts";
import { severalUsers } from "./several-users.ts";
import { sharedThread } from "./shared-thread.ts";
import { state } from "./state.ts";
import { summaries } from "./summaries.ts";
import { team } from "./team.ts";
import { twoConversations } from "./two-conversations.ts";
import { workflow } from "./workflow.ts";

const examples: Readonly<Record<string, Example>> = {
  "persistent-session": persistentSession,
  "two-conversations": twoConversations,
  history: historyOnAndOff,
  summaries,
  memories,
  "memories-and-history": memoriesAndHistory,
  "session-methods": sessionMethods,
  "several-users": severalUsers,
  "own-storage": ownStorage,
  purge,
  "shared-thread": sharedThread,
  analyst,
  state,
  team,
  workflow,
};

const [name = ""] = process.argv.slice(2);
const example = examples[name];
const { OPENAI_API_KEY: apiKey, OPENAI_BASE_URL: baseURL = "https://api.openai.com/v1" } = process.env;

if (example === undefined) {
  console.error(`Name one of: ${Object.keys(examples).join(", ")}`);
  process.exitCode = 1;
} else if (apiKey === undefined) {
  console.error("Set OPENAI_API_KEY, and OPENAI_BASE_URL for any other server of the chat-completions protocol.");
  process.exitCode = 1;
} else {
  const provider = createOpenAICompatible({ name: "openai", apiKey, baseURL, supportsStructuredOutputs: true });
  const model = provider(process.env["OPENAI_MODEL"] ?? "gpt-4o-mini");
  await example({ model, db: process.env["DATABASE_URL"] ?? "sqlite:agents.db", say: (line) => console.log(line) });
}
