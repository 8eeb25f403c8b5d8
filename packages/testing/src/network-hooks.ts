import type { CutMoment, OpenCounted, OpenCut } from "@sessiondb/conformance";
import type { SessionDb } from "@sessiondb/core";
import { afterAll } from "vitest";
import { NetworkProxy, type Verdict } from "./network-proxy.ts";

/** The meaning of the bytes of one connection. */
export interface Protocol {
  /** Whether the bytes are a request that expects an answer. */
  readonly isRequest: (bytes: Buffer) => boolean;
  /** Whether they commit. Called with everything that the client sends. */
  readonly commits: (bytes: Buffer) => boolean;
}

export interface NetworkHooksOptions {
  /** Returns the URL of a database for one store. */
  readonly target: () => Promise<string> | string;
  readonly open: (url: string, options: { retryTimeout?: number }) => SessionDb;
  readonly protocol: () => Protocol;
}

/** The suite's hooks for a store behind a network: each store is reached through its own proxy. */
export function networkHooks({ target, open, protocol }: NetworkHooksOptions): {
  openCounted: OpenCounted;
  openCut: OpenCut;
} {
  const proxies: NetworkProxy[] = [];
  afterAll(async () => {
    await Promise.all(proxies.splice(0).map((proxy) => proxy[Symbol.asyncDispose]()));
  });
  const proxied = async (): Promise<NetworkProxy> => {
    const proxy = await NetworkProxy.to(await target());
    proxies.push(proxy);
    return proxy;
  };
  return {
    openCounted: async () => {
      const proxy = await proxied();
      const { isRequest } = protocol();
      const counts = { roundTrips: 0, read: 0, written: 0 };
      proxy.onRequest = (bytes) => {
        counts.roundTrips += isRequest(bytes) ? 1 : 0;
        counts.written += bytes.length;
        return "pass";
      };
      proxy.onAnswer = (bytes) => {
        counts.read += bytes.length;
        return "pass";
      };
      return { db: open(proxy.url, {}), counts: () => ({ ...counts }) };
    },
    openCut: async () => {
      const proxy = await proxied();
      const cutter = new Cutter(proxy, protocol());
      return {
        db: open(proxy.url, { retryTimeout: 1000 }),
        cut: (moment) => cutter.cut(moment),
        setReachable: (reachable) => {
          proxy.reachable = reachable;
          proxy.cutAll();
        },
      };
    },
  };
}

/** Cuts the connection of a proxy once, at a chosen moment. */
class Cutter {
  readonly #protocol: Protocol;
  #moment: CutMoment | null = null;
  #answering = false;

  constructor(proxy: NetworkProxy, protocol: Protocol) {
    this.#protocol = protocol;
    proxy.onRequest = (bytes) => this.#request(bytes);
    proxy.onAnswer = () => this.#answer();
  }

  cut(moment: CutMoment): void {
    this.#moment = moment;
    this.#answering = false;
  }

  #request(bytes: Buffer): Verdict {
    const commits = this.#protocol.commits(bytes);
    if (!this.#protocol.isRequest(bytes) || this.#moment === null) {
      return "pass";
    }
    if (this.#moment === "before request") {
      this.#moment = null;
      return "cut";
    }
    this.#answering ||= this.#moment === "before answer" || commits;
    return "pass";
  }

  #answer(): Verdict {
    if (!this.#answering) {
      return "pass";
    }
    this.#answering = false;
    this.#moment = null;
    return "cut";
  }
}
