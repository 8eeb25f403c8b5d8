import * as core from "@sessiondb/core";
import { expect, test } from "vitest";

const errorClasses = Object.entries(core).flatMap(([name, value]) =>
  typeof value === "function" && value.prototype instanceof core.SessionDbError
    ? [{ name, prototype: value.prototype }]
    : [],
);

test("finds the error classes", () => {
  expect(errorClasses.length).toBeGreaterThan(15);
});

test.each(errorClasses)("$name spells out its own name", ({ name, prototype }) => {
  // Not taken from the class, whose name a bundler may shorten.
  expect(Object.getOwnPropertyDescriptor(prototype, "name")?.get?.call({})).toBe(name);
});
