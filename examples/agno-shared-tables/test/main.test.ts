import { randomBytes } from "node:crypto";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { runExample } from "../../test/run-example.ts";

test("without DATABASE_URL the example says what is missing", { timeout: 60_000 }, async () => {
  const { code, stderr } = await runExample("agno-shared-tables", {});
  expect(code).toBe(1);
  expect(stderr).toContain("DATABASE_URL is not set");
});

describe.skipIf(inject("postgres") === null)("on a server", { timeout: 60_000 }, () => {
  const server = inject("postgres") ?? "";
  const database = `sessiondb_example_${randomBytes(4).toString("hex")}`;

  async function query(statement: string): Promise<void> {
    const client = new pg.Client({ connectionString: server });
    await client.connect();
    await client.query(statement);
    await client.end();
  }
  beforeAll(() => query(`create database ${database}`));
  afterAll(() => query(`drop database ${database}`));

  test("each side sees the turns of the other, in one order without gaps", async () => {
    const url = Object.assign(new URL(server), { pathname: `/${database}` }).href;
    const { stdout, ...outcome } = await runExample("agno-shared-tables", { DATABASE_URL: url });
    expect(outcome).toEqual({ code: 0, stderr: "" });
    expect(stdout.split("\n")).toEqual([
      "TypeScript reads 2 runs of Agno:",
      "  user: What is the weather in Paris?",
      "  assistant: 1 tool call",
      "  tool: Sunny é",
      "  assistant: It is sunny in Paris.",
      "  user: Do I need an umbrella?",
      "  assistant: No umbrella needed.",
      "Agno reads 3 runs; the last one says: Rain in Rome.",
      'TypeScript\'s newest two: "Rain in Rome.", "To Paris."',
      "places: 0, 1, 2, 3",
      "",
    ]);
  });
});
