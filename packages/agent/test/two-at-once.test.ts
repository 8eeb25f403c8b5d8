import { SessionTypeMismatchError } from "@sessiondb/core";
import { describe, expect, test } from "vitest";
import { localStores } from "./support/stores.ts";
import { describeTwoAtOnce } from "./support/two-at-once.ts";

describe.each(Object.entries(localStores))("%s", (_name, open) => {
  describeTwoAtOnce(open);
});

test.each([
  ["agent", "team", "is a team session, not an agent session"],
  ["workflow", "agent", "is an agent session, not a workflow session"],
  ["team", "workflow", "is a workflow session, not a team session"],
])("a %s that meets a session of another kind says so in good grammar", (expectedType, storedType, text) => {
  expect(new SessionTypeMismatchError("s", { expectedType, storedType }).message).toContain(text);
});
