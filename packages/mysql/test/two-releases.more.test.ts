import { MySqlSessionDb, type MySqlSessionDbOptions } from "@sessiondb/mysql";
import { testTwoReleases } from "@sessiondb/testing/two-releases";
import { freshDatabase, onEachServer } from "./support.ts";

onEachServer(({ url }) => {
  testTwoReleases({
    adapter: "mysql",
    className: "MySqlSessionDb",
    options: async () => ({ url: await freshDatabase(url) }),
    open: (options) => new MySqlSessionDb(options as MySqlSessionDbOptions),
  });
});
