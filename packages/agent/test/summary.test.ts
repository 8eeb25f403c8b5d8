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
    const agent = new Agent({
      model,
      db,
      sessionId: "s",
      awaitSummaries: true,
      sessionSummaryManager: manager,
      instructions: "Be kind.",
    });
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

  test("are made from the whole session, or from the previous summary and the runs since", async () => {
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
        awaitSummaries: true,
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
      awaitSummaries: true,
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

describe.each(["run", "stream"] as const)("a summary of a %s whose model ignores the signal", (call) => {
  test.each(["while it is made", "before it is made"])("ends with the run's signal: %s", async (moment) => {
    const controller = new AbortController();
    const stop = (): void => controller.abort(new Error("stop"));
    const summaryModel = scriptedModel(() => {
      setImmediate(stop);
      return { stuckAfter: "" };
    });
    const db = new InMemorySessionDb();
    if (moment === "before it is made") {
      const upsertRun = db.upsertRun.bind(db);
      db.upsertRun = async (options) => {
        const result = await upsertRun(options);
        if (options.run.status === "COMPLETED") {
          stop();
        }
        return result;
      };
    }
    const agent = new Agent({
      model: scriptedModel(["Fine"]),
      db,
      sessionId: "s",
      awaitSummaries: true,
      sessionSummaryManager: new SessionSummaryManager({ model: summaryModel }),
    });
    const { signal } = controller;
    const result =
      call === "run" ? await agent.run("Hi", { signal }) : await (await agent.stream("Hi", { signal })).result;
    expect(result).toMatchObject({ status: "COMPLETED", text: "Fine", summaryError: { message: "stop" } });
    expect((await agent.getSession())?.runs).toMatchObject([{ status: "COMPLETED", content: "Fine" }]);
    expect(summaryModel.prompts).toHaveLength(moment === "while it is made" ? 1 : 0);
  });
});

describe("a turn whose summary failed", () => {
  const words = ["one", "two", "three", "four", "five"];
  const failures = {
    "the model failed": new Error("no"),
    "its answer was no summary": "not JSON",
  };
  // A summary is every word that its prompt shows.
  const summaryOf = (prompt: string): string =>
    JSON.stringify({
      summary: words
        .filter((word) => prompt.includes(`word ${word}.`))
        .map((word) => `word ${word}.`)
        .join(" "),
      topics: [],
    });

  test.each(
    Object.entries(failures).flatMap(([name, answer]) =>
      [["two"], ["two", "three"], ["one"], ["two", "four"]].map((failing) => ({ name, answer, failing })),
    ),
  )("is in the next one that is built on the previous one: $name, $failing", async ({ answer, failing }) => {
    const db = new InMemorySessionDb();
    let word = "";
    const model = scriptedModel((call) => {
      return failing.includes(word) ? answer : summaryOf(shown(call.prompt).join(" "));
    });
    const sessionSummaryManager = new SessionSummaryManager({ model, incremental: true });
    const agent = new Agent({
      model: scriptedModel(() => "Fine"),
      db,
      sessionId: "s",
      awaitSummaries: true,
      sessionSummaryManager,
    });
    for (word of words) {
      await agent.run(`word ${word}.`);
    }
    expect((await agent.getSessionSummary())?.summary).toBe(words.map((each) => `word ${each}.`).join(" "));
    const session = await agent.getSession();
    expect(Object.keys(session?.sessionData ?? {})).toEqual(["session_metrics", "summarized_runs"]);
    const asked = words.length * (15 + 15) - (answer instanceof Error ? failing.length * 15 : 0);
    expect(session?.sessionData["session_metrics"]).toMatchObject({ total_tokens: asked });
    // What it holds already is not shown again.
    expect(
      shown(model.prompts.at(-1) ?? [])
        .at(-1)
        ?.match(/word five\./g),
    ).toHaveLength(1);
  });

  test("may have begun before one whose summary was made", async () => {
    const db = new InMemorySessionDb();
    let word = "";
    const summing = scriptedModel((call) =>
      word === "two" ? new Error("no") : summaryOf(shown(call.prompt).join(" ")),
    );
    const sessionSummaryManager = new SessionSummaryManager({ model: summing, incremental: true });
    let end = (): void => {};
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    const model = scriptedModel(async (call) => {
      await (shown(call.prompt).at(-1)?.includes("two") ? ended : null);
      return "Fine";
    });
    const agent = new Agent({ model, db, sessionId: "s", awaitSummaries: true, sessionSummaryManager });
    await agent.run("word one.");
    const second = agent.run("word two.");
    await agent.run("word three.");
    word = "two";
    end();
    expect((await second).summaryError).toMatchObject({ message: "no" });
    word = "";
    await agent.run("word four.");
    expect((await agent.getSessionSummary())?.summary).toBe("word one. word two. word three. word four.");
  });
});
