import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createConnection } from "mysql2/promise";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { startChatServer, type ChatServer } from "@sessiondb/testing/chat-server";
import { runExample } from "../../test/run-example.ts";
import { answer } from "./answers.ts";

const folder = mkdtempSync(join(tmpdir(), "sessiondb-example-"));
const database = `sessiondb_example_${randomBytes(4).toString("hex")}`;
let server: ChatServer;
beforeAll(async () => {
  server = await startChatServer(answer);
  await onServers(`create database ${database}`);
}, 60_000);
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await onServers(`drop database ${database}`);
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

// A tier without servers provides nothing.
const servers = {
  postgres: inject("postgres") ?? null,
  mysql: inject("mysql") ?? null,
  mariadb: inject("mariadb") ?? null,
};
const urlOn = (url: string | null): string | null =>
  url && Object.assign(new URL(url), { pathname: `/${database}` }).href;

const databases = {
  memory: "memory:",
  sqlite: `sqlite:${join(folder, "agents.db")}`,
  postgres: urlOn(servers.postgres),
  mysql: urlOn(servers.mysql),
  mariadb: urlOn(servers.mariadb),
};

async function onServers(sql: string): Promise<void> {
  if (servers.postgres !== null) {
    const client = new pg.Client({ connectionString: servers.postgres });
    await client.connect();
    await client.query(sql);
    await client.end();
  }
  for (const url of [servers.mysql, servers.mariadb]) {
    if (url !== null) {
      const connection = await createConnection(url.replace(/^mariadb:/, "mysql:"));
      await connection.query(sql);
      await connection.end();
    }
  }
}

const examples: readonly [string, readonly string[]][] = [
  [
    "memories",
    [
      "user 1: Is a nurse, Is allergic to nuts",
      "user 2: Is a pilot",
      "nobody: Nothing yet.",
      "user 1, later: Is a nurse",
      "kept of user 1: 1",
    ],
  ],
  [
    "memories-and-history",
    [
      "the same session: Your name is Ada.",
      "the same session: Is a nurse",
      "a new session: I do not know.",
      "a new session: Is a nurse",
    ],
  ],
];

describe.each(Object.entries(databases))("%s", (_name, url) => {
  describe.skipIf(url === null)("what users said", () => {
    test.each(examples)("%s", { timeout: 60_000 }, async (name, expected) => {
      const settings = { OPENAI_API_KEY: "scripted", OPENAI_BASE_URL: server.url, DATABASE_URL: url ?? "" };
      const { code, stdout, stderr } = await runExample("agents", settings, [name]);
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      expect(stdout.trimEnd().split("\n")).toEqual(expected);
    });
  });
});
