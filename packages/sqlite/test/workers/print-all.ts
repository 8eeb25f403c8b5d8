import { SqliteSessionDb } from "@sessiondb/sqlite";

// Prints every session and run of the files named, each read in all ways, and whether the runtime compiles text.

for (const file of process.argv.slice(2)) {
  await using db = new SqliteSessionDb({ file });
  const { sessions, unreadable } = await db.getSessions({ limit: 1000 });
  console.log(JSON.stringify({ sessions, unreadable: unreadable.map(({ id, error }) => [id, error.message]) }));
  for (const { sessionId } of sessions) {
    console.log(JSON.stringify(await db.getSession({ sessionId })));
    console.log(JSON.stringify(await db.getSession({ sessionId, includeRuns: false })));
  }
}
console.log(compiles() ? "compiled" : "not compiled");

function compiles(): boolean {
  try {
    // eslint-disable-next-line typescript/no-implied-eval -- Whether it throws is the question.
    return new Function("return true")() === true;
  } catch {
    return false;
  }
}
