import { execFile } from "node:child_process";
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { SessionDbError, type AgentRun, type AgentSessionInit, type SessionDbErrorCode } from "@sessiondb/core";
import Database from "better-sqlite3";
import { afterAll, expect } from "vitest";

const folders: string[] = [];

afterAll(() => {
  for (const folder of folders.splice(0)) {
    rmSync(folder, { recursive: true, force: true });
  }
});

export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "sessiondb-"));
  folders.push(folder);
  return folder;
}

/** The path of a file that does not exist yet, in a folder of its own. */
export function temporaryFile(name = "sessions.db"): string {
  return join(temporaryFolder(), name);
}

/** A copy of a database that the real framework wrote. */
export function fixture(name: string): string {
  const file = temporaryFile(`${name}.db`);
  copyFileSync(new URL(`fixtures/${name}.db`, import.meta.url), file);
  return file;
}

type WithoutRuns = { runs?: null };

/** A session for a turn, or with runs for `upsertSession`. */
export function agentSession(
  sessionId: string,
  more?: Partial<AgentSessionInit> & WithoutRuns,
): AgentSessionInit & WithoutRuns;
export function agentSession(sessionId: string, more: Partial<AgentSessionInit>): AgentSessionInit;
export function agentSession(sessionId: string, more: Partial<AgentSessionInit> = {}): AgentSessionInit {
  return { sessionType: "agent", sessionId, agentId: "agent-1", ...more };
}

export function agentRun(runId: string, more: Partial<AgentRun> = {}): AgentRun {
  return {
    runType: "agent",
    runId,
    status: "COMPLETED",
    content: `Answer of ${runId}`,
    messages: [{ role: "user", content: `Question of ${runId}` }],
    ...more,
  };
}

/** Runs SQL on a connection of its own and gives the rows. */
export function query<Row>(file: string, text: string, ...values: unknown[]): Row[] {
  const client = new Database(file);
  try {
    const statement = client.prepare<unknown[], Row>(text);
    if (statement.reader) {
      return statement.all(...values);
    }
    statement.run(...values);
    return [];
  } finally {
    client.close();
  }
}

export function hashOf(file: string): string {
  return createHash("sha256").update(readFileSync(file)).digest("hex");
}

/** What a promise rejects with, which must be an error of the library with this code. */
export async function refusal(promise: Promise<unknown>, code: SessionDbErrorCode): Promise<SessionDbError> {
  const outcome: unknown = await promise.then(
    () => "resolved",
    (error: unknown) => error,
  );
  expect(outcome).toMatchObject({ code });
  if (!SessionDbError.isInstance(outcome)) {
    throw new TypeError("Not an error of the library", { cause: outcome });
  }
  return outcome;
}

const packageFolder = fileURLToPath(new URL("..", import.meta.url));

/** The command line of a program under workers/, run from the sources. */
export function workerArguments(name: string, values: readonly string[]): string[] {
  const program = fileURLToPath(new URL(`workers/${name}.ts`, import.meta.url));
  return ["-C", "@sessiondb/source", "--import", import.meta.resolve("tsx"), program, ...values];
}

/** Runs a program under workers/ in a process of its own and gives what it printed; it must exit with 0. */
export function runWorker(name: string, values: readonly string[], cwd = packageFolder): Promise<string> {
  return new Promise((resolve, reject) => {
    // Package managers put the packages of the workspace here, which a user's process does not have.
    const env = { ...process.env, NODE_PATH: "" };
    execFile(
      process.execPath,
      workerArguments(name, values),
      { cwd, env, timeout: 120_000 },
      (error, stdout, stderr) => {
        if (error === null) {
          resolve(stdout);
        } else {
          reject(new Error(`${name} failed: ${stderr}`, { cause: error }));
        }
      },
    );
  });
}
