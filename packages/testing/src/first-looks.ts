import type { ManagedSchema, SessionDb } from "@sessiondb/core";
import { bound, outcomeOf } from "./bounded-calls.ts";
import { agentRun, agentSession } from "./models.ts";
import { NetworkProxy } from "./network-proxy.ts";

type Store = SessionDb & ManagedSchema;

/** Opens a store of its own, without tables, behind a proxy. */
export type OpenBehind = () => Promise<{ readonly proxy: NetworkProxy; readonly open: (url: string) => Store }>;

/**
 * Lets the first call of a store meet a dead connection, at the first packet, at the second one, and so on to the last. The
 * network is well again for new connections. Resolves with what is wrong, which is nothing if each call ended, the next
 * ones worked, and the store closed.
 */
export async function firstLookFaults(openBehind: OpenBehind): Promise<{ wrong: string[]; packets: number }> {
  const wrong: string[] = [];
  let packets = 0;
  for (let isOver = false; !isOver;) {
    const round = Array.from({ length: 8 }, (_, index) => packets + index + 1);
    const found = await Promise.all(round.map((at) => meetDeadConnection(openBehind, at)));
    wrong.push(...found.flatMap((each) => each.wrong));
    packets += found.filter(({ hasMet }) => hasMet).length;
    isOver = found.some(({ hasMet }) => !hasMet);
  }
  return { wrong, packets };
}

async function meetDeadConnection(openBehind: OpenBehind, at: number): Promise<{ wrong: string[]; hasMet: boolean }> {
  const { proxy, open } = await openBehind();
  await using _ = proxy;
  const db = open(proxy.url);
  let sent = 0;
  proxy.onRequest = () => {
    sent += 1;
    if (sent === at) {
      proxy.halfOpenAll();
    }
    return sent === at ? "hold" : "pass";
  };
  const turn = (id: string) => db.upsertRun({ session: agentSession("s"), run: agentRun(id) });
  // Calls that come meanwhile wait for the same look at the tables.
  const codes = ["DATABASE_BUSY", "DATABASE_UNREACHABLE"];
  const calls = [turn("a"), turn("b"), db.getSession({ sessionId: "s" })];
  const met = await Promise.all(calls.map((call, index) => outcomeOf(`call ${index}`, call, { codes })));
  const hasMet = sent >= at;
  const next = await outcomeOf("the next call", turn("c"), { codes });
  const checked = await outcomeOf("verifySchema", db.verifySchema(), { codes });
  const closed = await outcomeOf("close", db.close(), { codes: [] });
  return { wrong: [...met.flat(), ...next, ...checked, ...closed].map((text) => `packet ${at}: ${text}`), hasMet };
}

/** The time that a test of all packets may take, in milliseconds. */
export const firstLookTime = bound * 40;
