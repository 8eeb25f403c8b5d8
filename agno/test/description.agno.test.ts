import { expect, inject, test } from "vitest";
import { changesSince, describeAgno, testedDescription } from "../src/description.ts";
import { pinned } from "../src/environment.ts";

const python = inject("agno");
const isPinned = (process.env["SESSIONDB_TEST_AGNO_VERSION"] ?? pinned.newest) === pinned.newest;

test.skipIf(python === null || !isPinned)("description.json matches what the newest release stores", async () => {
  await expect(await describeAgno(python ?? "")).toMatchFileSnapshot(testedDescription);
});

test("detects a release that stores something else", () => {
  const description = {
    models: { "message.Message": { role: "list", mood: "str" }, New: { a: "int" } },
    events: { agent: ["RunStarted", "Surprised"] },
  };
  const changes = changesSince(JSON.stringify(description));
  expect(changes).toContain("~ models › message.Message › role: str → list");
  expect(changes).toContain("+ models › message.Message › mood: str");
  expect(changes).toContain("+ models › New: a");
  expect(changes).toContain("+ events › agent › Surprised");
  expect(changes).toContain("- events › agent › RunCompleted");
  expect(changes.find((line) => line.startsWith("- tables on SQLite"))).toMatch(/: .*session/);
});
