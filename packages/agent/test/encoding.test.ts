import { randomBytes } from "node:crypto";
import { InMemorySessionDb } from "@sessiondb/core";
import { describe, expect, test, vi } from "vitest";
import { Agent } from "@sessiondb/agent";
import { scriptedModel } from "@sessiondb/testing/scripted-model";

// What a run is asked and what it answers may be large. It becomes what is stored once, though two rows have the input.

const size = 4 * 1024 * 1024;
const image = new Uint8Array(randomBytes(size));

/** How often bytes of that size become base64 while `work` is done. The AI SDK does it in another way. */
async function encodings(work: () => Promise<unknown>): Promise<number> {
  const toText = vi.spyOn(Buffer.prototype, "toString");
  try {
    await work();
    return toText.mock.contexts.filter(
      (buffer, index) => buffer.byteLength === size && toText.mock.calls[index]?.[0] === "base64",
    ).length;
  } finally {
    toText.mockRestore();
  }
}

const ask = [
  { type: "text" as const, text: "What is it?" },
  { type: "image" as const, image, mediaType: "image/png" },
];

describe("a large image is encoded once", () => {
  test.each(["run", "stream"] as const)("by %s", async (method) => {
    const agent = new Agent({ model: scriptedModel(["A cat"]), db: new InMemorySessionDb(), sessionId: "s" });
    const work = method === "run" ? () => agent.run(ask) : async () => (await agent.stream(ask)).result;
    expect(await encodings(work)).toBe(1);
    const [run] = (await agent.getSession())?.runs ?? [];
    const stored = { content: Buffer.from(image).toString("base64"), mimeType: "image/png" };
    expect(run).toMatchObject({ input: { images: [stored] }, messages: [{ images: [stored] }, { content: "A cat" }] });
  });

  test("as part of the copied history", async () => {
    const model = scriptedModel(["A cat", "Sure"]);
    const agent = new Agent({ model, db: new InMemorySessionDb(), sessionId: "s", storeHistoryMessages: true });
    await agent.run(ask);
    const text = Buffer.from(image).toString("base64");
    const toJson = vi.spyOn(JSON, "stringify");
    try {
      await agent.run("Sure?");
      const encoded = toJson.mock.calls.filter(
        ([value]) => Array.isArray(value) && value.some((part: { image?: unknown }) => part.image === text),
      );
      expect(encoded).toHaveLength(1);
    } finally {
      toJson.mockRestore();
    }
  });
});

describe("a large answer is encoded once", () => {
  test.each(["run", "stream"] as const)("by %s", async (method) => {
    const text = "x".repeat(size);
    const agent = new Agent({ model: scriptedModel([text]), db: new InMemorySessionDb() });
    const toJson = vi.spyOn(JSON, "stringify");
    try {
      await (method === "run" ? agent.run("Write") : (await agent.stream("Write")).result);
      expect(toJson.mock.calls.filter(([value]) => isPartOf(value, text))).toHaveLength(1);
    } finally {
      toJson.mockRestore();
    }
  });
});

function isPartOf(value: unknown, text: string): boolean {
  return typeof value === "object" && value !== null && "type" in value && "text" in value && value.text === text;
}
