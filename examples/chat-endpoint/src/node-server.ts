import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { answer, type Chat } from "./chat.ts";

const largestBody = 1_000_000;

/** A server of `node:http` with the chat. */
export function nodeServer(chat: Chat): Server {
  return createServer((incoming, outgoing) => {
    // The client is gone. Its run is cancelled, and stored as such.
    serve(incoming, outgoing, chat).catch(() => outgoing.destroy());
  });
}

async function serve(incoming: IncomingMessage, outgoing: ServerResponse, chat: Chat): Promise<void> {
  if (incoming.method !== "POST" || incoming.url !== "/chat") {
    outgoing.writeHead(404).end();
    return;
  }
  const gone = new AbortController();
  outgoing.once("close", () => gone.abort());
  const body = await bodyOf(incoming);
  if (body === null) {
    outgoing.writeHead(413, { connection: "close" }).end();
    return;
  }
  const headers = Object.entries(incoming.headers).map(([name, value]) => [name, String(value)]);
  const request = new Request("http://localhost/chat", { method: "POST", headers, body, signal: gone.signal });
  const response = await answer(request, chat);
  outgoing.writeHead(response.status, Object.fromEntries(response.headers));
  if (response.body === null) {
    outgoing.end();
    return;
  }
  // Waits for a slow client. Unlike pipe, it cancels the body, and with it the run, when the client leaves.
  await pipeline(Readable.fromWeb(response.body), outgoing);
}

async function bodyOf(incoming: IncomingMessage): Promise<Buffer | null> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > largestBody) {
      return null;
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
