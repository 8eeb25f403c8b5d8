import { randomBytes } from "node:crypto";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { runExample } from "../../test/run-example.ts";

test("without DATABASE_URL the example says what is missing", { timeout: 60_000 }, async () => {
  const { code, stderr } = await runExample("postgres", {});
  expect(code).toBe(1);
  expect(stderr).toContain("DATABASE_URL is not set");
});

describe.skipIf(inject("postgres") === null)("on a server", { timeout: 120_000 }, () => {
  const server = inject("postgres") ?? "";
  const database = `sessiondb_example_${randomBytes(4).toString("hex")}`;
  const url = server && Object.assign(new URL(server), { pathname: `/${database}` }).href;

  async function query(connectionString: string, ...statements: readonly string[]): Promise<void> {
    const client = new pg.Client({ connectionString });
    await client.connect();
    for (const statement of statements) {
      await client.query(statement);
    }
    await client.end();
  }
  beforeAll(() => query(server, `create database ${database}`));
  afterAll(async () => {
    await query(url, "drop owned by sessiondb_example_app");
    await query(server, `drop database ${database}`, "drop role sessiondb_example_app");
  });

  test("the example deploys as the owner, serves as the role, and continues when run again", async () => {
    const first = await runExample("postgres", { DATABASE_URL: url });
    expect(first).toMatchObject({ code: 0, stderr: "" });
    expect(first.stdout.replaceAll(/needed \d+/g, "needed n").split("\n")).toEqual([
      "deploy: example_support needed n statements",
      "deploy: example_research needed n statements",
      "support: 1 runs in chat-1",
      "research: 1 runs in chat-1",
      "support: ticket chat-1 has 1 turns",
      "app role: must be owner of table agno_runs",
      "",
    ]);
    const second = await runExample("postgres", { DATABASE_URL: url });
    expect(second).toMatchObject({ code: 0, stderr: "" });
    expect(second.stdout).toContain("deploy: example_support needed 0 statements");
    expect(second.stdout).toContain("support: 3 runs in chat-1");
    expect(second.stdout).toContain("research: 2 runs in chat-1");
    expect(second.stdout).toContain("support: ticket chat-1 has 2 turns");
  });
});
