import { setTimeout as sleep } from "node:timers/promises";
import pg, { type ClientBase } from "pg";

/** The parts of pg's client that have no types. Clients of other kinds lack them. */
interface RunningClient extends ClientBase {
  readonly host?: string;
  readonly port?: number;
  readonly ssl?: unknown;
  readonly sslNegotiation?: string;
  /** The server's number for the connection, and the secret that a cancel request must show. */
  readonly processID?: number | null;
  readonly secretKey?: number | null;
  /** Whether every statement sent was answered. */
  readonly readyForQuery?: boolean;
  readonly connection?: { readonly stream?: { readonly destroyed?: boolean } };
  unref?(): void;
}

/** A connection of pg before it logs in. */
interface RequestConnection extends NodeJS.EventEmitter {
  readonly stream: { destroy(): void; unref(): void };
  connect(port: number | string, host?: string): void;
  requestSsl(): void;
  cancel(processId: number, secretKey: number): void;
}

/** The time to wait for a request to arrive, and then for the statement to end, in milliseconds. */
const patience = 1000;
/** The times at which requests are sent. After the last one, nobody waits any longer. */
const pauses = [0, 0, 1000, 4000, 16_000, 30_000];
/** The time after which a request is closed that the server has not dealt with, in milliseconds. */
const longestRequest = 60_000;

/**
 * Has the server cancel the statement that a client gave up, and waits until the server has let go of it: until it has
 * answered, or the connection has ended. Requests that do not arrive are repeated. After two that did, the connection
 * is taken for one that no answer can reach.
 */
export async function cancelStatement(given: ClientBase): Promise<void> {
  const client = given as RunningClient;
  if (client.readyForQuery !== false || client.connection?.stream?.destroyed !== false) {
    return;
  }
  const letGo = new Promise<true>((resolve) => {
    for (const event of ["drain", "end"] as const) {
      client.once(event, () => resolve(true));
    }
  });
  // A process need not stay alive for an answer that nobody waits for.
  client.unref?.();
  const isOver = async (milliseconds: number): Promise<boolean> =>
    Promise.race([letGo, sleep(milliseconds, false, { ref: false })]);
  let arrived = 0;
  for (const pause of pauses) {
    if (await isOver(pause)) {
      return;
    }
    const arriving = Promise.race([requestCancel(client), sleep(patience, false, { ref: false })]);
    if (await Promise.race([letGo.then(() => false), arriving])) {
      arrived += 1;
    }
    if ((await isOver(patience)) || arrived === 2) {
      return;
    }
  }
}

/**
 * Sends a cancel request on a connection of its own. Resolves with whether the server has received it. The connection
 * stays open until the server closes it: PgBouncer 1.18 crashes when the sender leaves first.
 */
function requestCancel({ host, port, ssl, sslNegotiation, processID, secretKey }: RunningClient): Promise<boolean> {
  if (typeof processID !== "number" || typeof secretKey !== "number") {
    return Promise.resolve(false);
  }
  const options = { ssl, sslNegotiation } as pg.ConnectionConfig;
  const connection = new pg.Connection(options) as unknown as RequestConnection;
  const timer = setTimeout(() => connection.stream.destroy(), longestRequest).unref();
  const isEncrypted = ssl !== undefined && ssl !== false;
  let isSent = false;
  const send = (): void => {
    isSent = true;
    connection.cancel(processID, secretKey);
    connection.stream.unref();
  };
  connection.on("sslconnect", send);
  connection.on("connect", () => {
    if (!isEncrypted) {
      send();
    } else if (sslNegotiation !== "direct") {
      connection.requestSsl();
    }
  });
  return new Promise<boolean>((resolve) => {
    connection.on("error", () => resolve(false));
    // The server closes the connection once it has dealt with the request, and says nothing.
    connection.on("end", () => {
      clearTimeout(timer);
      resolve(isSent);
    });
    if (host?.startsWith("/") === true) {
      connection.connect(`${host}/.s.PGSQL.${port}`);
    } else {
      connection.connect(port ?? 5432, host);
    }
  });
}
