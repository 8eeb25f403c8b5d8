import { JsonFileSessionDb } from "./json-file-session-db.ts";

// One turn, kept in sessions.json of the current folder. Run it again: the session goes on where it stopped.
await using db = new JsonFileSessionDb("sessions.json");
const sessionId = "hello";

await db.upsertRun({
  session: { sessionType: "agent", sessionId, agentId: "greeter" },
  run: {
    runType: "agent",
    runId: crypto.randomUUID(),
    messages: [
      { role: "user", content: "How often did I say hello?" },
      { role: "assistant", content: "Let me count." },
    ],
  },
  change: ({ sessionState }) => ({ sessionState: { hellos: Number(sessionState["hellos"] ?? 0) + 1 } }),
});

const session = await db.getSession({ sessionId });
console.log(`${sessionId}: ${session?.runs.length} runs, state ${JSON.stringify(session?.sessionState)}`);
