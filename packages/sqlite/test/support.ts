import { createHash } from "node:crypto";
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterAll } from "vitest";

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

/** A program under workers/. */
export function program(name: string): URL {
  return new URL(`workers/${name}.ts`, import.meta.url);
}

/** Tries for the write lock of a file every few milliseconds. `stop` returns how often it was free. */
export function lockSeeker(file: string): { stop(): number } {
  const other = new Database(file, { timeout: 0 });
  let got = 0;
  const trying = setInterval(() => {
    try {
      other.exec("begin immediate; rollback");
      got += 1;
    } catch {
      // The store has it.
    }
  }, 3);
  return {
    stop: () => {
      clearInterval(trying);
      other.close();
      return got;
    },
  };
}
