import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { Agent } from "@sessiondb/agent";
import { SqliteSessionDb } from "@sessiondb/sqlite";

// stream-slowly <url of the model> <file>: one turn, whose answer takes longer than this process lives.
const [baseURL = "", file = ""] = process.argv.slice(2);

const model = createOpenAICompatible({ name: "local", baseURL })("model");
const agent = new Agent({ id: "agent", model, db: new SqliteSessionDb({ file }), sessionId: "s" });
const stream = await agent.stream("Tell me a long story");
for await (const text of stream.textStream) {
  process.stdout.write(`${text === "" ? "" : "streaming"}\n`);
}
