import { placeTests } from "@sessiondb/testing/run-places";
import { Sandbox } from "./support.ts";

const sandbox = new Sandbox("postgres");

placeTests(async () => {
  const schema = sandbox.schema();
  return {
    db: sandbox.opener({ schema })(),
    query: (sql) =>
      sandbox.query(
        sql.replace(/\bruns\b/, `${schema}.agno_runs`).replace("created_at, run_id", 'created_at, run_id collate "C"'),
      ),
  };
});
