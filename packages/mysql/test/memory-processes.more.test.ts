import { MySqlSessionDb } from "@sessiondb/mysql";
import { testMemoryProcesses } from "@sessiondb/testing/memory-processes";
import { startWorker } from "@sessiondb/testing/worker";
import { freshDatabase, onEachServer } from "./support.ts";

onEachServer((server) => {
  testMemoryProcesses(
    async () => {
      const own = await freshDatabase(server.url);
      return {
        url: own,
        open: () => new MySqlSessionDb({ url: own }),
        start: (task, name, url = own) =>
          startWorker(new URL("workers/memories.ts", import.meta.url), [url, task, name]),
      };
    },
    { isServer: true },
  );
});
