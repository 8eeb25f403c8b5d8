import { appendFileSync } from "node:fs";
import { Agent } from "@sessiondb/agent";
import { SqliteSessionDb } from "@sessiondb/sqlite";
import { jsonSchema, tool } from "ai";
import { scriptedModel } from "@sessiondb/testing/scripted-model";

// go-on <file> <run>: goes on with a paused run, whose tool is noted in a file; the model's answer never comes.
const [file = "", runId = ""] = process.argv.slice(2);

const pay = tool({
  inputSchema: jsonSchema<object>({ type: "object" }),
  needsApproval: true,
  execute: () => {
    process.stdout.write("pays\n");
    appendFileSync(`${file}.paid`, "paid\n");
    return "Paid";
  },
});
const model = scriptedModel(() => {
  process.stdout.write("asks\n");
  return { stuckAfter: "" };
});
const agent = new Agent({ id: "agent", model, db: new SqliteSessionDb({ file }), tools: { pay } });
const keepAlive = setInterval(() => {}, 1000);
await agent.continueRun({ runId, sessionId: "s", approvals: [{ toolCallId: "c", approved: true }] });
clearInterval(keepAlive);
