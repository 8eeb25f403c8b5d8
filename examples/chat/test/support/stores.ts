import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { inject } from "vitest";

/** An empty database, which goes away with its last user. */
export interface Store extends AsyncDisposable {
  /** For `openSessionDb`. */
  readonly url: string;
}

async function sqlite(): Promise<Store> {
  const folder = await mkdtemp(join(tmpdir(), "sessiondb-chat-"));
  return {
    url: `sqlite:${join(folder, "chats.db")}`,
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

async function postgres(): Promise<Store> {
  const server = inject("postgres") ?? "";
  const database = `sessiondb_chat_${randomBytes(4).toString("hex")}`;
  const run = async (statement: string): Promise<void> => {
    const client = new pg.Client({ connectionString: server });
    await client.connect();
    await client.query(statement);
    await client.end();
  };
  await run(`create database ${database}`);
  return {
    url: Object.assign(new URL(server), { pathname: `/${database}` }).href,
    [Symbol.asyncDispose]: () => run(`drop database ${database} with (force)`),
  };
}

/** The stores that the example runs on, as far as this machine and this tier have them. */
export const stores: readonly (readonly [name: string, open: () => Promise<Store>])[] = [
  ["SQLite", sqlite],
  ...((inject("postgres") ?? null) === null ? [] : [["Postgres", postgres] as const]),
];
