import { PostgresSessionDb } from "@sessiondb/postgres";

// append-runs <url> <schema> <session id or "own"> <writers> <runs each> <number>: writers that append at once, each run
// after the one before it was acknowledged.
const [url = "", schema = "", sessionId = "", writers = "0", runs = "0", name = ""] = process.argv.slice(2);

await using db = new PostgresSessionDb({ url, schema, retryTimeout: 60_000 });
await Promise.all(
  Array.from({ length: Number(writers) }, async (_, writer) => {
    for (let index = 0; index < Number(runs); index += 1) {
      await db.upsertRun({
        session: {
          sessionType: "agent",
          sessionId: sessionId === "own" ? `${name}.${writer}` : sessionId,
          agentId: "a",
        },
        run: { runType: "agent", agentId: "a", runId: `${name}.${writer}-${index}`, content: "x" },
      });
    }
  }),
);
