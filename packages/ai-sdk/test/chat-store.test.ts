import { InMemorySessionDb, type AgentRun } from "@sessiondb/core";
import { SqliteSessionDb } from "@sessiondb/sqlite";
import { scriptedModel, type Answer } from "@sessiondb/testing/scripted-model";
import { convertToModelMessages, streamText, tool, type ToolSet, type UIMessage } from "ai";
import { afterEach, describe, expect, test, vi } from "vitest";
import { z } from "zod";
import { chatStore, toUIMessages, type ChatStore, type TurnOptions } from "../src/index.ts";

afterEach(() => void vi.restoreAllMocks());

const question = (text: string): object => ({ id: `q-${text}`, role: "user", parts: [{ type: "text", text }] });

const tools = { browser: tool({ inputSchema: z.object({}) }) } as ToolSet;

/** Asks and reads the answer to its end. */
async function ask(
  chats: ChatStore,
  {
    chatId = "chat",
    text,
    answer = `Re: ${text}`,
    ...options
  }: { chatId?: string; text: string; answer?: Answer } & TurnOptions,
): Promise<string> {
  const turn = await chats.turn({ id: chatId, messages: [question(text)] }, options);
  const result = streamText({
    model: scriptedModel([answer]),
    tools,
    messages: await convertToModelMessages(turn.messages),
    onError: () => {},
  });
  return result.toUIMessageStreamResponse(turn.streamOptions).text();
}

const texts = (messages: readonly UIMessage[] = []): unknown[] =>
  messages.map(({ parts }) => parts.flatMap((part) => (part.type === "text" ? [part.text] : [])).join("|"));

describe.each([
  ["memory", () => new InMemorySessionDb()],
  ["SQLite", () => new SqliteSessionDb({ file: ":memory:" })],
] as const)("chats on %s", (_name, open) => {
  test.each([
    [false, 1],
    [true, 2],
  ])("take one write for each turn, and one more if they can be resumed (%s)", async (resumable, writes) => {
    await using db = open();
    const chats = chatStore(db.forUser("ada"));
    const spy = vi.spyOn(db, "upsertRun");
    for (const text of ["A", "B", "C"]) {
      spy.mockClear();
      await ask(chats, { text, resumable });
      expect(spy).toHaveBeenCalledTimes(writes);
    }
  });

  test("are listed with their titles, renamed and deleted, each user's alone", async () => {
    await using db = open();
    const [ada, eve] = [chatStore(db.forUser("ada")), chatStore(db.forUser("eve"))];
    for (const chatId of ["1", "2", "3"]) {
      await ask(ada, { chatId, text: `Question ${chatId}` });
    }
    await ask(chatStore(db.forUser("ada"), { component: { sessionType: "agent", id: "other" } }), {
      chatId: "4",
      text: "X",
    });
    const all = [];
    for (let cursor: string | null | undefined; cursor !== null;) {
      const page = await ada.list({ limit: 2, cursor });
      all.push(...page.chats);
      cursor = page.nextCursor;
    }
    expect(all.map(({ id, title }) => [id, title]).toSorted(([a], [b]) => Number(a) - Number(b))).toEqual([
      ["1", "Question 1"],
      ["2", "Question 2"],
      ["3", "Question 3"],
    ]);
    expect((await eve.list()).chats).toEqual([]);
    expect(await ada.rename("1", "First")).toBe(true);
    expect(await ada.load("1")).toMatchObject({ title: "First" });
    for (const id of ["1", "none", "4"]) {
      expect([await eve.rename(id, "Mine"), await eve.delete(id), await eve.load(id)]).toEqual([false, false, null]);
    }
    expect([await ada.delete("4"), await ada.rename("4", "x"), await ada.load("4")]).toEqual([false, false, null]);
    expect(await ada.delete("1")).toBe(true);
    expect(await ada.load("1")).toBeNull();
    expect((await ada.list()).chats).toHaveLength(2);
  });

  test("are loaded in pages, the newest turns first", async () => {
    await using db = open();
    const chats = chatStore(db.forUser("ada"));
    for (const text of ["A", "B", "C", "D", "E"]) {
      await ask(chats, { text });
    }
    const pages = [];
    for (let cursor: string | null | undefined; cursor !== null;) {
      const chat = await chats.load("chat", { turns: 2, ...(cursor !== undefined && { cursor }) });
      pages.push(texts(chat?.messages));
      cursor = chat?.olderCursor ?? null;
    }
    expect(pages).toEqual([
      ["D", "Re: D", "E", "Re: E"],
      ["B", "Re: B", "C", "Re: C"],
      ["A", "Re: A"],
    ]);
  });

  test("show a model no more turns than asked for, and no call without its result", async () => {
    await using db = open();
    const chats = chatStore(db.forUser("ada"));
    await ask(chats, { text: "A" });
    await ask(chats, { text: "B", answer: { text: "Calling", calls: [{ name: "browser", input: {}, id: "c" }] } });
    await ask(chats, { text: "C", answer: new Error("overloaded") });
    const body = { id: "chat", messages: [question("D")] };
    expect(texts((await chats.turn(body)).messages)).toEqual(["A", "Re: A", "B", "Calling", "C", "D"]);
    expect(texts((await chats.turn(body, { turns: 2 })).messages)).toEqual(["B", "Calling", "C", "D"]);
    expect(texts((await chats.turn(body, { turns: 0 })).messages)).toEqual(["D"]);
    const { messages } = await chats.turn(body);
    expect(JSON.stringify(await convertToModelMessages(messages))).not.toContain("tool-call");
  });

  test("tell the stream that is being answered, and not what it has said", async () => {
    await using db = open();
    const chats = chatStore(db.forUser("ada"));
    await ask(chats, { text: "A" });
    const turn = await chats.turn({ id: "chat", messages: [question("B")] }, { resumable: true });
    expect(await chats.load("chat")).toMatchObject({ activeStreamId: turn.runId });
    expect(texts((await chats.load("chat"))?.messages)).toEqual(["A", "Re: A", "B"]);
    const parts = [{ type: "text" as const, text: "Re: B" }];
    await turn.save({ responseMessage: { id: turn.runId, role: "assistant", parts }, isAborted: false });
    expect(await chats.load("chat")).toMatchObject({ activeStreamId: null });
    expect(texts((await chats.load("chat"))?.messages)).toEqual(["A", "Re: A", "B", "Re: B"]);
  });

  test("are not written to by a turn whose chat was deleted meanwhile, if it had begun", async () => {
    await using db = open();
    const chats = chatStore(db.forUser("ada"));
    const turn = await chats.turn({ id: "chat", messages: [question("A")] }, { resumable: true });
    await chats.delete("chat");
    const parts = [{ type: "text" as const, text: "Late" }];
    await turn.save({ responseMessage: { id: turn.runId, role: "assistant", parts }, isAborted: false });
    expect(await chats.load("chat")).toBeNull();
  });

  test("keep what is to be replaced if the new answer is stopped before its first word", async () => {
    await using db = open();
    const chats = chatStore(db.forUser("ada"));
    await ask(chats, { text: "A" });
    await ask(chats, { text: "B" });
    const before = await chats.load("chat");
    const turn = await chats.turn({ id: "chat", messages: [question("A")], trigger: "regenerate-message" });
    const parts: UIMessage["parts"] = [{ type: "step-start" }, { type: "text", text: "", state: "streaming" }];
    await turn.save({ responseMessage: { id: turn.runId, role: "assistant", parts }, isAborted: true });
    expect((await chats.load("chat"))?.messages).toEqual(before?.messages);
  });

  test("take an answer again whose turn was released, or whose process died", async () => {
    await using db = open();
    const chats = chatStore(db.forUser("ada"));
    const asking = {
      book: tool({ inputSchema: z.object({}), needsApproval: true, execute: () => "Booked" }),
    } as ToolSet;
    const first = await chats.turn({ id: "chat", messages: [question("A")] });
    const result = streamText({
      model: scriptedModel([{ calls: [{ name: "book", input: {}, id: "c" }] }]),
      tools: asking,
      messages: await convertToModelMessages(first.messages),
    });
    await result.toUIMessageStreamResponse(first.streamOptions).text();
    const before = (await chats.load("chat"))?.messages.at(-1) as UIMessage;
    const parts = before.parts.map((part) =>
      "approval" in part
        ? { ...part, state: "approval-responded", approval: { ...part.approval, approved: true } }
        : part,
    );
    const body = { id: "chat", messages: [{ ...before, parts }] };
    const released = await chats.turn(body);
    await expect(chats.turn(body)).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    await released.release();
    expect((await chats.load("chat"))?.messages.at(-1)).toEqual(before);
    const left = await chats.turn(body);
    // As after a crash: nobody renews its lease.
    await db.updateRun({ sessionId: "chat", runId: left.runId }, (run) => ({
      ...run,
      extra: { ...run.extra, sessiondb_running_since: 1, sessiondb_lease_until: 2 },
    }));
    expect(await chats.load("chat")).toMatchObject({ activeStreamId: null });
    expect((await chats.load("chat"))?.messages.at(-1)).toEqual(before);
    const claims = await Promise.allSettled([chats.turn(body), chats.turn(body)]);
    expect(claims.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    for (const turn of [released, left]) {
      await turn.release();
    }
  });

  test("are not made again by a turn whose chat was deleted meanwhile", async () => {
    await using db = open();
    const chats = chatStore(db.forUser("ada"));
    await ask(chats, { text: "A" });
    const turn = await chats.turn({ id: "chat", messages: [question("B")] });
    await chats.delete("chat");
    const parts = [{ type: "text" as const, text: "Late" }];
    await turn.save({ responseMessage: { id: turn.runId, role: "assistant", parts }, isAborted: false });
    expect(await chats.load("chat")).toBeNull();
  });

  test("refuse a number of turns that is none", async () => {
    await using db = open();
    const chats = chatStore(db.forUser("ada"));
    for (const turns of [0, 101, 1.5, -1]) {
      await expect(chats.load("chat", { turns })).rejects.toMatchObject({
        code: "INVALID_ARGUMENT",
        argument: "turns",
      });
    }
  });

  test("refuse a session that is no chat of theirs", async () => {
    await using db = open();
    await db.upsertSession({ sessionType: "team", sessionId: "t", teamId: "x", userId: "ada" });
    await db.upsertSession({ sessionType: "agent", sessionId: "a", agentId: "x", userId: "ada" });
    const chats = chatStore(db.forUser("ada"));
    await expect(ask(chats, { chatId: "t", text: "A" })).rejects.toMatchObject({ code: "SESSION_TYPE_MISMATCH" });
    await expect(ask(chats, { chatId: "a", text: "A" })).rejects.toMatchObject({ code: "SESSION_COMPONENT_MISMATCH" });
  });

  test("keep parts that others have broken unread", async () => {
    await using db = open();
    const chats = chatStore(db.forUser("ada"));
    await ask(chats, { text: "A" });
    const [run] = (await db.getRuns({ sessionId: "chat" })).runs as AgentRun[];
    await db.updateRun({ sessionId: "chat", runId: run?.runId as string }, (stored) => ({
      ...(stored as AgentRun),
      messages: ((stored as AgentRun).messages ?? []).map((message) => ({
        ...message,
        providerData: { ai_sdk: { shown: { parts: [{ type: "text", text: 5 }] } } },
      })),
    }));
    expect(texts((await chats.load("chat"))?.messages)).toEqual(["A", "Re: A"]);
  });
});

test("what Agno keeps with a run is shown with its answer", () => {
  const run: AgentRun = {
    runType: "agent",
    runId: "r",
    messages: [
      { role: "user", content: "Draw" },
      { role: "assistant", content: "Here", images: [{ url: "https://example.com/a.png" }] },
    ],
    images: [{ url: "https://example.com/a.png" }, { url: "https://example.com/b.png", mimeType: "image/png" }],
    citations: { urls: [{ url: "https://example.com", title: "Example" }, { title: "none" }, 5] },
  };
  const [, answer] = toUIMessages({ runs: [run] }, { sendSources: true });
  expect(answer?.parts).toEqual([
    { type: "step-start" },
    { type: "text", text: "Here", state: "done" },
    { type: "file", mediaType: "image/*", url: "https://example.com/a.png" },
    { type: "file", mediaType: "image/png", url: "https://example.com/b.png" },
    { type: "source-url", sourceId: "r:source:0", url: "https://example.com", title: "Example" },
  ]);
});
