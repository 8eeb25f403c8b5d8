import { testMemoryProcesses } from "@sessiondb/testing/memory-processes";
import { startWorker } from "@sessiondb/testing/worker";
import { describe, inject } from "vitest";
import { Sandbox } from "./support.ts";

describe.skipIf(inject("postgres") === null)("memories", () => {
  const sandbox = new Sandbox("postgres");

  testMemoryProcesses(
    async () => {
      const schema = sandbox.schema();
      return {
        url: sandbox.url,
        open: sandbox.opener({ schema }),
        start: (task, name, url = sandbox.url) =>
          startWorker(new URL("workers/memories.ts", import.meta.url), [url, schema, task, name]),
      };
    },
    { isServer: true },
  );
});
