import { SqliteSessionDb } from "@sessiondb/sqlite";
import { testMemoryProcesses } from "@sessiondb/testing/memory-processes";
import { startWorker } from "@sessiondb/testing/worker";
import { program, temporaryFile } from "./support.ts";

testMemoryProcesses(
  async () => {
    const file = temporaryFile();
    return {
      url: null,
      open: () => new SqliteSessionDb({ file, busyTimeout: 60_000 }),
      start: (task, name) => startWorker(program("memories"), [file, task, name]),
    };
  },
  { isServer: false },
);
