import { describe, expect, test, vi } from "vitest";
import type { Agent } from "@sessiondb/agent";
import { scriptedModel, type Answer } from "@sessiondb/testing/scripted-model";
import { collect } from "./support/collect.ts";
import { localStores } from "./support/stores.ts";
import { gate } from "./support/gate.ts";
import { agentOf, describeSummariesAtOnce, storedSummary, turn } from "./support/summaries-at-once.ts";
import { wordSummaries } from "./support/word-summaries.ts";

/** Every way to take a whole answer. */
const readers: Readonly<Record<string, (agent: Agent, text: string) => Promise<unknown>>> = {
  run: (agent, text) => agent.run(text),
  "the result of a stream": async (agent, text) => (await agent.stream(text)).result,
  "the words of a stream": async (agent, text) => collect((await agent.stream(text)).textStream),
  "the parts of a stream": async (agent, text) => collect((await agent.stream(text)).fullStream),
  "a UI stream": async (agent, text) => collect((await agent.stream(text)).toUIMessageStream()),
  "a response": async (agent, text) => (await agent.stream(text)).toTextStreamResponse().text(),
  "the AI SDK's agent": async (agent, text) =>
    (await agent.forSession({ sessionId: "s" }).generate({ prompt: text })).text,
};

describe.each(Object.entries(localStores))("%s", (_name, open) => {
  describe.each(Object.entries(readers))("%s", (_reader, read) => {
    test("ends without the summary, which is there after idle()", async () => {
      await using db = await open();
      const { open: answer, opened } = gate();
      const events: string[] = [];
      const model = wordSummaries(async () => {
        events.push("asked");
        await opened;
        events.push("summarized");
      });
      const agent = agentOf(db, model);
      await read(agent, "#one");
      events.push("answered");
      expect((await agent.getSession())?.runs).toMatchObject([{ status: "COMPLETED" }]);
      expect(await storedSummary(agent)).toEqual([]);
      answer();
      await agent.idle();
      expect(events.filter((each) => each !== "asked")).toEqual(["answered", "summarized"]);
      expect(await storedSummary(agent)).toEqual(["one"]);
    });

    test("ends after the summary if it is awaited", async () => {
      await using db = await open();
      const agent = agentOf(db, wordSummaries(), { awaitSummaries: true });
      await read(agent, "#one");
      expect(await storedSummary(agent)).toEqual(["one"]);
    });
  });

  test("while a summary is made, those that follow become one, which covers all", async () => {
    await using db = await open();
    const { open: answer, opened } = gate();
    const model = wordSummaries(() => opened);
    const agents = [agentOf(db, model), agentOf(db, model)];
    for (const [index, agent] of [...agents, ...agents, ...agents].entries()) {
      await agent.run(`#r${index}`);
    }
    answer();
    await Promise.all(agents.map((agent) => agent.idle()));
    expect(model.asked.map((words) => words.length)).toEqual([1, 5]);
    expect(await storedSummary(agents[0] as Agent)).toEqual(["r0", "r1", "r2", "r3", "r4", "r5"]);
  });

  test("the signal of a run that waits for a summary ends that of no other run", async () => {
    await using db = await open();
    const { open: answer, opened } = gate();
    const model = wordSummaries(() => opened);
    const agent = agentOf(db, model, { awaitSummaries: true });
    const controller = new AbortController();
    const results = [];
    for (const signal of [undefined, undefined, controller.signal]) {
      results.push(agent.run(`#r${results.length}`, { signal }));
      while ((await agent.getSession())?.runs.at(-1)?.status !== "COMPLETED") {
        await turn();
      }
      // Its summary is wanted once its last row is written.
      for (let turns = 0; turns < 20; turns += 1) {
        await turn();
      }
    }
    controller.abort(new Error("stop"));
    answer();
    const errors = (await Promise.all(results)).map(({ summaryError }) => summaryError);
    expect(errors).toEqual([null, null, expect.objectContaining({ message: "stop" })]);
    expect(await storedSummary(agent)).toEqual(["r0", "r1", "r2"]);
  });

  test("sessions do not wait for each other", async () => {
    await using db = await open();
    const { open: answer, opened } = gate();
    const model = wordSummaries((words) => (words.includes("slow") ? opened : null));
    const agent = agentOf(db, model);
    await agent.run("#slow", { sessionId: "slow" });
    await agent.run("#quick", { sessionId: "quick" });
    while (model.asked.length === 0) {
      await turn();
    }
    expect(model.asked).toEqual([["quick"]]);
    answer();
    await agent.idle();
    expect(model.asked).toEqual([["quick"], ["slow"]]);
  });

  test("close() waits for the summary", async () => {
    await using db = await open();
    const { open: answer, opened } = gate();
    const agent = agentOf(
      db,
      wordSummaries(() => opened),
    );
    await agent.run("#one");
    const events: string[] = [];
    const closing = agent.close().then(() => events.push("closed"));
    await turn();
    events.push("answered");
    answer();
    await closing;
    expect(events).toEqual(["answered", "closed"]);
    expect(await storedSummary(agent)).toEqual(["one"]);
  });

  test("close() does not wait for ever for a model that never answers", async () => {
    await using db = await open();
    const failures: unknown[] = [];
    const agent = agentOf(db, scriptedModel([{ stuckAfter: "" }]), {
      summaryTimeout: 20,
      onSummaryError: (error) => failures.push(error),
    });
    await agent.run("#one");
    await agent.close();
    expect(failures).toMatchObject([{ name: "TimeoutError" }]);
  });

  test("the signal of a request that has been answered ends no summary", async () => {
    await using db = await open();
    const { open: answer, opened } = gate();
    const controller = new AbortController();
    const agent = agentOf(
      db,
      wordSummaries(() => opened),
    );
    await agent.run("#one", { signal: controller.signal });
    controller.abort();
    answer();
    await agent.idle();
    expect(await storedSummary(agent)).toEqual(["one"]);
  });

  test.each([false, true])(
    "waitUntil gets each piece of work, which never rejects: awaited %s",
    async (awaitSummaries) => {
      await using db = await open();
      const given: Promise<unknown>[] = [];
      const model = wordSummaries((words) => (words.includes("bad") ? new Error("no") : null));
      const agent = agentOf(db, model, {
        awaitSummaries,
        waitUntil: (work) => given.push(work),
        ...(!awaitSummaries && { onSummaryError: () => {} }),
      });
      await agent.run("#one");
      await agent.run("#bad");
      expect(given).toHaveLength(2);
      await Promise.all(given);
      expect(await storedSummary(agent)).toEqual(["one"]);
    },
  );

  const failures: Readonly<Record<string, Answer>> = {
    "a model that fails": new Error("#secret"),
    "no JSON": "#secret",
  };
  test.each(Object.entries(failures))("%s is heard, and made up for", async (_kind, answer) => {
    await using db = await open();
    const words = wordSummaries();
    const model = scriptedModel(async (call, index) => {
      if (index === 1) {
        return answer;
      }
      const result = await words.doGenerate(call);
      return { content: result.content };
    });
    const heard: unknown[] = [];
    const agent = agentOf(db, model, { onSummaryError: (error, failure) => heard.push([error, failure]) });
    const runs = [];
    for (const text of ["#one", "#two", "#three"]) {
      const result = await agent.run(text);
      expect(result.summaryError).toBeNull();
      runs.push(result.runId);
      await agent.idle();
    }
    expect(heard).toEqual([[expect.any(Error), { sessionId: "s", runId: runs[1] }]]);
    expect(words.asked).toEqual([["one"], ["two", "three"]]);
  });

  test("without onSummaryError a failure is a warning without content, as is one of the handler's own", async () => {
    await using db = await open();
    const failing = scriptedModel(() => new Error("#secret"));
    const thrower = (): never => {
      throw new TypeError("#secret");
    };
    for (const [more, message] of [
      [{}, "A summary failed: Error."],
      [{ onSummaryError: thrower }, "onSummaryError failed: TypeError."],
      [{ waitUntil: thrower, onSummaryError: () => {} }, "waitUntil failed: TypeError."],
    ] as const) {
      const warn = vi.spyOn(process, "emitWarning").mockImplementation(() => {});
      const agent = agentOf(db, failing, more);
      await agent.run("Hi");
      await agent.idle();
      expect(warn.mock.calls).toEqual([[message, { type: "SessionDbWarning", code: "SESSIONDB_FOLLOW_UP" }]]);
      warn.mockRestore();
    }
  });

  describeSummariesAtOnce(open);
});
