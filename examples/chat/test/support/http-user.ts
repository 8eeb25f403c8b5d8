import { ChatPage } from "@sessiondb/testing/chat-page";
import type { UIMessage } from "ai";

/** A user who writes requests by hand. */
export interface HttpUser {
  readonly cookie: string;
  readonly send: (method: string, path: string, body?: unknown) => Promise<Response>;
  /** A page with a chat, as the browser has it. */
  readonly page: (id: string, messages?: UIMessage[]) => ChatPage;
  readonly load: (id: string) => Promise<{ readonly messages: UIMessage[] }>;
}

export async function httpUser(url: string, name: string, password: string): Promise<HttpUser> {
  const response = await userWithCookie(url, "").send("POST", "/api/login", { name, password });
  return userWithCookie(url, response.headers.get("set-cookie")?.split(";")[0] ?? "");
}

export function userWithCookie(url: string, cookie: string): HttpUser {
  const send: HttpUser["send"] = (method, path, body) =>
    fetch(url + path, {
      method,
      headers: { cookie, origin: url, ...(body !== undefined && { "content-type": "application/json" }) },
      body: body === undefined ? null : typeof body === "string" ? body : JSON.stringify(body),
    });
  return {
    cookie,
    send,
    page: (id, messages = []) =>
      new ChatPage({
        id,
        messages,
        sendsLast: true,
        server: async (request) => send("POST", "/api/chats", await request.text()),
      }),
    load: async (id) => (await (await send("GET", `/api/chats/${id}`)).json()) as { messages: UIMessage[] },
  };
}

export const said = (text: string, id: string = crypto.randomUUID()) => ({
  id,
  role: "user",
  parts: [{ type: "text", text }],
});
