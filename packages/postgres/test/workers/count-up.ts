import { PostgresSessionDb } from "@sessiondb/postgres";

// count-up <url> <schema> <count>: adds 1 to a counter in the session state, two at a time.
const [url = "", schema = "", count = "0"] = process.argv.slice(2);

await using db = new PostgresSessionDb({ url, schema, retryTimeout: 60_000 });
const add = async (): Promise<void> => {
  for (let index = 0; index < Number(count) / 2; index += 1) {
    await db.updateSession({ sessionId: "s" }, ({ sessionState }) => ({
      sessionState: { ...sessionState, counter: Number(sessionState["counter"] ?? 0) + 1 },
    }));
  }
};
await Promise.all([add(), add()]);
