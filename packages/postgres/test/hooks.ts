import type { OpenCounted, OpenCut, OpenOutside, OpenSpoilt } from "@sessiondb/conformance";
import { networkHooks, type Protocol } from "@sessiondb/testing/network-hooks";
import { placeOf } from "@sessiondb/testing/place-of";
import type { Sandbox } from "./support.ts";

// What the suite asks of a store beyond opening it.

/** Openers of stores in new schemas of the sandbox. */
export function hooksOf(sandbox: Sandbox): {
  openCounted: OpenCounted;
  openCut: OpenCut;
  openSpoilt: OpenSpoilt;
  openOutside: OpenOutside;
} {
  return {
    ...networkHooks({
      target: () => sandbox.url,
      open: (url, options) => sandbox.opener({ url, ...options })(),
      protocol,
    }),
    openSpoilt: () => {
      const schema = sandbox.schema();
      return { db: sandbox.opener({ schema })(), spoil: (row) => spoil(sandbox, schema, row) };
    },
    openOutside: () => {
      const schema = sandbox.schema();
      return {
        db: sandbox.opener({ schema })(),
        put: async (document, json) => {
          const { table, column, key, id } = placeOf(document);
          await sandbox.query(`update ${schema}.${table} set ${column} = '${json}' where ${key} = '${id}'`);
        },
        read: async (document) => {
          const { table, column, key, id } = placeOf(document);
          const select = `select ${column}::text as json from ${schema}.${table} where ${key} = '${id}'`;
          const [found] = await sandbox.query(select);
          return String(found?.["json"]);
        },
      };
    },
  };
}

/** The type of a message of the protocol: a statement alone, or one that is parsed to be executed with values. */
const statementTypes = ["Q", "P"];

function protocol(): Protocol {
  let inTransaction = false;
  const isRequest = (bytes: Buffer): boolean => statementTypes.includes(String.fromCharCode(bytes[0] ?? 0));
  return {
    isRequest,
    // Follows the transaction; a new connection, whose first message has no type, has none.
    commits: (bytes) => {
      const text = bytes.toString("latin1");
      if (bytes[0] === 0 || /^Q....(?:begin|commit|rollback)/s.test(text)) {
        inTransaction = /^Q....begin/s.test(text);
        return /^Q....commit/s.test(text);
      }
      return isRequest(bytes) && !inTransaction && /insert into|delete from|update "/i.test(text);
    },
  };
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
