import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";

/** What a proxy does with a piece of traffic: pass it on, cut the connection, or keep it and say nothing. */
export type Verdict = "pass" | "cut" | "hold";

/** What says that a statement was done, and affected nothing, with the flags of a connection in autocommit mode. */
export function okAnswer({ inTransaction }: { inTransaction: boolean }): Buffer {
  return Buffer.from([7, 0, 0, 1, 0, 0, 0, inTransaction ? 3 : 2, 0, 0, 0]);
}

/** A way to the server that a test can watch and break. */
export class Proxy implements AsyncDisposable {
  /** Called with what a client sends. Bytes are the answer to it, which the server does not see. */
  onRequest: (bytes: Buffer) => Verdict | Buffer = () => "pass";
  /** Called with what the server answers. Bytes take its place. */
  onAnswer: (bytes: Buffer) => Verdict | Buffer = () => "pass";
  /** Accepts no connection when false; those that are open stay. */
  reachable = true;
  /** How many commands clients sent since it was set to 0; closing a prepared statement has no answer and counts not. */
  commands = 0;
  readonly #server = createServer((client) => this.#join(client));
  readonly #sockets = new Set<Socket>();
  readonly #target: URL;

  constructor(url: string) {
    this.#target = new URL(url);
  }

  /** The URL of the same database through this proxy. */
  async listen(): Promise<string> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    const { port } = this.#server.address() as AddressInfo;
    return Object.assign(new URL(this.#target), { hostname: "127.0.0.1", port: String(port) }).href;
  }

  cutAll(): void {
    for (const socket of this.#sockets) {
      socket.destroy();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cutAll();
    this.#server.close();
    await once(this.#server, "close");
  }

  #join(client: Socket): void {
    if (!this.reachable) {
      client.destroy();
      return;
    }
    const server = connect(Number(this.#target.port), this.#target.hostname);
    const cut = (): void => {
      client.destroy();
      server.destroy();
    };
    for (const socket of [client, server]) {
      this.#sockets.add(socket.on("error", cut));
      socket.setNoDelay(true).on("close", () => {
        this.#sockets.delete(socket);
        cut();
      });
    }
    const pass = (to: Socket, ask: (bytes: Buffer) => Verdict | Buffer) => (bytes: Buffer) => {
      const verdict = ask(bytes);
      if (typeof verdict === "object") {
        client.write(verdict);
      } else if (verdict === "pass") {
        to.write(bytes);
      } else if (verdict === "cut") {
        cut();
      }
    };
    client.on(
      "data",
      pass(server, (bytes) => {
        // A command is a packet with the number 0; its fifth byte says which.
        this.commands += bytes[3] === 0 && bytes[4] !== 0x19 ? 1 : 0;
        return this.onRequest(bytes);
      }),
    );
    server.on(
      "data",
      pass(client, (bytes) => this.onAnswer(bytes)),
    );
  }
}
