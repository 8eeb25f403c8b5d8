import { expect, test } from "vitest";
import { runExample } from "../../test/run-example.ts";

test("the calls of a store become spans and metrics", { timeout: 60_000 }, async () => {
  const { code, stdout, stderr } = await runExample("opentelemetry", { NO_COLOR: "1", FORCE_COLOR: undefined });
  expect(stderr).toMatch(/^SessionOwnershipError: [^\n]+\n$/);
  expect(code).toBe(0);
  const spans = stdout.split("instrumentationScope").slice(1, 4);
  expect(spans.map((span) => /name: '(\w+)',\n {2}id/.exec(span)?.[1])).toEqual([
    "upsertRun",
    "getSession",
    "renameSession",
  ]);
  expect(spans.map((span) => /'error.type': '(\w+)'/.exec(span)?.[1])).toEqual([
    undefined,
    undefined,
    "SESSION_OWNERSHIP",
  ]);
  for (const metric of ["db.client.operation.duration", "db.client.response.returned_rows", "sessiondb.retries"]) {
    expect(stdout).toContain(`name: '${metric}'`);
  }
  expect(stdout).not.toMatch(/\b(chat|ada|eve)\b|Hello Ada|Mine now/);
});
