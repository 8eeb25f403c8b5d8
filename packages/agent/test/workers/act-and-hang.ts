import { Agent } from "@sessiondb/agent";
import { SqliteSessionDb } from "@sessiondb/sqlite";
import { scriptedModel } from "@sessiondb/testing/scripted-model";
import { jsonSchema, tool } from "ai";

// act-and-hang <file> <how>: runs or streams a turn of three answers, of which the last never comes. Each of the others
// calls a tool.
const [file = "", how = "run"] = process.argv.slice(2);

const act = tool({
  inputSchema: jsonSchema<{ item: string }>({ type: "object" }),
  execute: ({ item }) => `Bought ${item}`,
});
const model = scriptedModel((_call, index) => {
  const item = ["milk", "bread"][index];
  if (item !== undefined) {
    return { calls: [{ name: "act", id: `c${index}`, input: { item } }], text: `I buy ${item}. ` };
  }
  setTimeout(() => process.stdout.write("hangs\n"), 200);
  return { stuckAfter: "And" };
});
const agent = new Agent({ id: "agent", model, db: new SqliteSessionDb({ file }), tools: { act }, sessionId: "s" });
const keepAlive = setInterval(() => {}, 1000);
await (how === "run" ? agent.run("Buy") : (await agent.stream("Buy")).result);
clearInterval(keepAlive);
