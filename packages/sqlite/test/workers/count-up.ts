import { SqliteSessionDb } from "@sessiondb/sqlite";

// count-up <file> <session id> <count>: adds 1 to a counter in the session state, so many times.
const [file = "", sessionId = "", count = "0"] = process.argv.slice(2);

await using db = new SqliteSessionDb({ file, busyTimeout: 60_000 });
for (let index = 0; index < Number(count); index += 1) {
  await db.updateSession({ sessionId }, ({ sessionState }) => ({
    sessionState: { ...sessionState, counter: Number(sessionState["counter"] ?? 0) + 1 },
  }));
}
