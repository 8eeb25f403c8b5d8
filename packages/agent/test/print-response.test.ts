import { InMemorySessionDb } from "@sessiondb/core";
import { afterEach, beforeEach, describe, expect, test, vi, type MockInstance } from "vitest";
import { Agent } from "@sessiondb/agent";
import { scriptedModel, type Script } from "@sessiondb/testing/scripted-model";

describe("printResponse", () => {
  let output: MockInstance<typeof process.stdout.write>;
  const written = (): unknown[] => output.mock.calls.map(([text]) => text);

  beforeEach(() => {
    output = vi.spyOn(process.stdout, "write").mockImplementation(() => true);
  });
  afterEach(() => output.mockRestore());

  const agentOf = (script: Script): Agent =>
    new Agent({
      model: scriptedModel(script),
      db: new InMemorySessionDb(),
      sessionId: "s",
      userId: "ada",
      generation: { maxRetries: 0 },
    });

  test("writes the answer piece by piece as a line, and stores it as a run", async () => {
    const agent = agentOf(["It is tea."]);
    const result = await agent.printResponse("What is it?");
    expect(written()).toEqual(["It ", "is ", "tea.", "\n"]);
    expect(result).toMatchObject({ status: "COMPLETED", text: "It is tea.", sessionId: "s", userId: "ada" });
    expect((await agent.getSession())?.runs).toMatchObject([{ runId: result.runId, content: "It is tea." }]);
  });

  test("ends the line when an answer breaks off, and rejects", async () => {
    const controller = new AbortController();
    const agent = agentOf([{ stuckAfter: "It is" }]);
    output.mockImplementation(() => {
      controller.abort(new Error("enough"));
      return true;
    });
    const printed = agent.printResponse("What is it?", { signal: controller.signal });
    const ended = await printed.then(
      ({ status }) => status,
      (error: unknown) => error,
    );
    expect(ended).toBe("CANCELLED");
    expect(written()).toEqual(["It is", "\n"]);
    expect((await agent.getSession())?.runs).toMatchObject([{ status: "CANCELLED", content: "It is" }]);
  });

  test("writes nothing when there is no answer", async () => {
    const agent = agentOf([new Error("out of order")]);
    await expect(agent.printResponse("What is it?")).rejects.toThrow("out of order");
    await expect(agent.printResponse("What is it?", { userId: "eve" })).rejects.toMatchObject({
      code: "SESSION_OWNERSHIP",
    });
    expect(written()).toEqual([]);
  });
});
