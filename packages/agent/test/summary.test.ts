import { InMemorySessionDb } from "@sessiondb/core";
import { describe, expect, test } from "vitest";
import { Agent, SessionSummaryManager } from "@sessiondb/agent";
import { scriptedModel, shown } from "@sessiondb/testing/scripted-model";

const summaries = () => scriptedModel((_, index) => JSON.stringify({ summary: `Summary ${index}`, topics: ["talk"] }));

describe("summaries", () => {
  test("are made after a completed run, in Agno's shape, and precede the next one", async () => {
    const model = scriptedModel(() => "Fine");
    const manager = new SessionSummaryManager({ model: summaries() });
    const db = new InMemorySessionDb();
    const agent = new Agent({ model, db, sessionId: "s", sessionSummaryManager: manager, instructions: "Be kind." });
    expect((await agent.run("How are you?")).summaryError).toBeNull();
    expect(await agent.getSessionSummary()).toEqual({
      summary: "Summary 0",
      topics: ["talk"],
      updatedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}$/),
    });
    await agent.run("And now?");
    const [system] = shown(model.prompts[1] ?? []);
    expect(system).toMatch(/^system: Be kind\.\n\n[^]*Summary 0[^]*outdated/);
  });

  test("are made from the whole session, or from the previous summary and the newest run", async () => {
    const whole = summaries();
    const built = summaries();
    for (const [model, incremental] of [
      [whole, false],
      [built, true],
    ] as const) {
      const agent = new Agent({
        model: scriptedModel(() => "Fine"),
        db: new InMemorySessionDb(),
        sessionId: "s",
        sessionSummaryManager: new SessionSummaryManager({ model, incremental }),
      });
      for (const text of ["one", "two", "three"]) {
        await agent.run(text);
      }
    }
    const last = (model: ReturnType<typeof summaries>) => shown(model.prompts[2] ?? []).at(-1) ?? "";
    expect(last(whole)).toContain('"one"');
    expect(last(built)).not.toContain('"one"');
    expect(last(built)).toContain("Summary 1");
    expect(last(built)).toContain('"three"');
  });

  test("that fail leave the run and the previous summary unchanged", async () => {
    const model = scriptedModel([JSON.stringify({ summary: "First", topics: [] }), new Error("no"), "not JSON"]);
    const agent = new Agent({
      model: scriptedModel(() => "Fine"),
      db: new InMemorySessionDb(),
      sessionId: "s",
      sessionSummaryManager: new SessionSummaryManager({ model }),
    });
    await agent.run("one");
    for (const text of ["two", "three"]) {
      expect(await agent.run(text)).toMatchObject({ status: "COMPLETED", summaryError: expect.any(Error) });
    }
    expect((await agent.getSessionSummary())?.summary).toBe("First");
    expect((await agent.getSession())?.runs).toHaveLength(3);
  });

  test("refuse invalid limits", () => {
    expect(() => new SessionSummaryManager({ lastNRuns: 0 })).toThrow("lastNRuns");
    expect(() => new SessionSummaryManager({ conversationLimit: -1 })).toThrow("conversationLimit");
  });
});
