import { InMemorySessionDb } from "@sessiondb/core";
import { scriptedModel } from "@sessiondb/testing/scripted-model";
import { describe, expect, test } from "vitest";
import { Agent, Team, Workflow } from "../src/index.ts";

const kinds = {
  agent: (metadata: Record<string, number>) => new Agent({ id: "a", model: scriptedModel([]), metadata }),
  team: (metadata: Record<string, number>) => {
    const member = new Agent({ id: "m", model: scriptedModel([]) });
    return new Team({ id: "t", model: scriptedModel([]), members: [member], metadata });
  },
  workflow: (metadata: Record<string, number>) =>
    new Workflow({ id: "w", db: new InMemorySessionDb(), steps: [() => "Fine"], metadata }),
};

describe.each(["agent", "team", "workflow"] as const)("the metadata of the sessions of: %s", (kind) => {
  test.each(["sessiondb_replaces", "sessiondb_aside", "sessiondb_"])("have no key of the library's: %s", (key) => {
    expect(() => kinds[kind]({ plan: 1, [key]: 1 })).toThrow(
      expect.objectContaining({ code: "INVALID_ARGUMENT", message: expect.stringContaining(`metadata.${key}`) }),
    );
  });

  test.each(["sessiondb", "my_sessiondb_key"])("may have others: %s", (key) => {
    expect(() => kinds[kind]({ [key]: 1 })).not.toThrow();
  });
});
