import { Agent, type ToolCall } from "@sessiondb/agent";
import { InMemorySessionDb } from "@sessiondb/core";
import { scriptedModel, type Answer } from "@sessiondb/testing/scripted-model";
import { jsonSchema, tool } from "ai";
import { describe, expect, test } from "vitest";

// Some models count their calls anew in each answer. Each call still has its own id, decision and result.

const buys = (item: string): Answer => ({ calls: [{ name: "buy", id: "call_0", input: { item } }] });

function buyer(script: readonly Answer[], needsApproval: boolean) {
  const bought: string[] = [];
  const buy = tool({
    inputSchema: jsonSchema<{ item: string }>({ type: "object" }),
    needsApproval,
    execute: ({ item }) => {
      bought.push(item);
      return `Bought ${item}`;
    },
  });
  const model = scriptedModel(script);
  const agent = new Agent({ model, db: new InMemorySessionDb(), sessionId: "s", tools: { buy } });
  return { agent, bought, model };
}

const results = (calls: readonly ToolCall[]) =>
  calls.map((call) => [call.input, call.state === "output-available" ? call.output : undefined]);

test("a second pause for the same id is decided by itself", async () => {
  const { agent, bought } = buyer([buys("milk"), buys("bread"), "Done."], true);
  const first = await agent.run("Buy");
  const approve = ({ pendingApprovals }: typeof first) =>
    pendingApprovals.map(({ toolCallId }) => ({ toolCallId, approved: true }));
  const { runId, sessionId } = first;
  const second = await agent.continueRun({ runId, sessionId, approvals: approve(first) });
  expect(second.status).toBe("PAUSED");
  expect(results(second.pendingApprovals)).toEqual([[{ item: "bread" }, undefined]]);
  const done = await agent.continueRun({ runId, sessionId, approvals: approve(second) });
  expect(results(done.toolCalls)).toEqual([
    [{ item: "milk" }, "Bought milk"],
    [{ item: "bread" }, "Bought bread"],
  ]);
  expect(bought).toEqual(["milk", "bread"]);
});

describe.each(["run", "stream"] as const)("%s", (how) => {
  test("calls of several steps, and of several turns, stay apart", async () => {
    const { agent, model } = buyer([buys("milk"), buys("bread"), "Done.", buys("tea"), "Done."], false);
    const ask = async () => (how === "run" ? agent.run("Buy") : (await agent.stream("Buy")).result);
    expect(results((await ask()).toolCalls)).toEqual([
      [{ item: "milk" }, "Bought milk"],
      [{ item: "bread" }, "Bought bread"],
    ]);
    expect(results((await ask()).toolCalls)).toEqual([[{ item: "tea" }, "Bought tea"]]);
    const parts = (model.prompts.at(-1) ?? []).flatMap(({ content }): readonly { readonly type: string }[] =>
      typeof content === "string" ? [] : content,
    );
    const idsOf = (wanted: string) =>
      parts.flatMap((part) => (part.type === wanted && "toolCallId" in part ? [part.toolCallId] : []));
    expect(new Set(idsOf("tool-call")).size).toBe(3);
    expect(idsOf("tool-result")).toEqual(idsOf("tool-call"));
  });

  test("two calls of one answer stay apart", async () => {
    const twice = ["milk", "bread"].map((item) => ({ name: "buy", id: "call_0", input: { item } }));
    const { agent, bought } = buyer([{ calls: twice }, "Done."], false);
    const result = how === "run" ? await agent.run("Buy") : await (await agent.stream("Buy")).result;
    expect(results(result.toolCalls)).toEqual([
      [{ item: "milk" }, "Bought milk"],
      [{ item: "bread" }, "Bought bread"],
    ]);
    expect(bought).toEqual(["milk", "bread"]);
  });
});
