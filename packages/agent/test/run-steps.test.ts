import { InMemorySessionDb } from "@sessiondb/core";
import { describe, expect, test } from "vitest";
import { componentOf, describeRunSteps, storedRun, url } from "./support/run-steps.ts";
import { localStores } from "./support/stores.ts";

const memory = async () => new InMemorySessionDb();

describe.each(Object.entries(localStores))("%s", (_store, open) => {
  describeRunSteps(open);
});

test("a run with one step stores nothing twice", async () => {
  await using db = await memory();
  await componentOf({ kind: "agent", db }, "Yes.").run("Go", { sessionId: "s" });
  expect((await storedRun(db)).modelProviderData).toEqual({ finish_reason: "stop" });
});

test("a run that goes on keeps what Agno stored beside it", async () => {
  await using db = await memory();
  const agent = componentOf({ kind: "agent", db }, { calls: [{ name: "pay", id: "c1" }] }, { content: [url] });
  const { runId } = await agent.run("Go", { sessionId: "s" });
  const before = { urls: [{ url: "https://agno.example/", title: null }], search_queries: ["tea"] };
  await db.updateRun({ runId, sessionId: "s" }, (run) => ({
    ...run,
    citations: before,
    modelProviderData: { response_id: "r1" },
  }));
  await agent.continueRun({ sessionId: "s", runId, approvals: [{ toolCallId: "c1", approved: true }] });
  const { citations, modelProviderData } = await storedRun(db);
  expect(citations).toEqual({ ...before, urls: [...before.urls, { url: url.url, title: "Tea" }] });
  expect(modelProviderData).toMatchObject({ response_id: "r1", finish_reason: "stop" });
});
