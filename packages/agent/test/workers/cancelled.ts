import { Agent } from "@sessiondb/agent";
import { RunCancelledError } from "@sessiondb/core";
import { SqliteSessionDb } from "@sessiondb/sqlite";
import { scriptedModel } from "@sessiondb/testing/scripted-model";
import { jsonSchema, tool } from "ai";

// cancelled <file>: a turn of an agent that acts and then waits for a line of its input before its answer. Says the id of
// its run, "waits", and how it ended.
const [file = ""] = process.argv.slice(2);

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const act = tool({ inputSchema: jsonSchema({ type: "object" }), execute: () => "Bought milk" });
const answered = new Promise<string>((resolve) => {
  process.stdin.once("data", () => resolve("Done."));
});
const model = scriptedModel((_call, index) => {
  if (index === 0) {
    return { calls: [{ name: "act", id: "c1" }] };
  }
  say("waits");
  return answered;
});
await using db = new SqliteSessionDb({ file });
const agent = new Agent({
  id: "agent",
  model,
  db,
  tools: { act },
  sessionId: "s",
  staleAfter: 3,
  instructions: ({ runId }) => {
    say(runId);
    return "Buy.";
  },
});
try {
  say((await agent.run("Buy")).status);
} catch (error) {
  say(error instanceof RunCancelledError ? error.code : String(error));
}
process.stdin.destroy();
