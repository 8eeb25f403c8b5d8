import { InMemorySessionDb } from "@sessiondb/core";
import { jsonSchema, tool } from "ai";
import { describe, expect, test } from "vitest";
import { Agent } from "@sessiondb/agent";
import { collect } from "./support/collect.ts";
import { scriptedModel, type Script } from "@sessiondb/testing/scripted-model";

function agentOf(script: Script, options: object = {}) {
  const db = new InMemorySessionDb();
  return {
    db,
    agent: new Agent({ model: scriptedModel(script), db, sessionId: "s", generation: { maxRetries: 0 }, ...options }),
  };
}

const stored = async (db: InMemorySessionDb) =>
  (await db.getSession({ sessionId: "s" }))?.runs.map(({ status, content }) => [status, content]);

describe("a stream", () => {
  test("yields the text, then the result, and ends when the run is stored", async () => {
    const { agent, db } = agentOf(["Hello to you"]);
    const stream = await agent.stream("Hi");
    expect(await collect(stream.textStream)).toEqual(["Hello ", "to ", "you"]);
    expect(await stored(db)).toEqual([["COMPLETED", "Hello to you"]]);
    expect(await stream.result).toMatchObject({ status: "COMPLETED", text: "Hello to you", runId: stream.runId });
    expect((await stream.result).run.metrics?.timeToFirstToken).toBeGreaterThan(0);
  });

  test("completes even if nobody reads it", async () => {
    const { agent, db } = agentOf(["Hello to you"]);
    expect((await (await agent.stream("Hi")).result).text).toBe("Hello to you");
    expect(await stored(db)).toEqual([["COMPLETED", "Hello to you"]]);
  });

  test("yields its first text before any write is done", async () => {
    const store = new InMemorySessionDb();
    let release: () => void = () => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const upsertRun = store.upsertRun.bind(store);
    store.upsertRun = async (options) => {
      await released;
      return upsertRun(options);
    };
    const { agent } = agentOf(["Hello to you"], { db: store });
    const stream = await agent.stream("Hi");
    const texts: string[] = [];
    for await (const piece of stream.textStream) {
      texts.push(piece);
      release();
    }
    expect(texts).toEqual(["Hello ", "to ", "you"]);
    expect(await stored(store)).toEqual([["COMPLETED", "Hello to you"]]);
  });

  test("yields parts, and messages for a user interface", async () => {
    const { agent } = agentOf(["One", "Two", "Three"]);
    const parts = await collect((await agent.stream("Hi")).fullStream);
    expect(parts.map(({ type }) => type)).toContain("text-delta");
    const chunks = await collect((await agent.stream("Hi")).toUIMessageStream());
    expect(chunks.at(-1)).toMatchObject({ type: "finish" });
    const response = (await agent.stream("Hi")).toTextStreamResponse();
    expect(await response.text()).toBe("Three");
  });

  test("ends with the error of a failing model, and the run is stored as ERROR", async () => {
    const { agent, db } = agentOf([new Error("no"), new Error("nor now")]);
    const stream = await agent.stream("Hi");
    await expect(collect(stream.textStream)).rejects.toThrow("no");
    await expect(stream.result).rejects.toThrow("no");
    expect(await stored(db)).toEqual([["ERROR", "no"]]);
    const parts = await collect((await agent.stream("Hi")).fullStream);
    expect(parts.filter(({ type }) => type === "error")).toHaveLength(1);
  });

  test("keeps the text that arrived before an abort, even if the model ignores the signal", async () => {
    const { agent, db } = agentOf([{ stuckAfter: "Half an" }]);
    const controller = new AbortController();
    const stream = await agent.stream("Hi", { signal: controller.signal });
    for await (const text of stream.textStream) {
      expect(text).toBe("Half an");
      controller.abort();
    }
    expect(await stream.result).toMatchObject({ status: "CANCELLED", text: "Half an" });
    expect(await stored(db)).toEqual([["CANCELLED", "Half an"]]);
    expect((await agent.getMessages({ skipStatuses: [] })).map(({ content }) => content)).toEqual(["Hi", "Half an"]);
  });

  test("is cancelled when its reader goes away", async () => {
    const { agent, db } = agentOf([{ stuckAfter: "Half an" }, { stuckAfter: "Half a" }]);
    const stream = await agent.stream("Hi");
    for await (const text of stream.textStream) {
      expect(text).toBe("Half an");
      break;
    }
    expect((await stream.result).status).toBe("CANCELLED");
    const other = await agent.stream("Hi");
    const body = other.toUIMessageStreamResponse().body?.getReader();
    for (let seen = ""; !seen.includes("Half a");) {
      seen += new TextDecoder().decode((await body?.read())?.value);
    }
    await body?.cancel();
    expect((await other.result).status).toBe("CANCELLED");
    expect(await stored(db)).toEqual([
      ["CANCELLED", "Half an"],
      ["CANCELLED", "Half a"],
    ]);
  });
});

describe("an aborted run", () => {
  test("rejects with the reason at once and is stored", async () => {
    const { agent, db } = agentOf([{ stuckAfter: "x" }]);
    const controller = new AbortController();
    const running = agent.run("Hi", { signal: controller.signal });
    setTimeout(() => controller.abort(new Error("enough")), 20);
    await expect(running).rejects.toThrow("enough");
    expect(await stored(db)).toEqual([["CANCELLED", ""]]);
    await expect(agent.run("Hi", { signal: AbortSignal.abort(new Error("at once")) })).rejects.toThrow("at once");
  });
});

describe("a tool that needs approval", () => {
  const pay = tool({
    inputSchema: jsonSchema<{ euros: number }>({ type: "object", properties: { euros: { type: "number" } } }),
    needsApproval: true,
    execute: ({ euros }) => {
      paid.push(euros);
      return `Paid ${euros}`;
    },
  });
  const paid: number[] = [];
  const script = [{ calls: [{ name: "pay", input: { euros: 5 }, id: "c1" }], text: "I will pay." }, "Done.", "Later."];

  test.each(["run", "stream"] as const)("pauses a %s, which continues after the decision", async (how) => {
    paid.length = 0;
    const { agent, db } = agentOf(script, { tools: { pay } });
    const paused = await (how === "run" ? agent.run("Pay") : (await agent.stream("Pay")).result);
    expect(paused).toMatchObject({
      status: "PAUSED",
      pendingApprovals: [{ toolCallId: "c1", input: { euros: 5 } }],
    });
    expect(paused.run.requirements).toHaveLength(1);
    expect(paid).toEqual([]);
    const { runId } = paused;
    await expect(agent.continueRun({ runId, sessionId: "s", approvals: [] })).rejects.toThrow("c1");
    const approvals = [{ toolCallId: "c1", approved: true }];
    const both = await Promise.allSettled([1, 2].map(() => agent.continueRun({ runId, sessionId: "s", approvals })));
    expect(both.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
    expect(paid).toEqual([5]);
    expect(await stored(db)).toEqual([["COMPLETED", "Done."]]);
    const session = await agent.getSession();
    expect(session?.runs[0]).toMatchObject({ tools: [{ toolCallId: "c1", confirmed: true, result: "Paid 5" }] });
    await agent.run("And now?");
  });

  test("can be approved by another user of a shared session", async () => {
    const { agent } = agentOf(script, { tools: { pay }, access: "shared" });
    const { runId } = await agent.run("Pay", { userId: "ada" });
    const approvals = [{ toolCallId: "c1", approved: true }];
    await agent.continueRun({ runId, sessionId: "s", userId: "bob", approvals });
    expect((await agent.getSession())?.runs).toMatchObject([{ userId: "ada", status: "COMPLETED" }]);
  });

  test("reports its rejection to the model", async () => {
    paid.length = 0;
    const { agent, db } = agentOf(script, { tools: { pay } });
    const { runId } = await agent.run("Pay");
    const approvals = [{ toolCallId: "c1", approved: false, reason: "Too much" }];
    expect((await agent.continueRun({ runId, sessionId: "s", approvals })).text).toBe("Done.");
    expect(paid).toEqual([]);
    expect(await stored(db)).toEqual([["COMPLETED", "Done."]]);
  });
});
