import { SqliteSessionDb, type SqliteSessionDbOptions } from "@sessiondb/sqlite";
import { testTwoReleases } from "@sessiondb/testing/two-releases";
import { temporaryFile } from "./support.ts";

testTwoReleases({
  adapter: "sqlite",
  className: "SqliteSessionDb",
  options: async () => ({ file: temporaryFile() }),
  open: (options) => new SqliteSessionDb(options as SqliteSessionDbOptions),
});
