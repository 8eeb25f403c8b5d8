import { randomBytes } from "node:crypto";
import { createConnection } from "mysql2/promise";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { runExample } from "../../test/run-example.ts";

test("without DATABASE_URL the example says what is missing", { timeout: 60_000 }, async () => {
  const { code, stderr } = await runExample("mysql", {});
  expect(code).toBe(1);
  expect(stderr).toContain("DATABASE_URL is not set");
});

describe.each(["mysql", "mariadb"] as const)("%s", (flavour) => {
  const server = inject(flavour) ?? "";
  const database = `sessiondb_example_${randomBytes(4).toString("hex")}`;
  const url = server && Object.assign(new URL(server), { pathname: `/${database}` }).href;

  async function query(statement: string): Promise<void> {
    if (server !== "") {
      const connection = await createConnection(server.replace(/^mariadb:/, "mysql:"));
      await connection.query(statement);
      await connection.end();
    }
  }
  beforeAll(() => query(`create database ${database}`));
  afterAll(() => query(`drop database ${database}`));

  test.skipIf(server === "")("the example runs, and continues when run again", { timeout: 120_000 }, async () => {
    for (const rounds of [1, 2]) {
      const { stdout, ...outcome } = await runExample("mysql", { DATABASE_URL: url });
      expect(outcome).toEqual({ code: 0, stderr: "" });
      expect(stdout.split("\n")).toEqual([
        `chat-1: ${rounds * 2} runs, state {"apples":${rounds * 3}}`,
        "ada has 1 session",
        `orders: ${rounds}`,
        "",
      ]);
    }
  });
});
