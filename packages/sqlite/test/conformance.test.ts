import { expect, test } from "vitest";
import { testConformance } from "./conformance.ts";

const cases = testConformance({ long: false });

test("only cases that do not apply to a file, and names that SQLite does not accept, are left out", () => {
  const names = ["1000 characters", "63 characters", "64 characters", "NUL", "a lone surrogate", "upper case"];
  const ofNames = names.map(
    (name) => `table names: ${name} in a table name works or is refused, and harms no other table`,
  );
  expect(cases.leftOut.map(({ name }) => name).toSorted()).toEqual([
    "connections",
    "memories and connections",
    ...ofNames,
  ]);
});
