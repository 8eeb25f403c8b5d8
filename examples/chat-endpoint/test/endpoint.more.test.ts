import { EventEmitter, once } from "node:events";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { createAdaptorServer } from "@hono/node-server";
import { Agent } from "@sessiondb/agent";
import { InMemorySessionDb, type Run, type Session, type SessionDb } from "@sessiondb/core";
import { scriptedModel, type Script } from "@sessiondb/testing/scripted-model";
import { describe, expect, test, vi } from "vitest";
import type { Chat } from "../src/chat.ts";
import { honoApp } from "../src/hono-app.ts";
import { nodeServer } from "../src/node-server.ts";

const servers = {
  "node:http": nodeServer,
  Hono: (chat: Chat) => createAdaptorServer({ fetch: honoApp(chat).fetch }),
};

interface Started extends AsyncDisposable {
  readonly url: string;
  readonly db: SessionDb;
  readonly model: ReturnType<typeof scriptedModel>;
  readonly reported: unknown[];
}

async function started(
  serverOf: (typeof servers)[keyof typeof servers],
  script: Script,
  {
    db = new InMemorySessionDb(),
    open = () => db,
  }: { db?: SessionDb; open?: () => SessionDb | Promise<SessionDb> } = {},
): Promise<Started> {
  const model = scriptedModel(script);
  const reported: unknown[] = [];
  const server = serverOf({
    agent: new Agent({ id: "assistant", model, db: open }),
    login: async ({ headers }) => headers.get("authorization")?.replace("Bearer ", "") ?? null,
    report: (error) => reported.push(error),
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const stop = async (): Promise<void> => {
    server.close();
    if ("closeAllConnections" in server) {
      server.closeAllConnections();
    }
    await once(server, "close");
  };
  return { url: `http://127.0.0.1:${port}/chat`, db, model, reported, [Symbol.asyncDispose]: stop };
}

const said = (text: string) => ({ id: "m", role: "user", parts: [{ type: "text", text }] });

const fileAt = (url: string) => ({ type: "file", mediaType: "image/png", url });

function post(url: string, body: unknown, { user = "ada", signal }: { user?: string; signal?: AbortSignal } = {}) {
  return fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", ...(user !== "" && { authorization: `Bearer ${user}` }) },
    body: typeof body === "string" ? body : JSON.stringify(body),
    signal: signal ?? null,
  });
}

/** The chunks of a UI message stream. */
function chunksOf(text: string): { type: string; delta?: string }[] {
  const lines = text.split("\n").filter((line) => line.startsWith("data: {"));
  return lines.map((line) => JSON.parse(line.slice(6)) as { type: string; delta?: string });
}

function textOf(body: string): string {
  return chunksOf(body)
    .map(({ delta = "" }) => delta)
    .join("");
}

/** Returns the newest run once it has ended. */
async function endedRun(db: SessionDb, sessionId: string): Promise<Run | null> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    const run = (await db.getSession({ sessionId }))?.runs.at(-1) ?? null;
    if (run !== null && run.status !== "RUNNING") {
      return run;
    }
    await sleep(10);
  }
  return null;
}

describe.each(Object.entries(servers))("the chat endpoint with %s", (_name, serverOf) => {
  test("streams answers, and remembers the conversation of each user", async () => {
    await using chat = await started(serverOf, ({ prompt }) => `Turn ${prompt.length} it is.`);
    for (const [index, user] of ["ada", "bob", "ada"].entries()) {
      const response = await post(chat.url, { id: `chat of ${user}`, message: said("Hi") }, { user });
      expect(response.status).toBe(200);
      expect(response.headers.get("content-type")).toContain("text/event-stream");
      const body = await response.text();
      expect(textOf(body)).toBe(`Turn ${index === 2 ? 3 : 1} it is.`);
      expect(body.trimEnd().endsWith("[DONE]")).toBe(true);
    }
    const session = (await chat.db.getSession({ sessionId: "chat of ada" })) as Session;
    expect(session).toMatchObject({ userId: "ada", runs: [{ status: "COMPLETED" }, { status: "COMPLETED" }] });
    expect(chat.reported).toEqual([]);
  });

  test("passes on images and files of a message", async () => {
    await using chat = await started(serverOf, () => "A dot.");
    const parts = [fileAt("data:image/png;base64,iVBORw0KGgo="), ...said("What is it?").parts];
    const message = { ...said("What is it?"), parts };
    expect((await post(chat.url, { id: "chat", message })).status).toBe(200);
    expect(chat.model.prompts[0]?.at(-1)?.content).toMatchObject([{ type: "file", mediaType: "image/png" }, {}]);
  });

  test.each<[string, unknown, number]>([
    ["a body that is no JSON", "Hi", 400],
    ["an empty body", "", 400],
    ["a list", [], 400],
    ["no id", { message: said("Hi") }, 400],
    ["an empty id", { id: "", message: said("Hi") }, 400],
    ["an id that no store can hold", { id: "a\0b", message: said("Hi") }, 400],
    ["no message", { id: "chat" }, 400],
    ["a message without parts", { id: "chat", message: { id: "m", role: "user" } }, 400],
    ["a message of the assistant", { id: "chat", message: { ...said("Hi"), role: "assistant" } }, 400],
    ["a message of the system", { id: "chat", message: { ...said("Hi"), role: "system" } }, 400],
    ["a file at a URL", { id: "chat", message: { ...said("Hi"), parts: [fileAt("http://127.0.0.1/secret")] } }, 400],
    ["too large a message", { id: "chat", message: said("x".repeat(1_000_001)) }, 413],
  ])("refuses %s", async (_what, body, status) => {
    await using chat = await started(serverOf, []);
    expect((await post(chat.url, body)).status).toBe(status);
    expect(chat.model.prompts).toEqual([]);
    expect((await chat.db.getSessions()).sessions).toEqual([]);
  });

  test("refuses who is not logged in", async () => {
    await using chat = await started(serverOf, []);
    expect((await post(chat.url, { id: "chat", message: said("Hi") }, { user: "" })).status).toBe(401);
    expect(chat.model.prompts).toEqual([]);
  });

  test("answers 404 for any other path", async () => {
    await using chat = await started(serverOf, []);
    expect((await post(`${chat.url}s`, {})).status).toBe(404);
    expect((await fetch(chat.url)).status).toBe(404);
  });

  test("does not tell a session of another user, or of another agent, from one that is not there", async () => {
    await using chat = await started(serverOf, () => "Hi");
    await (await post(chat.url, { id: "chat", message: said("Secret") })).text();
    await new Agent({ id: "other", model: scriptedModel(() => "Hi"), db: chat.db }).run("Hi", {
      sessionId: "of other",
      userId: "bob",
    });
    const before = JSON.stringify((await chat.db.getSessions({ includeRuns: true })).sessions);
    for (const id of ["chat", "of other"]) {
      const response = await post(chat.url, { id, message: said("Hi") }, { user: "bob" });
      expect([response.status, await response.text()]).toEqual([404, ""]);
    }
    expect(chat.model.prompts).toHaveLength(1);
    expect(JSON.stringify((await chat.db.getSessions({ includeRuns: true })).sessions)).toBe(before);
    expect(chat.reported).toMatchObject([{ code: "SESSION_OWNERSHIP" }, { code: "SESSION_COMPONENT_MISMATCH" }]);
  });

  test("cancels the run of a client that leaves while it answers, and keeps what had arrived", async () => {
    await using chat = await started(serverOf, [{ stuckAfter: "Once upon a time" }]);
    const client = new AbortController();
    const response = await post(chat.url, { id: "chat", message: said("Tell me") }, { signal: client.signal });
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    let body = "";
    while (!body.includes("Once")) {
      body += (await reader?.read())?.value ?? "";
    }
    client.abort();
    expect(await endedRun(chat.db, "chat")).toMatchObject({ status: "CANCELLED", content: "Once upon a time" });
  });

  test("asks no model for a client that leaves before the session is read", async () => {
    const opening = new EventEmitter();
    const db = new InMemorySessionDb();
    const open = async (): Promise<SessionDb> => {
      opening.emit("begun");
      await once(opening, "end");
      return db;
    };
    const begun = once(opening, "begun");
    await using chat = await started(serverOf, () => "Hi", { db, open });
    const client = new AbortController();
    const response = post(chat.url, { id: "chat", message: said("Hi") }, { signal: client.signal });
    await begun;
    client.abort();
    await expect(response).rejects.toThrow("abort");
    await vi.waitFor(() => expect(chat.reported).toHaveLength(1));
    opening.emit("end");
    expect(chat.model.prompts).toEqual([]);
    expect((await chat.db.getSessions()).sessions).toEqual([]);
  });

  test("waits for a slow reader, who misses nothing", async () => {
    const answer = Array.from({ length: 4000 }, (_, index) => `${index}`.padEnd(500, "x")).join(" ");
    await using chat = await started(serverOf, [answer]);
    const response = await post(chat.url, { id: "chat", message: said("Tell me") });
    let body = "";
    for await (const piece of (response.body as ReadableStream<Uint8Array>).pipeThrough(new TextDecoderStream())) {
      body += piece;
      await sleep(1);
    }
    expect(textOf(body)).toBe(answer);
    expect(await endedRun(chat.db, "chat")).toMatchObject({ status: "COMPLETED", content: answer });
  });

  test("answers 503 while the store is closed", async () => {
    await using chat = await started(serverOf, []);
    await chat.db.close();
    const response = await post(chat.url, { id: "chat", message: said("Hi") });
    expect([response.status, await response.text()]).toEqual([503, ""]);
    expect(chat.reported).toMatchObject([{ code: "CLOSED" }]);
  });

  test("ends the stream with an error when the answer cannot be stored", async () => {
    const db = new InMemorySessionDb();
    const closing: Script = async () => {
      await db.close();
      return "Hi there";
    };
    await using chat = await started(serverOf, closing, { db });
    const body = await (await post(chat.url, { id: "chat", message: said("Hi") })).text();
    expect(chunksOf(body).at(-1)).toEqual({ type: "error", errorText: "An error occurred." });
    expect(body.trimEnd().endsWith("[DONE]")).toBe(true);
    expect(chat.reported).toMatchObject([{ code: "CLOSED" }]);
  });

  test("ends the stream with an error when the model fails", async () => {
    await using chat = await started(serverOf, [{ failsAfter: "Once", error: new Error("secret of the model") }]);
    const body = await (await post(chat.url, { id: "chat", message: said("Hi") })).text();
    expect(textOf(body)).toBe("Once");
    expect(body).not.toContain("secret of the model");
    expect(chunksOf(body).map(({ type }) => type)).toContain("error");
    expect(await endedRun(chat.db, "chat")).toMatchObject({ status: "ERROR" });
  });
});
