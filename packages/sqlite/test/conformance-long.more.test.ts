import { expect, test } from "vitest";
import { longGroups, testConformance } from "./conformance.ts";

const cases = testConformance({ long: true });

test("no case is left out", () => {
  const left = cases.leftOut.filter(({ name }) => longGroups.some((group) => name.startsWith(group)));
  expect(left).toEqual([]);
});
