import { conformanceCases } from "@sessiondb/conformance";
import { expect, test } from "vitest";
import { openersOf } from "./open-key-value.ts";

// The store without locks that docs/writing-an-adapter.md shows keeps every promise.

const { open, options } = openersOf();
const cases = conformanceCases(open, options);

for (const { name, run } of cases) {
  test(name, { timeout: 30_000 }, run);
}

test("only the cases of stores with tables or with memories are left out", () => {
  const groups = new Set(cases.leftOut.map(({ name }) => name.split(":")[0]));
  expect([...groups].toSorted((a = "", b = "") => a.localeCompare(b))).toEqual([
    "close",
    "legacy migration",
    "legacy runs",
    "legacy writes",
    "memories",
    "memories and connections",
    "memories of two handles",
    "memory lists",
    "memory races",
    "memory signals",
    "schema",
    "table names",
    "two handles",
  ]);
});
