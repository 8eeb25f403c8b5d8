import { serveStatic } from "@hono/node-server/serve-static";
import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { csrf } from "hono/csrf";
import { HTTPException } from "hono/http-exception";
import { secureHeaders } from "hono/secure-headers";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { chatRoutes, type ChatOptions } from "./chats.ts";
import { httpStatusOf } from "./http-status.ts";
import { loginRoutes, signedIn } from "./login.ts";

export interface AppOptions extends ChatOptions {
  /** Signs the cookies: whoever knows it is whatever user they like. */
  readonly secret: string;
  /** The folder of the built client. */
  readonly client: string;
}

/** The server: the client's files, the login, and the chats behind it. */
export function chatApp({ secret, client, ...options }: AppOptions): Hono {
  const app = new Hono();
  // What a model writes can load and run nothing in the page.
  app.use(secureHeaders({ contentSecurityPolicy: { defaultSrc: ["'self'"], imgSrc: ["'self'", "data:"] } }), csrf());
  app.use("/api/*", bodyLimit({ maxSize: 5_000_000, onError: (context) => context.body(null, 413) }));
  app.route("/api", loginRoutes(secret));
  app.use("/api/*", signedIn(secret));
  app.route("/api/chats", chatRoutes(options));
  app.all("/api/*", (context) => context.body(null, 404));
  app.get("*", serveStatic({ root: client }));
  // Every other address, such as that of a chat, is the client's.
  app.get("*", serveStatic({ root: client, path: "index.html" }));
  app.onError((error, context) => {
    if (error instanceof HTTPException) {
      return error.getResponse();
    }
    options.report(error);
    return context.body(null, httpStatusOf(error) as ContentfulStatusCode);
  });
  return app;
}
