import { SqliteSessionDb } from "@sessiondb/sqlite";

// pop-messages <file> <run id> <count>: takes the last message out of a run, so many times, and prints each as JSON.
const [file = "", runId = "", count = "0"] = process.argv.slice(2);

await using db = new SqliteSessionDb({ file, busyTimeout: 60_000 });
for (let index = 0; index < Number(count); index += 1) {
  let popped: unknown = null;
  await db.updateRun({ runId }, (run) => {
    if (run.runType !== "agent") {
      return run;
    }
    const messages = [...(run.messages ?? [])];
    popped = messages.pop()?.content ?? null;
    return { ...run, messages };
  });
  process.stdout.write(`${JSON.stringify(popped)}\n`);
}
