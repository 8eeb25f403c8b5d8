import { createServer, connect, type Server, type Socket } from "node:net";
import type { AddressInfo } from "node:net";

/** What a proxy does with a piece of traffic. */
export type Verdict = "pass" | "cut";

/** A server in between, that does to connections what networks do. */
export class Proxy {
  readonly url: string;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** Cuts the connection once a statement that contains this was answered, and before the answer is passed on. */
  cutAnswerTo: string | null = null;
  /** Passes nothing on, in either direction, and keeps connections open. */
  silent = false;
  /** Accepts no connection when false; those that are open stay. */
  reachable = true;
  /** Called with what a client sends. */
  onRequest: (bytes: Buffer) => Verdict = () => "pass";
  /** Called with what the server answers. */
  onAnswer: (bytes: Buffer) => Verdict = () => "pass";
  cuts = 0;

  private constructor(server: Server, url: string) {
    this.#server = server;
    this.url = url;
  }

  static async to(target: string): Promise<Proxy> {
    const { hostname, port } = new URL(target);
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const url = new URL(target);
    url.port = String((server.address() as AddressInfo).port);
    const proxy = new Proxy(server, url.href);
    server.on("connection", (client) => {
      if (proxy.reachable) {
        proxy.#join(client, connect(Number(port), hostname));
      } else {
        client.destroy();
      }
    });
    return proxy;
  }

  #join(client: Socket, server: Socket): void {
    let cutting = false;
    const cut = (): void => {
      this.cuts += 1;
      client.destroy();
      server.destroy();
    };
    client.on("data", (chunk) => {
      if (this.silent) {
        return;
      }
      if (this.onRequest(chunk) === "cut") {
        cut();
        return;
      }
      if (this.cutAnswerTo !== null && chunk.includes(this.cutAnswerTo)) {
        this.cutAnswerTo = null;
        cutting = true;
      }
      server.write(chunk);
    });
    server.on("data", (chunk) => {
      if (cutting || this.onAnswer(chunk) === "cut") {
        cut();
      } else if (!this.silent) {
        client.write(chunk);
      }
    });
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(socket);
      socket.on("error", () => other.destroy());
      socket.on("close", () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
    }
  }

  cutAll(): void {
    this.#sockets.forEach((socket) => socket.destroy());
  }

  async close(): Promise<void> {
    this.cutAll();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
