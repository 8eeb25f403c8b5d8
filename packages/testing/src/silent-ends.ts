import type { SessionDb } from "@sessiondb/core";
import { agentRun, agentSession } from "./models.ts";
import { NetworkProxy } from "./network-proxy.ts";

interface SilentEndsOptions {
  /** The server's URL. */
  readonly url: string;
  /** Opens a store; `isShort` for one that waits but briefly for answers. */
  readonly open: (url: string, options: { readonly isShort: boolean }) => SessionDb;
}

const session = agentSession("s");

/**
 * Lets connections die without a word in the middle of a turn: before the first packet, before the second one, and so on to
 * the last. Resolves with what is wrong, which is nothing if others can write to the session soon afterwards: the server
 * has let go of what the dead turn had locked.
 */
export async function locksOfSilentEnds({
  url,
  open,
}: SilentEndsOptions): Promise<{ wrong: string[]; packets: number }> {
  await using direct = open(url, { isShort: false });
  const wrong: string[] = [];
  let packets = 0;
  for (let isOver = false; !isOver;) {
    await direct.upsertSession(session);
    await using proxy = await NetworkProxy.to(url);
    const db = open(proxy.url, { isShort: true });
    const turn = (id: string) =>
      db.upsertRun({ session, run: agentRun(id), change: ({ metadata }) => ({ metadata: { ...metadata, id } }) });
    await turn("first");
    let sent = 0;
    proxy.onRequest = () => {
      sent += 1;
      if (sent === packets + 1) {
        proxy.halfOpenAll();
      }
      return sent === packets + 1 ? "hold" : "pass";
    };
    await turn("second").catch(() => null);
    isOver = sent <= packets;
    await direct.upsertRun({ session, run: agentRun("third") }).catch((error: unknown) => {
      wrong.push(`packet ${packets + 1}: ${String(error)}`);
    });
    await db.close();
    packets += isOver ? 0 : 1;
  }
  return { wrong, packets };
}
