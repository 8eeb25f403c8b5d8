import { InvalidArgumentError } from "@sessiondb/core";
import { identifier, isJsonObject } from "@sessiondb/core/adapter";
import { safeValidateUIMessages, type UIMessage } from "ai";
import { isCallPart, type CallPart } from "./call-part.ts";

/** What a page asks for. Everything else that it sent is left unread: the store knows it better. */
export type ChatRequest =
  /** A new question, or a stored one that was edited: then the page names it. */
  | { readonly type: "question"; readonly chatId: string; readonly message: UIMessage; readonly isEdited: boolean }
  /** Another answer to a stored question. `messageId` is the id of the answer, or of the question; null: the newest. */
  | {
      readonly type: "regenerate";
      readonly chatId: string;
      readonly messageId: string | null;
      /** The question that the page ends with; null if it ends with none. It may not be stored: its request was lost. */
      readonly message: UIMessage | null;
    }
  /** Decisions about calls that wait, and results of tools that run in the browser. */
  | {
      readonly type: "answers";
      readonly chatId: string;
      readonly messageId: string;
      readonly answers: readonly CallAnswer[];
    };

/** What a page says about one call. */
export interface CallAnswer {
  readonly toolCallId: string;
  /** The decision; null if there is none. */
  readonly approval: { readonly id: string; readonly approved: boolean; readonly reason: string | null } | null;
  /** What a tool in the browser came to; null if it says nothing. */
  readonly outcome: { readonly output: unknown } | { readonly error: string } | null;
}

/** What is accepted of a page. */
export interface ChatRequestOptions {
  /**
   * Returns whether a file that is not in the message itself is accepted: the provider, or this server for it, downloads it
   * from that URL, whatever it is. Default: none is.
   */
  acceptFileUrl?: ((url: URL) => boolean) | undefined;
}

/** The characters of an id: far more than the AI SDK makes. */
const longestId = 255;

/**
 * Reads the body that `useChat` sends: `{ id, messages, trigger, messageId }`, or `message` with the last one alone. Of the
 * messages only the last one is read.
 *
 * @throws InvalidArgumentError which names the part of the body that is wrong.
 */
export async function readChatRequest(
  body: unknown,
  { acceptFileUrl = () => false }: ChatRequestOptions = {},
): Promise<ChatRequest> {
  if (!isJsonObject(body)) {
    throw new InvalidArgumentError("body", "the object that useChat sends: { id, messages, trigger, messageId }");
  }
  const { id, message, messages, trigger, messageId } = body as { readonly [Name in string]?: unknown };
  const chatId = identifier(id, "body.id");
  const named = messageId === undefined || messageId === null ? null : identifier(messageId, "body.messageId");
  if (trigger === "regenerate-message") {
    const given = lastOf({ message, messages });
    const [question = null] = given === undefined ? [] : await validated(given);
    const asked = question?.role === "user" ? question : null;
    if (asked !== null) {
      checkQuestion(asked, acceptFileUrl);
    }
    return { type: "regenerate", chatId, messageId: named ?? asked?.id ?? null, message: asked };
  }
  if (trigger !== undefined && trigger !== "submit-message") {
    throw new InvalidArgumentError("body.trigger", '"submit-message", "regenerate-message" or left out');
  }
  const [last] = await validated(lastOf({ message, messages }));
  if (last?.role === "assistant") {
    return { type: "answers", chatId, messageId: last.id, answers: answersIn(last) };
  }
  if (last?.role !== "user") {
    throw new InvalidArgumentError("body.messages", "messages that end with one of the user or of the assistant");
  }
  checkQuestion(last, acceptFileUrl);
  return { type: "question", chatId, message: last, isEdited: named !== null };
}

function lastOf({ message, messages }: { readonly message: unknown; readonly messages: unknown }): unknown {
  return message ?? (Array.isArray(messages) ? messages.at(-1) : undefined);
}

async function validated(message: unknown): Promise<UIMessage[]> {
  const read = await safeValidateUIMessages({ messages: [message] });
  if (!read.success) {
    throw new InvalidArgumentError("body.messages", "messages of the AI SDK: the last one is none");
  }
  return read.data;
}

/** Refuses what is not the user's to say. */
function checkQuestion({ id, parts }: UIMessage, acceptFileUrl: (url: URL) => boolean): void {
  if (identifier(id, "message.id").length > longestId) {
    throw new InvalidArgumentError("message.id", `at most ${longestId} characters`);
  }
  parts.forEach((part, index) => {
    const argument = `message.parts[${index}]`;
    if (part.type === "file") {
      const url = URL.canParse(part.url) ? new URL(part.url) : null;
      if (url === null || (url.protocol !== "data:" && !acceptFileUrl(url))) {
        throw new InvalidArgumentError(`${argument}.url`, "the file itself, as a data: URL");
      }
    } else if (part.type !== "text" && !part.type.startsWith("data-")) {
      throw new InvalidArgumentError(argument, "text, a file or data: a user says nothing else");
    }
  });
  const isSaid = parts.some((part) => part.type === "file" || (part.type === "text" && part.text.trim() !== ""));
  if (!isSaid) {
    throw new InvalidArgumentError("message.parts", "parts with text or a file: the message is empty");
  }
}

function answersIn({ parts }: UIMessage): CallAnswer[] {
  return parts.flatMap((each): CallAnswer[] => {
    const part = each as unknown as CallPart;
    if (!isCallPart(part)) {
      return [];
    }
    const { toolCallId, state, approval } = part;
    const decision =
      approval?.approved === undefined
        ? null
        : { id: approval.id, approved: approval.approved, reason: approval.reason ?? null };
    const outcome =
      state === "output-available"
        ? { output: part.output }
        : state === "output-error"
          ? { error: part.errorText ?? "" }
          : null;
    return decision === null && outcome === null ? [] : [{ toolCallId, approval: decision, outcome }];
  });
}
