import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";

/** The fate of a piece of traffic: pass it on, cut the connection, or do nothing. */
export type Verdict = "pass" | "cut" | "hold";

/** A server between clients and a database, which a test can watch and break. */
export class NetworkProxy implements AsyncDisposable {
  /** The URL of the same database through this proxy. */
  readonly url: string;
  /** Called with the bytes that a client sends. Returned bytes are the answer, and the request is not passed on. */
  onRequest: (bytes: Buffer) => Verdict | Buffer = () => "pass";
  /** Called with the bytes that the database answers. Returned bytes replace them. */
  onAnswer: (bytes: Buffer) => Verdict | Buffer = () => "pass";
  /** Accepts no connection if false; open ones stay. */
  reachable = true;
  /** The number of replies that `loseReplyTo` has kept from clients. */
  lostReplies = 0;
  /** Whether nothing passes any more: connections are accepted, and neither side hears from the other. */
  isBlackHole = false;
  #losing: string | null = null;
  readonly #halfOpen = new WeakSet<Socket>();
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #target: URL;

  private constructor(server: Server, target: URL) {
    const { port } = server.address() as AddressInfo;
    this.#server = server.on("connection", (client) => this.#join(client));
    this.#target = target;
    this.url = Object.assign(new URL(target), { hostname: "127.0.0.1", port: String(port) }).href;
  }

  static async to(target: string): Promise<NetworkProxy> {
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    return new NetworkProxy(server, new URL(target));
  }

  /** Cuts the connection that sends the next request with this text, once the database has answered it. */
  loseReplyTo(text: string): void {
    this.#losing = text;
  }

  /** Lets nothing more through on the open connections, not even their end. New ones work. */
  halfOpenAll(): void {
    for (const socket of this.#sockets) {
      this.#halfOpen.add(socket);
    }
  }

  /** Holds all traffic of the open connections back until `resumeAll`. Nothing is lost. */
  stallAll(): void {
    for (const socket of this.#sockets) {
      socket.pause();
    }
  }

  resumeAll(): void {
    for (const socket of this.#sockets) {
      socket.resume();
    }
  }

  cutAll(): void {
    for (const socket of this.#sockets) {
      socket.destroy();
    }
  }

  /** Cuts one connection when so many more packets have passed, either way. Resolves once it is cut. */
  async cutAtPacket(packets: number): Promise<void> {
    await new Promise<void>((resolve) => {
      let left = packets;
      const pass = (): Verdict => {
        left -= 1;
        if (left === -1) {
          resolve();
        }
        return left === -1 ? "cut" : "pass";
      };
      this.onRequest = pass;
      this.onAnswer = pass;
    });
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
    const isHeld = (): boolean => this.isBlackHole || this.#halfOpen.has(client);
    for (const socket of [client, server]) {
      this.#sockets.add(socket.on("error", () => socket.destroy()));
      socket.setNoDelay(true).on("close", () => {
        this.#sockets.delete(socket);
        if (!isHeld()) {
          cut();
        }
      });
    }
    let isLosing = false;
    const follow = (verdict: Verdict | Buffer, bytes: Buffer, to: Socket): void => {
      if (typeof verdict === "object") {
        client.write(verdict);
      } else if (verdict === "pass") {
        to.write(bytes);
      } else if (verdict === "cut") {
        cut();
      }
    };
    client.on("data", (bytes) => {
      if (isHeld()) {
        return;
      }
      if (this.#losing !== null && bytes.includes(this.#losing)) {
        this.#losing = null;
        isLosing = true;
      }
      follow(this.onRequest(bytes), bytes, server);
    });
    server.on("data", (bytes) => {
      if (isHeld()) {
        return;
      }
      if (isLosing && !client.destroyed) {
        this.lostReplies += 1;
        cut();
        return;
      }
      follow(this.onAnswer(bytes), bytes, client);
    });
  }
}
