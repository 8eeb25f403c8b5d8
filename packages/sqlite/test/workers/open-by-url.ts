import { openSessionDb, SessionDbError } from "@sessiondb/core";

// open-by-url <url>: opens a store by its connection string, uses it, and prints what came of it as JSON.
async function open(url: string): Promise<object> {
  try {
    await using db = await openSessionDb(url);
    await db.upsertSession({ sessionType: "agent", sessionId: "s" });
    return { store: db.constructor.name, found: (await db.getSessions()).sessions.length };
  } catch (error) {
    if (!SessionDbError.isInstance(error)) {
      throw error;
    }
    return { code: error.code, message: error.message };
  }
}

process.stdout.write(JSON.stringify(await open(process.argv[2] ?? "")));
