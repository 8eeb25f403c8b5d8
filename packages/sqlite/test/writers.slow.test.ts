import { expect, test } from "vitest";
import { manyWriters } from "./writers.ts";

test(
  "64 writers in four processes write for a minute: none fails, and 99 in 100 calls take less than a second",
  {
    timeout: 300_000,
  },
  async () => {
    const { took, failed } = await manyWriters(60);
    expect(failed).toEqual([]);
    const sorted = took.flat().toSorted((a, b) => a - b);
    expect(sorted[Math.floor(sorted.length * 0.99)]).toBeLessThan(1000);
  },
);
