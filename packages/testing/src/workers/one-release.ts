import { createInterface } from "node:readline";
import type { SessionDb } from "@sessiondb/core";

// one-release <module> <class> <options> <name>: writes turns and counts up in the state of two sessions, with the store
// of that module, until it reads `stop`. It prints `run <id>` and `count <session>` for what was acknowledged, and at
// `read <session>` the number of runs and the counter that this release reads.
const [module = "", className = "", options = "{}", name = ""] = process.argv.slice(2);

const stores = (await import(module)) as Record<string, new (options: unknown) => SessionDb>;
const Store = stores[className];
if (Store === undefined) {
  throw new Error(`${module} exports no ${className}`);
}
await using db = new Store(JSON.parse(options));

const stop = new AbortController();
const stopped = new Promise<void>((resolve) => {
  createInterface(process.stdin).on("line", (line) => {
    const [command, sessionId = ""] = line.split(" ");
    if (command === "stop") {
      stop.abort();
    } else if (command === "end") {
      resolve();
    } else {
      void print(sessionId);
    }
  });
});

await Promise.all(["s0", "s1"].map(write));
console.log("stopped");
await stopped;
process.stdin.destroy();

async function write(sessionId: string): Promise<void> {
  const own: string[] = [];
  for (let index = 0; !stop.signal.aborted; index += 1) {
    const runId = `${name}.${sessionId}.${index}`;
    const session = { sessionType: "agent", sessionId, agentId: "a", userId: "u" } as const;
    await db.upsertRun({ session, run: { runType: "agent", runId, content: "text", messages: [{ role: "user" }] } });
    own.push(runId);
    console.log(`run ${runId}`);
    if (index % 4 === 0) {
      await db.updateSession({ sessionId }, ({ sessionState }) => ({
        sessionState: { counter: Number(sessionState["counter"] ?? 0) + 1 },
      }));
      console.log(`count ${sessionId}`);
    }
    if (index % 8 === 0) {
      const stored = await db.getSession({ sessionId });
      const ids = (stored?.runs ?? []).map((run) => run.runId).filter((id) => id.startsWith(`${name}.`));
      if (ids.join() !== own.join()) {
        throw new Error(`${name} wrote ${own.join()} and read ${ids.join()}`);
      }
    }
    // Leave the others their turns, and the session short.
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function print(sessionId: string): Promise<void> {
  const stored = await db.getSession({ sessionId });
  const ids = (stored?.runs ?? []).map((run) => run.runId).toSorted();
  console.log(`read ${sessionId} ${Number(stored?.sessionState["counter"])} ${ids.join()}`);
}
