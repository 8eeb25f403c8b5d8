import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createAdaptorServer } from "@hono/node-server";
import { openSessionDb, type SessionDb } from "@sessiondb/core";
import { chatApp } from "../../src/app.ts";
import { assistant } from "../../src/assistant.ts";
import { chatModel } from "./model.ts";
import type { Store } from "./stores.ts";

/** The example's server on a free port of the loopback, with a scripted model. */
export interface Site extends AsyncDisposable {
  readonly url: string;
  readonly db: SessionDb;
  /** The errors that the server reported. */
  readonly reported: unknown[];
  /** Lets slow answers go on. */
  readonly release: () => void;
}

export async function startSite(store: Store, client: string): Promise<Site> {
  const { model, release } = chatModel();
  const db = await openSessionDb(store.url);
  const reported: unknown[] = [];
  const report = (error: unknown): void => void reported.push(error);
  const app = chatApp({ agent: assistant(model, db), db, secret: "secret of the tests", client, report });
  const server = createAdaptorServer({ fetch: app.fetch });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    db,
    reported,
    release,
    [Symbol.asyncDispose]: async () => {
      release();
      server.close();
      if ("closeAllConnections" in server) {
        server.closeAllConnections();
      }
      await once(server, "close");
      await db.close();
    },
  };
}
