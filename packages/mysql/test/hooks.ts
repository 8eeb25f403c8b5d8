import type { CutMoment, OpenCounted, OpenCut, OpenOutside, OpenSpoilt, OutsideDocument } from "@sessiondb/conformance";
import { MySqlSessionDb } from "@sessiondb/mysql";
import { afterAll } from "vitest";
import { Proxy, type Verdict } from "./proxy.ts";
import { freshDatabase, query, withConnection, type TestedServer } from "./support.ts";

// What the suite asks of a store beyond opening it.

/** Commands that have no answer: the end of a connection, and of a prepared statement. */
const unanswered: readonly (number | undefined)[] = [0x01, 0x19];

/** MySQL 8 takes the text of a command behind attributes, so only its end is looked at. */
const commit = Buffer.from("COMMIT");

/** Openers of stores in new databases of a server, which are reached through a proxy of their own. */
export function hooksOf(server: TestedServer): {
  openCounted: OpenCounted;
  openCut: OpenCut;
  openSpoilt: OpenSpoilt;
  openOutside: OpenOutside;
} {
  const proxies: Proxy[] = [];
  afterAll(async () => {
    await Promise.all(proxies.splice(0).map((proxy) => proxy[Symbol.asyncDispose]()));
  });
  const proxied = async (): Promise<{ proxy: Proxy; url: string }> => {
    const proxy = new Proxy(await freshDatabase(server.url));
    proxies.push(proxy);
    return { proxy, url: await proxy.listen() };
  };
  return {
    openCounted: async () => {
      const { proxy, url } = await proxied();
      const bytes = { read: 0, written: 0 };
      proxy.onRequest = ({ length }) => {
        bytes.written += length;
        return "pass";
      };
      proxy.onAnswer = ({ length }) => {
        bytes.read += length;
        return "pass";
      };
      return { db: new MySqlSessionDb({ url }), counts: () => ({ roundTrips: proxy.commands, ...bytes }) };
    },
    openCut: async () => {
      const { proxy, url } = await proxied();
      const cutter = new Cutter(proxy);
      return {
        db: new MySqlSessionDb({ url, retryTimeout: 1000 }),
        cut: (moment) => cutter.cut(moment),
        setReachable: (reachable) => {
          proxy.reachable = reachable;
          proxy.cutAll();
        },
      };
    },
    openSpoilt: async () => {
      const url = await freshDatabase(server.url);
      return { db: new MySqlSessionDb({ url }), spoil: (row) => spoil(server, url, row) };
    },
    openOutside: async () => {
      const url = await freshDatabase(server.url);
      return {
        db: new MySqlSessionDb({ url }),
        put: async (document, json) => {
          const { table, column, key, id } = placeOf(document);
          await query(url, `update ${table} set ${column} = ? where ${key} = ?`, json, id);
        },
        read: async (document) => {
          const { table, column, key, id } = placeOf(document);
          const select = `select cast(${column} as char) as json from ${table} where ${key} = ?`;
          return (await query<{ json: string }>(url, select, id))[0]?.json ?? "";
        },
      };
    },
  };
}

/** Cuts the connection of a proxy once, at a moment. */
class Cutter {
  #moment: CutMoment | null = null;
  #answering = false;

  constructor(proxy: Proxy) {
    proxy.onRequest = (bytes) => this.#request(bytes);
    proxy.onAnswer = () => this.#answer();
  }

  cut(moment: CutMoment): void {
    this.#moment = moment;
    this.#answering = false;
  }

  #request(bytes: Buffer): Verdict {
    const isCommand = bytes[3] === 0 && !unanswered.includes(bytes[4]);
    if (!isCommand || this.#moment === null) {
      return "pass";
    }
    if (this.#moment === "before request") {
      this.#moment = null;
      return "cut";
    }
    this.#answering ||= this.#moment === "before answer" || bytes.subarray(-commit.length).equals(commit);
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

/** MySQL's JSON holds JSON alone; MariaDB's is text with a check that can be turned off. */
async function spoil(
  { name }: TestedServer,
  url: string,
  row: { readonly sessionId: string } | { readonly runId: string },
): Promise<boolean> {
  if (name === "mysql" && "sessionId" in row) {
    return false;
  }
  await withConnection(url, async (connection) => {
    if (name === "mariadb") {
      await connection.query("set check_constraint_checks = 0");
    }
    const [update, id] =
      "sessionId" in row
        ? ["update agno_sessions set session_data = ? where session_id = ?", row.sessionId]
        : ["update agno_runs set run_data = ? where run_id = ?", row.runId];
    await connection.query(update, [name === "mysql" ? "[1]" : "{broken", id]);
  });
  return true;
}

const columns = { sessionData: "session_data", metadata: "metadata", agentData: "agent_data", summary: "summary" };

function placeOf(document: OutsideDocument): { table: string; column: string; key: string; id: string } {
  return "runId" in document
    ? { table: "agno_runs", column: "run_data", key: "run_id", id: document.runId }
    : { table: "agno_sessions", column: columns[document.column], key: "session_id", id: document.sessionId };
}
