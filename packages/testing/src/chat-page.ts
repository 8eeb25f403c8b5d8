import { AbstractChat, DefaultChatTransport, type ChatInit, type ChatState, type UIMessage } from "ai";

/** What a page keeps of a chat. */
class PageState implements ChatState<UIMessage> {
  status: ChatState<UIMessage>["status"] = "ready";
  error: Error | undefined = undefined;
  messages: UIMessage[];

  constructor(messages: UIMessage[]) {
    this.messages = messages;
  }

  pushMessage = (message: UIMessage): void => {
    this.messages = [...this.messages, message];
  };

  popMessage = (): void => {
    this.messages = this.messages.slice(0, -1);
  };

  replaceMessage = (index: number, message: UIMessage): void => {
    this.messages = this.messages.with(index, message);
  };

  snapshot = <T>(thing: T): T => structuredClone(thing);
}

interface PageOptions extends Omit<ChatInit<UIMessage>, "messages" | "transport"> {
  /** The messages that were loaded. */
  readonly messages?: UIMessage[];
  /** Answers a request of the page. The signal aborts when the page leaves: a request's own is lost with the request. */
  readonly server: (request: Request, signal: AbortSignal | null) => Promise<Response>;
  /** Whether the page sends the last message alone. */
  readonly sendsLast?: boolean;
}

/** A page with a chat: the client of the AI SDK, without a browser. */
export class ChatPage extends AbstractChat<UIMessage> {
  constructor({ messages = [], server, sendsLast = false, ...init }: PageOptions) {
    const fetch = (input: string | URL | Request, options?: RequestInit): Promise<Response> =>
      server(
        new Request(new URL(input instanceof Request ? input.url : input, "http://localhost"), options),
        options?.signal ?? null,
      );
    const transport = new DefaultChatTransport<UIMessage>({
      api: "/chat",
      fetch,
      ...(sendsLast && {
        prepareSendMessagesRequest: ({ id, messages: all, trigger, messageId }) => ({
          body: { id, message: all.at(-1), trigger, messageId },
        }),
      }),
    });
    super({ ...init, transport, state: new PageState(messages) });
  }

  /** The messages as JSON keeps them, without parts that show nothing. */
  get shown(): UIMessage[] {
    return this.messages.map(shownMessage).filter(({ role, parts }) => role === "user" || isSaid(parts));
  }
}

function isSaid(parts: UIMessage["parts"]): boolean {
  return parts.some(({ type }) => type !== "step-start");
}

/**
 * Returns a message as a page shows it: as JSON, without empty texts, and without what only says how it came, such as
 * whether a text is still streaming.
 */
export function shownMessage(message: UIMessage): UIMessage {
  const { id, role, metadata, parts } = JSON.parse(JSON.stringify(message)) as UIMessage;
  const shown = parts
    .filter((part) => (part.type !== "text" && part.type !== "reasoning") || part.text !== "" || part.providerMetadata)
    .map((part) => {
      const { id: _id, preliminary: _preliminary, ...rest } = part as { id?: string; preliminary?: boolean };
      return "state" in rest && rest.state === "streaming" ? { ...rest, state: "done" } : rest;
    });
  return { id, role, ...(metadata !== undefined && { metadata }), parts: shown as UIMessage["parts"] };
}
