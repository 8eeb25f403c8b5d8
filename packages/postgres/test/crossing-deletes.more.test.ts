import { crossingTests } from "@sessiondb/testing/crossing-deletes";
import { Sandbox } from "./support.ts";

const sandbox = new Sandbox("postgres");

crossingTests(async () => {
  const schema = sandbox.schema();
  return {
    open: sandbox.opener({ schema }),
    query: (sql) => sandbox.query(sql.replaceAll(/\b(runs|sessions)\b/g, `${schema}.agno_$1`)),
  };
});
