import { SessionDbError } from "@sessiondb/core";
import { PostgresSessionDb } from "@sessiondb/postgres";
import pg from "pg";
import { Agno } from "./agno.ts";

const schema = "example_ai";
const sessionId = "weather-1";

const url = process.env["DATABASE_URL"];
if (url === undefined || url === "") {
  console.error(
    "DATABASE_URL is not set: postgres://user:password@host:5432/database, of a user who may create schemas",
  );
  process.exit(1);
}
const client = new pg.Client({ connectionString: url });
try {
  await client.connect();
  await tell(url, client);
} catch (error) {
  console.error(SessionDbError.isInstance(error) ? `${error.code}: ${error.message}` : error);
  process.exitCode = 1;
} finally {
  await client.end();
}

async function tell(databaseUrl: string, own: pg.Client): Promise<void> {
  await own.query(`drop schema if exists ${schema} cascade`);
  // Whoever comes first creates the tables: Agno 3 finds them right, and issues no DDL.
  await using db = new PostgresSessionDb({ url: databaseUrl, schema });
  await db.migrate();
  const agno = new Agno(own, schema);
  const mine = db.forUser("user-1");

  await agno.twoTurns();
  const found = await mine.getSession({ sessionId });
  console.log(`TypeScript reads ${found?.runs.length} runs of Agno:`);
  for (const { role, content, toolCalls } of found?.messages ?? []) {
    console.log(
      `  ${role}: ${typeof content === "string" && content !== "" ? content : `${toolCalls?.length} tool call`}`,
    );
  }

  await mine.upsertRun({
    session: { sessionType: "agent", sessionId, agentId: "weather-agent" },
    run: {
      runType: "agent",
      runId: crypto.randomUUID(),
      agentId: "weather-agent",
      input: { inputContent: "And in Rome?" },
      content: "Rain in Rome.",
      messages: [
        { role: "user", content: "And in Rome?" },
        { role: "assistant", content: "Rain in Rome." },
      ],
    },
  });
  const seen = await agno.runs();
  console.log(`Agno reads ${seen.length} runs; the last one says: ${String(seen.at(-1)?.["content"])}`);

  await agno.anotherTurn("Then where to?", "To Paris.");
  const newest = await mine.getSession({ sessionId, runsLimit: 2 });
  console.log(`TypeScript's newest two: ${newest?.runs.map(({ content }) => JSON.stringify(content)).join(", ")}`);
  const { rows } = await own.query<{ run_index: string }>(
    `select run_index from ${schema}.agno_runs where session_id = $1 order by run_index`,
    [sessionId],
  );
  console.log(`places: ${rows.map((row) => row.run_index).join(", ")}`);
}
