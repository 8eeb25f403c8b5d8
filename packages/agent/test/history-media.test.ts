import { InMemorySessionDb } from "@sessiondb/core";
import { APICallError, tool, UnsupportedFunctionalityError, type UserContent } from "ai";
import { describe, expect, test, vi } from "vitest";
import { z } from "zod";
import { Agent, type ModelComponentOptions } from "@sessiondb/agent";
import { scriptedModel } from "@sessiondb/testing/scripted-model";

const link = "https://files.example/signed.png";
const picture = new Uint8Array([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
const image: UserContent = [{ type: "image", image: new URL(link) }];
const media: Readonly<Record<string, UserContent>> = {
  "an image": image,
  "an image as text": [{ type: "image", image: link }],
  "a file": [{ type: "file", data: new URL(link), mediaType: "application/pdf" }],
  "two of them": [
    { type: "text", text: "Look" },
    { type: "image", image: link },
    { type: "file", data: "https://files.example/other.pdf", mediaType: "application/pdf" },
  ],
};

/** Links that can be had until they expire. Notes each request. */
function links() {
  const asked: string[] = [];
  const state = { expired: false, asked };
  const experimental_download: NonNullable<ModelComponentOptions["generation"]>["experimental_download"] = async (
    files,
  ) =>
    files.map(({ url }) => {
      asked.push(url.href);
      if (state.expired) {
        throw new Error("403");
      }
      return { data: picture, mediaType: "image/png" };
    });
  return { state, generation: { experimental_download } };
}

const refusal = (statusCode: number) =>
  new APICallError({ message: "No", url: "https://api.example", requestBodyValues: {}, statusCode });

const partsOf = (model: ReturnType<typeof scriptedModel>, index = -1) =>
  (model.prompts.at(index) ?? []).flatMap(({ role, content }) =>
    typeof content === "string" ? [] : content.map((part) => `${role} ${"text" in part ? part.text : part.type}`),
  );

const calls = {
  run: (agent: Agent, input: string | UserContent) => agent.run(input, { sessionId: "s" }),
  stream: async (agent: Agent, input: string | UserContent) => (await agent.stream(input, { sessionId: "s" })).result,
};

describe.each(Object.entries(calls))("%s", (_name, ask) => {
  test.each(Object.entries(media))(
    "an expired link to %s in the history is said to be gone",
    async (_kind, content) => {
      const { state, generation } = links();
      const model = scriptedModel(() => "Yes.");
      const agent = new Agent({ id: "a", db: new InMemorySessionDb(), model, generation });
      await ask(agent, content);
      state.asked.length = 0;
      await ask(agent, "Still there?");
      expect(new Set(state.asked).size, "each is requested once").toBe(state.asked.length);
      expect(partsOf(model).filter((part) => part === "user file")).toHaveLength(state.asked.length);
      state.expired = true;
      expect(await ask(agent, "And now?")).toMatchObject({ status: "COMPLETED", text: "Yes." });
      expect(partsOf(model).join()).not.toContain("user file");
      expect(partsOf(model).join()).toMatch(/\[(image|file) not available\]/);
      expect(await ask(agent, "And again?")).toMatchObject({ status: "COMPLETED" });
    },
  );

  test("an expired link in the new message fails the run, also if the history has it too", async () => {
    const { state, generation } = links();
    const agent = new Agent({ id: "a", db: new InMemorySessionDb(), model: scriptedModel(() => "Yes."), generation });
    await ask(agent, image);
    state.expired = true;
    await expect(ask(agent, image)).rejects.toThrow("403");
  });

  test.each([
    ["that the model does not take", 400, true],
    ["that are too large", 413, true],
    ["of a type that it does not take", 415, true],
    ["that it cannot process", 422, true],
    ["with a wrong key", 401, false],
    ["with too many requests", 429, false],
    ["with a server that fails", 500, false],
  ])("media of the history %s: %i", async (_kind, statusCode, isShownWithout) => {
    const { generation } = links();
    const picky = scriptedModel(({ prompt }) =>
      JSON.stringify(prompt).includes('"type":"file"') ? refusal(statusCode) : "Without.",
    );
    const db = new InMemorySessionDb();
    await new Agent({ id: "a", db, model: scriptedModel(() => "Nice."), generation }).run(image, { sessionId: "s" });
    const agent = new Agent({ id: "a", db, model: picky, generation: { ...generation, maxRetries: 0 } });
    const outcome = await ask(agent, "And now?").then(
      ({ text }) => text,
      () => "failed",
    );
    expect(outcome).toBe(isShownWithout ? "Without." : "failed");
    expect(picky.prompts).toHaveLength(isShownWithout ? 2 : 1);
    await expect(ask(agent, image)).rejects.toThrow("No");
  });

  test("a part that the provider cannot pass on is left out", async () => {
    const { generation } = links();
    const db = new InMemorySessionDb();
    const picky = scriptedModel(({ prompt }) =>
      JSON.stringify(prompt).includes('"type":"file"')
        ? new UnsupportedFunctionalityError({ functionality: "images" })
        : "Without.",
    );
    await new Agent({ id: "a", db, model: scriptedModel(() => "Nice."), generation }).run(image, { sessionId: "s" });
    expect((await ask(new Agent({ id: "a", db, model: picky, generation }), "And now?")).text).toBe("Without.");
  });

  test("media of the history are left out if that is wanted, and nothing is requested", async () => {
    const { state, generation } = links();
    const model = scriptedModel(() => "Yes.");
    const options = { id: "a", db: new InMemorySessionDb(), model, generation, addHistoryMediaToContext: false };
    const agent = new Agent(options);
    await ask(agent, image);
    expect(partsOf(model)).toEqual(["user file"]);
    state.asked.length = 0;
    await ask(agent, "And now?");
    expect(partsOf(model)).toEqual(["user [image not available]", "assistant Yes.", "user And now?"]);
    expect(state.asked).toEqual([]);
  });
});

test("a model of the global provider and media of a tool's result are treated alike", async () => {
  const { state, generation } = links();
  const show = tool({
    inputSchema: z.object({}),
    execute: () => "shown",
    toModelOutput: () => ({ type: "content", value: [{ type: "image-url", url: link }] }),
  });
  const model = scriptedModel((_call, index) => (index === 0 ? { calls: [{ name: "show" }] } : "Yes."));
  vi.stubGlobal("AI_SDK_DEFAULT_PROVIDER", { languageModel: () => model });
  try {
    const agent = new Agent({ id: "a", db: new InMemorySessionDb(), model: "any/model", generation, tools: { show } });
    await calls.run(agent, "Show me");
    state.expired = true;
    expect(await calls.run(agent, "And now?")).toMatchObject({ status: "COMPLETED", text: "Yes." });
    expect(JSON.stringify(model.prompts.at(-1))).not.toContain(link);
  } finally {
    vi.unstubAllGlobals();
  }
});

test("a question whose files are not stored is no empty message to the next model", async () => {
  const model = scriptedModel(["A cat", "Sure"]);
  const agent = new Agent({ id: "a", model, db: new InMemorySessionDb(), sessionId: "s", storeMedia: false });
  await agent.run([{ type: "image", image: picture, mediaType: "image/png" }]);
  await agent.run("Are you sure?");
  expect(model.prompts[1]?.[0]).toMatchObject({ role: "user", content: [{ type: "text", text: "(Not stored.)" }] });
});
