import { chatStore } from "@sessiondb/ai-sdk";
import type { SessionDb } from "@sessiondb/core";
import { UI_MESSAGE_STREAM_HEADERS, type UIMessage } from "ai";
import { Hono, type Context } from "hono";
import { z } from "zod";
import type { Assistant } from "./assistant.ts";
import type { SignedIn } from "./login.ts";
import { Streams } from "./streams.ts";

export interface ChatOptions {
  readonly agent: Assistant;
  readonly db: SessionDb;
  /** Told of every error: the client learns the status only. */
  readonly report: (error: unknown) => void;
}

const answersSchema = z.object({
  id: z.string().min(1),
  message: z.object({ id: z.string(), role: z.literal("assistant") }),
});
const titleSchema = z.object({ title: z.string().trim().min(1).max(200) });

/**
 * The chats of the user who is signed in. The store is confined to that user, so that the chats of others are not there,
 * whatever ids a request has.
 */
export function chatRoutes({ agent, db, report }: ChatOptions): Hono<SignedIn> {
  const routes = new Hono<SignedIn>();
  const streams = new Streams();
  const chatsOf = (context: Context<SignedIn>) =>
    chatStore(db.forUser(context.get("user")), { component: agent, sendSources: true });

  routes.get("/", async (context) => context.json(await chatsOf(context).list({ limit: 20, ...cursorOf(context) })));

  /** Returns the message that goes on when a page answers its calls, as it is before; null for questions. */
  const messageBefore = async (context: Context<SignedIn>, body: unknown): Promise<UIMessage | null> => {
    const answers = answersSchema.safeParse(body);
    const chat = answers.success ? await chatsOf(context).load(answers.data.id, { turns: 1 }) : null;
    return chat?.messages.find(({ id }) => id === answers.data?.message.id) ?? null;
  };

  // Whatever useChat sends: a question, new or edited, a wish for another answer, or answers to what waits.
  routes.post("/", async (context) => {
    const body = await bodyOf(context);
    const before = await messageBefore(context, body);
    const stream = await agent.streamChat(body, { userId: context.get("user") });
    stream.result.catch(report);
    return stream.toUIMessageStreamResponse({
      sendSources: true,
      consumeSseStream: ({ stream: chunks }) => void streams.keep(stream.runId, chunks, before),
    });
  });

  routes.get("/:id", async (context) => {
    const chat = await chatsOf(context).load(context.req.param("id"), { turns: 20, ...cursorOf(context) });
    return chat === null ? context.body(null, 404) : context.json(chat);
  });

  routes.patch("/:id", async (context) => {
    const body = titleSchema.safeParse(await bodyOf(context));
    if (!body.success) {
      return context.body(null, 400);
    }
    const isThere = await chatsOf(context).rename(context.req.param("id"), body.data.title);
    return context.body(null, isThere ? 204 : 404);
  });

  routes.delete("/:id", async (context) => {
    const wasThere = await chatsOf(context).delete(context.req.param("id"));
    return context.body(null, wasThere ? 204 : 404);
  });

  // The rest of an answer that a reload or another tab asks for, from its beginning.
  routes.get("/:id/stream", async (context) => {
    const chat = await chatsOf(context).load(context.req.param("id"), { turns: 1 });
    if (chat === null) {
      return context.body(null, 404);
    }
    const chunks = chat.activeStreamId === null ? null : streams.read(chat.activeStreamId);
    return chunks === null
      ? context.body(null, 204)
      : new Response(chunks.pipeThrough(new TextEncoderStream()), { headers: UI_MESSAGE_STREAM_HEADERS });
  });

  routes.post("/:id/stop", async (context) => {
    const sessionId = context.req.param("id");
    const chat = await chatsOf(context).load(sessionId, { turns: 1 });
    const runId = chat?.activeStreamId ?? null;
    const isStopped = runId !== null && (await agent.cancelRun({ runId, sessionId, userId: context.get("user") }));
    return context.body(null, isStopped ? 204 : 404);
  });
  return routes;
}

function cursorOf(context: Context): { cursor?: string } {
  const cursor = context.req.query("cursor");
  return cursor === undefined ? {} : { cursor };
}

/** Returns the parsed body; null for one that is no JSON, which no schema allows. */
async function bodyOf(context: Context): Promise<unknown> {
  return context.req.json().catch(() => null);
}
