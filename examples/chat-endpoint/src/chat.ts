import type { Agent } from "@sessiondb/agent";
import { convertToModelMessages, safeValidateUIMessages, type UIMessage, type UserContent } from "ai";
import { z } from "zod";
import { httpStatusOf } from "./http-status.ts";

export interface Chat {
  readonly agent: Agent;
  /** Returns the user of a request, by its cookie or its token; null if nobody is logged in. */
  readonly login: (request: Request) => Promise<string | null>;
  /** Told of every error: the client learns the status only. */
  readonly report: (error: unknown) => void;
}

/** Answers `{ id, message }`: the chat's id and the new message of the user. */
export async function answer(request: Request, { agent, login, report }: Chat): Promise<Response> {
  try {
    const userId = await login(request);
    if (userId === null) {
      return new Response(null, { status: 401 });
    }
    const question = await questionOf(request);
    if (question === null) {
      return new Response(null, { status: 400 });
    }
    const { id: sessionId, content } = question;
    const stream = await agent.stream(content, { sessionId, userId, signal: request.signal });
    stream.result.catch(report);
    return stream.toUIMessageStreamResponse();
  } catch (error) {
    report(error);
    return new Response(null, { status: httpStatusOf(error) });
  }
}

const bodySchema = z.object({ id: z.string().min(1), message: z.unknown() });

async function questionOf(request: Request): Promise<{ id: string; content: UserContent } | null> {
  const body = bodySchema.safeParse(await request.json().catch(() => null));
  const messages = await safeValidateUIMessages({ messages: [body.data?.message] });
  if (!body.success || !messages.success || !messages.data.every(hasOwnFiles)) {
    return null;
  }
  const [message] = await convertToModelMessages(messages.data);
  return message?.role === "user" && message.content.length > 0 ? { id: body.data.id, content: message.content } : null;
}

/** A file at a URL would be downloaded by this server, whatever the URL is. */
function hasOwnFiles({ parts }: UIMessage): boolean {
  return parts.every((part) => part.type !== "file" || /^data:[^,]*,/.test(part.url));
}
