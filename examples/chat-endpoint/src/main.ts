import type { AddressInfo } from "node:net";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { createAdaptorServer } from "@hono/node-server";
import { Agent } from "@sessiondb/agent";
import type { Chat } from "./chat.ts";
import { honoApp } from "./hono-app.ts";
import { nodeServer } from "./node-server.ts";

const [kind = "node"] = process.argv.slice(2);
const { OPENAI_API_KEY: apiKey, OPENAI_BASE_URL: baseURL = "https://api.openai.com/v1" } = process.env;
const port = Number(process.env["PORT"] ?? 3000);
const hostname = "127.0.0.1";

// In place of your own login.
const users: Readonly<Record<string, string>> = { "Bearer ada-token": "ada", "Bearer bob-token": "bob" };

if (apiKey === undefined) {
  console.error("Set OPENAI_API_KEY, and OPENAI_BASE_URL for any other server of the chat-completions protocol.");
  process.exitCode = 1;
} else {
  const provider = createOpenAICompatible({ name: "openai", apiKey, baseURL });
  const chat: Chat = {
    agent: new Agent({
      id: "assistant",
      model: provider(process.env["OPENAI_MODEL"] ?? "gpt-4o-mini"),
      db: process.env["DATABASE_URL"] ?? "sqlite:chats.db",
    }),
    login: async ({ headers }) => users[headers.get("authorization") ?? ""] ?? null,
    report: (error) => console.error(error),
  };
  const server = kind === "hono" ? createAdaptorServer({ fetch: honoApp(chat).fetch }) : nodeServer(chat);
  server.listen(port, hostname, () => console.log(`http://${hostname}:${(server.address() as AddressInfo).port}/chat`));
}
