import { Agent } from "@sessiondb/agent";
import type { Example } from "./example.ts";

/**
 * Two ways to keep the sessions of agents apart: in one table, where each agent sees its own; or in a file (a schema on
 * Postgres, a database on MySQL) for each.
 */
export const ownStorage: Example = async ({ model, db, say }) => {
  const sessionId = crypto.randomUUID();
  for (const apart of [false, true]) {
    await using support = new Agent({ id: "support", model, db, ownStorage: apart });
    await using sales = new Agent({ id: "sales", model, db, ownStorage: apart });
    await support.run("Hello support.", { sessionId });
    say(`seen by sales: ${JSON.stringify(await sales.getSession({ sessionId }))}`);
  }
};
