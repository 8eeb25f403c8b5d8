import type { CutMoment, OpenCounted, OpenCut, OpenOutside, OpenSpoilt, OutsideDocument } from "@sessiondb/conformance";
import { afterAll } from "vitest";
import { Proxy, type Verdict } from "./proxy.ts";
import type { Sandbox } from "./support.ts";

// What the suite asks of a store beyond opening it.

/** The type of a message of the protocol: a statement alone, or one that is parsed to be executed with values. */
const statementTypes = ["Q", "P"];

/** Openers of stores in new schemas of the sandbox, which are reached through a proxy of their own. */
export function hooksOf(sandbox: Sandbox): {
  openCounted: OpenCounted;
  openCut: OpenCut;
  openSpoilt: OpenSpoilt;
  openOutside: OpenOutside;
} {
  const proxies: Proxy[] = [];
  afterAll(async () => {
    await Promise.all(proxies.splice(0).map((proxy) => proxy.close()));
  });
  const proxied = async (): Promise<Proxy> => {
    const proxy = await Proxy.to(sandbox.url);
    proxies.push(proxy);
    return proxy;
  };
  return {
    openCounted: async () => {
      const proxy = await proxied();
      const counts = { roundTrips: 0, read: 0, written: 0 };
      proxy.onRequest = (bytes) => {
        counts.roundTrips += isStatement(bytes) ? 1 : 0;
        counts.written += bytes.length;
        return "pass";
      };
      proxy.onAnswer = (bytes) => {
        counts.read += bytes.length;
        return "pass";
      };
      return { db: sandbox.opener({ url: proxy.url })(), counts: () => ({ ...counts }) };
    },
    openCut: async () => {
      const proxy = await proxied();
      const cutter = new Cutter(proxy);
      return {
        db: sandbox.opener({ url: proxy.url, retryTimeout: 1000 })(),
        cut: (moment) => cutter.cut(moment),
        setReachable: (reachable) => {
          proxy.reachable = reachable;
          proxy.cutAll();
        },
      };
    },
    openSpoilt: () => {
      const schema = sandbox.schema();
      return { db: sandbox.opener({ schema })(), spoil: (row) => spoil(sandbox, schema, row) };
    },
    openOutside: () => {
      const schema = sandbox.schema();
      return {
        db: sandbox.opener({ schema })(),
        put: async (document, json) => {
          const { table, column, row } = placeOf(document);
          await sandbox.query(`update ${schema}.${table} set ${column} = '${json}' where ${row}`);
        },
        read: async (document) => {
          const { table, column, row } = placeOf(document);
          const [found] = await sandbox.query(`select ${column}::text as json from ${schema}.${table} where ${row}`);
          return String(found?.["json"]);
        },
      };
    },
  };
}

function isStatement(bytes: Buffer): boolean {
  return statementTypes.includes(String.fromCharCode(bytes[0] ?? 0));
}

/** Cuts the connection of a proxy once, at a moment. */
class Cutter {
  #moment: CutMoment | null = null;
  #answering = false;
  #inTransaction = false;

  constructor(proxy: Proxy) {
    proxy.onRequest = (bytes) => this.#request(bytes);
    proxy.onAnswer = () => this.#answer();
  }

  cut(moment: CutMoment): void {
    this.#moment = moment;
    this.#answering = false;
  }

  #request(bytes: Buffer): Verdict {
    const commits = this.#commits(bytes);
    if (!isStatement(bytes) || this.#moment === null) {
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

  /** Follows the transaction; a new connection, whose first message has no type, has none. */
  #commits(bytes: Buffer): boolean {
    const text = bytes.toString("latin1");
    if (bytes[0] === 0 || /^Q....(?:begin|commit|rollback)/s.test(text)) {
      this.#inTransaction = /^Q....begin/s.test(text);
      return /^Q....commit/s.test(text);
    }
    return isStatement(bytes) && !this.#inTransaction && /insert into|delete from|update "/i.test(text);
  }
}

/** `jsonb` holds JSON alone, so only what is no object is unreadable. A session's documents may be that. */
async function spoil(
  sandbox: Sandbox,
  schema: string,
  row: { readonly sessionId: string } | { readonly runId: string },
): Promise<boolean> {
  if ("sessionId" in row) {
    return false;
  }
  await sandbox.query(`update ${schema}.agno_runs set run_data = '[1]' where run_id = '${row.runId}'`);
  return true;
}

const columns = { sessionData: "session_data", metadata: "metadata", agentData: "agent_data", summary: "summary" };

function placeOf(document: OutsideDocument): { table: string; column: string; row: string } {
  return "runId" in document
    ? { table: "agno_runs", column: "run_data", row: `run_id = '${document.runId}'` }
    : { table: "agno_sessions", column: columns[document.column], row: `session_id = '${document.sessionId}'` };
}
