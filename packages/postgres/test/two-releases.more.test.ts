import { PostgresSessionDb, type PostgresSessionDbOptions } from "@sessiondb/postgres";
import { testTwoReleases } from "@sessiondb/testing/two-releases";
import { Sandbox } from "./support.ts";

const sandbox = new Sandbox("postgres");

testTwoReleases({
  adapter: "postgres",
  className: "PostgresSessionDb",
  options: async () => ({ url: sandbox.url, schema: sandbox.schema() }),
  open: (options) => new PostgresSessionDb(options as PostgresSessionDbOptions),
});
