import { PostgresSessionDb } from "@sessiondb/postgres";

// pop-messages <url> <schema> <count>: takes the last message out of the run r as often, all at once, and prints
// the ids of those it got.
const [url = "", schema = "", count = "0"] = process.argv.slice(2);

await using db = new PostgresSessionDb({ url, schema, retryTimeout: 60_000 });
const pop = async (): Promise<void> => {
  let popped: string | null | undefined;
  await db.updateRun({ runId: "r" }, (run) => {
    const messages = run.runType === "workflow" ? [] : [...(run.messages ?? [])];
    popped = messages.pop()?.id;
    return { ...run, messages } as typeof run;
  });
  console.log(popped);
};
await Promise.all(Array.from({ length: Number(count) }, pop));
