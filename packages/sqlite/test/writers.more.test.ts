import { expect, test } from "vitest";
import { manyWriters } from "./writers.ts";

test("of 64 writers in four processes, none gets a quarter of the turns of another", { timeout: 120_000 }, async () => {
  const { took, failed } = await manyWriters(4);
  expect(failed).toEqual([]);
  const turns = took.map(({ length }) => length);
  expect(turns).toHaveLength(64);
  expect(Math.min(...turns) / Math.max(...turns)).toBeGreaterThan(1 / 4);
});
