import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { answer, type Chat } from "./chat.ts";

/** The same chat as an app of Hono, for Node and every other runtime. */
export function honoApp(chat: Chat): Hono {
  const app = new Hono();
  app.post("/chat", bodyLimit({ maxSize: 1_000_000 }), (context) => answer(context.req.raw, chat));
  return app;
}
