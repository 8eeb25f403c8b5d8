import { setTimeout as sleep } from "node:timers/promises";
import type { SessionDb } from "@sessiondb/core";
import { enduringBound, type EnduredCall } from "./enduring-client.ts";
import { NetworkProxy } from "./network-proxy.ts";
import type { Worker } from "./worker.ts";

/** A server that a test may kill. */
interface KillableServer {
  readonly url: string;
  kill(): Promise<void>;
  restart(): Promise<void>;
}

interface FaultRoundsOptions {
  readonly server: KillableServer;
  readonly rounds: number;
  /** Starts a process that runs `endure` under a name. */
  readonly startClient: (url: string, name: string) => Worker;
  readonly open: (url: string) => SessionDb;
}

/** What a slow machine may add to the bound of a call, in milliseconds. */
const slack = 4000;

const codes: readonly (string | null)[] = [null, "DATABASE_BUSY", "DATABASE_UNREACHABLE"];

/**
 * Breaks clients, server and network in turn, under load. Clients reach the server through a proxy, and go on by themselves
 * after each fault. Resolves with what is wrong: nothing acknowledged was lost or stored twice, and every call ended in
 * time, with an error of its kind.
 */
export async function faultRounds({ server, rounds, startClient, open }: FaultRoundsOptions): Promise<string[]> {
  await using proxy = await NetworkProxy.to(server.url);
  await using direct = open(server.url);
  await direct.getSessions();
  const clients = [0, 1, 2].map((name) => startClient(proxy.url, `c${name}`));
  const all = [...clients];
  const faults: readonly (() => Promise<void>)[] = [
    () => proxy.cutAtPacket(Math.floor(Math.random() * 40)),
    async () => {
      proxy.stallAll();
      await sleep(200 + Math.random() * 2000);
      proxy.resumeAll();
    },
    async () => proxy.halfOpenAll(),
    async () => {
      proxy.isBlackHole = true;
      await sleep(200 + Math.random() * 2000);
      // What was lost on the way never arrives.
      proxy.halfOpenAll();
      proxy.isBlackHole = false;
    },
    async () => {
      const index = Math.floor(Math.random() * clients.length);
      await clients[index]?.kill();
      const next = startClient(proxy.url, `c${all.length}`);
      clients[index] = next;
      all.push(next);
    },
    async () => {
      await server.kill();
      await sleep(Math.random() * 300);
      await server.restart();
    },
  ];
  try {
    await untilAllGoOn(clients);
    for (let round = 0; round < rounds; round += 1) {
      await faults[round % faults.length]?.();
      await untilAllGoOn(clients);
    }
  } finally {
    clients.forEach((client) => client.tell("stop"));
    await Promise.allSettled(clients.map(({ ended }) => ended));
  }
  return await wrongOf(direct, all.map(callsOf));
}

/** Waits until every client has stored something more of each kind: no session is locked any longer. */
async function untilAllGoOn(clients: readonly Worker[]): Promise<void> {
  const before = clients.map(({ lines }) => lines.length);
  const deadline = performance.now() + 60_000;
  const hasGoneOn = ({ lines }: Worker, index: number): boolean => {
    const done = lines.slice(before[index]).filter((line) => line.includes('"error":null'));
    return ['"turn"', '"count"'].every((kind) => done.filter((line) => line.includes(kind)).length >= 3);
  };
  while (!clients.every(hasGoneOn)) {
    const ended = clients.find((client) => client.hasEnded());
    if (ended !== undefined || performance.now() > deadline) {
      throw new Error(
        `A client has not gone on: ${clients.map((each) => each.errors() + each.lines.at(-1)).join("\n")}`,
      );
    }
    await sleep(10);
  }
}

function callsOf({ lines }: Worker): EnduredCall[] {
  return lines.map((line) => JSON.parse(line) as EnduredCall);
}

async function wrongOf(db: SessionDb, clients: readonly EnduredCall[][]): Promise<string[]> {
  const calls = clients.flat();
  const stored = new Map<string, number>();
  for await (const { runs } of db.runPages({ sessionId: "shared", limit: 1000 })) {
    for (const { runId } of runs) {
      stored.set(runId, (stored.get(runId) ?? 0) + 1);
    }
  }
  const turns = calls.filter(({ kind, error }) => kind === "turn" && error === null);
  const counters = [...new Set(calls.filter(({ kind }) => kind === "count").map(({ id }) => id))];
  const counts = counters.map(async (id): Promise<string[]> => {
    const own = calls.filter((call) => call.kind === "count" && call.id === id);
    const least = own.filter(({ error }) => error === null).length;
    // The last call of a client that was killed may have been made.
    const most = least + own.filter(({ isUnknown }) => isUnknown).length + 1;
    const count = Number((await db.getSession({ sessionId: id }))?.sessionState["count"]);
    return count >= least && count <= most ? [] : [`${id} counts ${count}, not ${least} to ${most}`];
  });
  return [
    ...turns.filter(({ id }) => stored.get(id) !== 1).map(({ id }) => `${id} is stored ${stored.get(id) ?? 0} times`),
    ...(await Promise.all(counts)).flat(),
    ...calls.flatMap(({ id, error, milliseconds }) => [
      ...(codes.includes(error) ? [] : [`${id} failed with ${error}`]),
      ...(milliseconds <= enduringBound + slack ? [] : [`${id} took ${milliseconds} ms, and ended with ${error}`]),
    ]),
  ];
}
