import { Agent, runContextOf } from "@sessiondb/agent";
import { PostgresSessionDb } from "@sessiondb/postgres";
import { jsonSchema, tool } from "ai";
import { scriptedModel } from "@sessiondb/testing/scripted-model";

// concurrent-runs <url> <schema> <runs> <number>: runs at once on one session, each of which notes a key and counts up.
const [url = "", schema = "", runs = "0", name = ""] = process.argv.slice(2);

const note = tool({
  inputSchema: jsonSchema<{ key: string }>({ type: "object", properties: { key: { type: "string" } } }),
  execute: ({ key }, options) => {
    const context = runContextOf(options);
    context.sessionState[key] = true;
    context.updateSessionState((state) => ({ ...state, count: Number(state["count"] ?? 0) + 1 }));
    return "noted";
  },
});

await using db = new PostgresSessionDb({ url, schema, retryTimeout: 60_000 });
await Promise.all(
  Array.from({ length: Number(runs) }, (_, index) => {
    const model = scriptedModel([{ calls: [{ name: "note", input: { key: `${name}.${index}` } }] }, "Noted"]);
    return new Agent({ id: "agent", model, db, tools: { note } }).run(`Note ${name}.${index}`, { sessionId: "s" });
  }),
);
