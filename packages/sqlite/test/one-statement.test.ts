import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { SqliteSessionDb } from "@sessiondb/sqlite";
import { agentRun, agentSession } from "@sessiondb/testing/models";
import Database from "better-sqlite3";
import { expect, test } from "vitest";
import { fixture, program, query, temporaryFile } from "./support.ts";

test.each<[string, number, (db: SqliteSessionDb) => Promise<unknown>]>([
  ["a header", 1, (db) => db.getSession({ sessionId: "s", includeRuns: false })],
  ["a list of headers", 1, (db) => db.getSessions({ userId: "u", sessionName: "x" })],
  ["a list of headers by their runs", 1, (db) => db.getSessions({ participantId: "a", includeRunCount: true })],
  ["a run", 1, (db) => db.getRun({ runId: "r" })],
  // What several statements read is from one moment.
  ["a session with its newest runs", 5, (db) => db.getSession({ sessionId: "s", runsLimit: 10 })],
  ["a list with a total", 4, (db) => db.getSessions({ userId: "u", includeTotal: true })],
])("%s takes %i statements, with those of a transaction", async (_, count, read) => {
  const texts: string[] = [];
  const client = new Database(temporaryFile(), { verbose: (text) => texts.push(String(text)) });
  await using db = new SqliteSessionDb({ client });
  await db.upsertRun({ session: agentSession("s", { userId: "u" }), run: agentRun("r") });
  texts.length = 0;
  await read(db);
  expect(texts).toHaveLength(count);
  expect(texts.some((text) => text.startsWith("BEGIN"))).toBe(count > 1);
});

test("rows are the same where the runtime compiles no text", async () => {
  const damaged = fixture("agno-3");
  query(damaged, "update agno_sessions set created_at = 'soon' where rowid = 1");
  const files = [fixture("agno-3"), fixture("agno-2-team"), damaged];
  const run = promisify(execFile);
  const printed = async (flags: readonly string[]): Promise<string[]> => {
    const source = ["-C", "@sessiondb/source", "--import", import.meta.resolve("tsx"), program("print-all").pathname];
    const { stdout } = await run(process.execPath, [...flags, ...source, ...files], { maxBuffer: 1e9 });
    return stdout.trimEnd().split("\n");
  };
  const [compiled, plain] = await Promise.all([printed([]), printed(["--disallow-code-generation-from-strings"])]);
  expect(compiled.pop()).toBe("compiled");
  expect(plain.pop()).toBe("not compiled");
  expect(compiled.some((line) => line.includes("soon") || line.includes("whole number"))).toBe(true);
  expect(plain).toEqual(compiled);
});
