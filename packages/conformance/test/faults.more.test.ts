import { conformanceCases } from "@sessiondb/conformance";
import { describe, expect, test } from "vitest";
import { faults } from "./faults/faults.ts";
import { openersOf } from "./open-key-value.ts";

// Stores with indexes, caches and snapshots of their own, each with one fault: the suite catches it, and says what it is.

describe("a key-value store that", () => {
  test.each(faults)("$fault", { timeout: 60_000 }, async ({ make, caughtBy, message }) => {
    const { open, options } = openersOf(make);
    const found = conformanceCases(open, options).find(({ name }) => name === caughtBy);
    const error: unknown = await found?.run().catch((reason: unknown) => reason);
    expect(error instanceof Error ? error.message : `${caughtBy} passed`).toContain(message);
  });
});

test("every fault is unique", () => {
  expect(new Set(faults.map(({ fault }) => fault)).size).toBe(faults.length);
});
