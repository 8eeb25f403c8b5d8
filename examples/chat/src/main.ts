import { randomBytes } from "node:crypto";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { createAdaptorServer } from "@hono/node-server";
import { openSessionDb } from "@sessiondb/core";
import { chatApp } from "./app.ts";
import { assistant } from "./assistant.ts";

const { OPENAI_API_KEY: apiKey, OPENAI_BASE_URL: baseURL = "https://api.openai.com/v1" } = process.env;
const hostname = "127.0.0.1";

if (apiKey === undefined) {
  console.error("Set OPENAI_API_KEY, and OPENAI_BASE_URL for any other server of the chat-completions protocol.");
  process.exitCode = 1;
} else {
  const model = createOpenAICompatible({ name: "openai", apiKey, baseURL })(
    process.env["OPENAI_MODEL"] ?? "gpt-4o-mini",
  );
  const db = await openSessionDb(process.env["DATABASE_URL"] ?? "sqlite:chats.db");
  const app = chatApp({
    agent: assistant(model, db),
    db,
    // Without one of your own, a restart signs everybody out.
    secret: process.env["CHAT_SECRET"] ?? randomBytes(32).toString("hex"),
    client: process.env["CHAT_CLIENT"] ?? fileURLToPath(new URL("../dist/client", import.meta.url)),
    report: (error) => console.error(error),
  });
  const server = createAdaptorServer({ fetch: app.fetch });
  server.listen(Number(process.env["PORT"] ?? 3000), hostname, () => {
    console.log(`http://${hostname}:${(server.address() as AddressInfo).port}/`);
  });
}
