import { deepStrictEqual } from "node:assert/strict";
import { readFileSync } from "node:fs";
import { relative } from "node:path";
import { SqliteSessionDb } from "@sessiondb/sqlite";
import Database from "better-sqlite3";
import { showConversation, showSessions } from "./show.ts";
import { chapter, detail, gap, success, table, tell } from "./terminal.ts";

/** A new process: reads everything back, shows it, and compares it with what there was before the stop. */
export async function afterStop(file: string, expected: string): Promise<void> {
  await using db = new SqliteSessionDb({ file });
  chapter("Start again", 5);
  tell(`Process ${process.pid} opens the same file and finds:`);
  gap();
  const { sessions } = await db.forUser("user-1").getSessions({ includeRuns: true });
  showSessions(sessions);
  for (const session of sessions) {
    gap();
    detail(session.sessionName ?? session.sessionId);
    showConversation(session);
  }

  chapter("What is in the file");
  showTables(file);
  gap();
  deepStrictEqual(JSON.parse(JSON.stringify(sessions)), JSON.parse(readFileSync(expected, "utf8")));
  const runs = sessions.reduce((sum, session) => sum + session.runs.length, 0);
  success(`All ${sessions.length} sessions with their ${runs} runs are exactly as they were before the stop.`);
  success(`The file is there to look at: ${relative(process.env["INIT_CWD"] ?? process.cwd(), file)}`);
  success("How it is done: examples/quickstart-sqlite/src");
  success("What else there is: docs/getting-started.md");
}

function showTables(file: string): void {
  const client = new Database(file, { readonly: true });
  const count = (of: string): string => String(client.prepare(`select count(*) from ${of}`).pluck().get());
  table(
    ["rows", "where"],
    [
      [count("agno_sessions"), "agno_sessions, one row per session"],
      [count("agno_runs"), "agno_runs, one row per run"],
      [
        count("agno_sessions, json_each(json_extract(runs, '$')) where runs is not null"),
        "the column agno_sessions.runs: runs of Agno 2, left where they are",
      ],
    ],
  );
  client.close();
}
