import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** A request of the chat-completions protocol. */
export interface ChatRequest {
  readonly stream?: boolean;
  readonly messages: readonly {
    readonly role: string;
    readonly content?: unknown;
    readonly tool_calls?: readonly unknown[];
  }[];
  readonly tools?: readonly unknown[];
  readonly response_format?: unknown;
}

export type Reply =
  | {
      readonly text: string;
      /** Milliseconds between the pieces of a stream. */
      readonly chunkDelay?: number;
      /** The number of pieces of a stream. */
      readonly chunks?: number;
      /** The number of pieces after which the connection is cut. */
      readonly cutAfter?: number;
    }
  | { readonly calls: readonly { readonly name: string; readonly input: object }[] }
  | { readonly status: number; readonly message: string }
  | { readonly silent: true };

export type ChatScript = readonly Reply[] | ((request: ChatRequest, index: number) => Reply);

export interface ChatServer extends AsyncDisposable {
  /** The base URL to configure in a provider. */
  readonly url: string;
  readonly requests: ChatRequest[];
}

/** Starts a chat-completions server on the loopback that answers by a script. */
export async function startChatServer(script: ChatScript): Promise<ChatServer> {
  const requests: ChatRequest[] = [];
  const server = createServer((incoming, response) => {
    void answer(incoming, response).catch(() => response.destroy());
  });
  const answer = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const request = JSON.parse(await bodyOf(incoming)) as ChatRequest;
    const index = requests.push(request) - 1;
    const reply = typeof script === "function" ? script(request, index) : script[index];
    if (reply === undefined || "status" in reply) {
      const { status, message } = reply ?? { status: 500, message: `The script has no answer ${index}` };
      response.writeHead(status, { "content-type": "application/json" });
      response.end(JSON.stringify({ error: { message, type: "test", code: null } }));
    } else if (!("silent" in reply)) {
      await (request.stream === true ? streamReply(response, reply) : sendReply(response, reply));
    }
  };
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    requests,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

type Answering = Exclude<Reply, { status: number } | { silent: true }>;

const usage = { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 };
const head = { id: "chat", created: 1_790_000_000, model: "model" };

async function sendReply(response: ServerResponse, reply: Answering): Promise<void> {
  if ("text" in reply && reply.cutAfter !== undefined) {
    response.destroy();
    return;
  }
  const [message, finish] =
    "text" in reply
      ? [{ role: "assistant", content: reply.text }, "stop"]
      : [{ role: "assistant", content: null, tool_calls: callsOf(reply) }, "tool_calls"];
  response.writeHead(200, { "content-type": "application/json" });
  response.end(
    JSON.stringify({
      ...head,
      object: "chat.completion",
      choices: [{ index: 0, message, finish_reason: finish }],
      usage,
    }),
  );
}

async function streamReply(response: ServerResponse, reply: Answering): Promise<void> {
  response.writeHead(200, { "content-type": "text/event-stream" });
  const send = (delta: object, finish: string | null = null): void => {
    const choices = [{ index: 0, delta, finish_reason: finish }];
    response.write(`data: ${JSON.stringify({ ...head, object: "chat.completion.chunk", choices })}\n\n`);
  };
  if ("calls" in reply) {
    send({ role: "assistant", tool_calls: callsOf(reply).map((call, index) => ({ index, ...call })) });
    send({}, "tool_calls");
  } else {
    for (const [index, piece] of piecesOf(reply.text, reply.chunks ?? 1).entries()) {
      if (index === reply.cutAfter) {
        response.destroy();
        return;
      }
      send({ role: "assistant", content: piece });
      if (reply.chunkDelay !== undefined) {
        await sleep(reply.chunkDelay);
      }
      if (response.destroyed) {
        return;
      }
    }
    send({}, "stop");
  }
  response.write(`data: ${JSON.stringify({ ...head, object: "chat.completion.chunk", choices: [], usage })}\n\n`);
  response.end("data: [DONE]\n\n");
}

function callsOf({ calls }: Extract<Answering, { calls: unknown }>): object[] {
  return calls.map(({ name, input }) => ({
    id: crypto.randomUUID(),
    type: "function",
    function: { name, arguments: JSON.stringify(input) },
  }));
}

function piecesOf(text: string, count: number): string[] {
  const length = Math.max(1, Math.ceil(text.length / count));
  return Array.from({ length: Math.ceil(text.length / length) }, (_, index) =>
    text.slice(index * length, (index + 1) * length),
  );
}

async function bodyOf(incoming: IncomingMessage): Promise<string> {
  let body = "";
  for await (const chunk of incoming.setEncoding("utf8")) {
    body += String(chunk);
  }
  return body;
}
