import { openSessionDb, SessionDbError } from "@sessiondb/core";

/** Writes a turn and reads it back; or says why not. */
export async function turn() {
  try {
    const db = await openSessionDb("sqlite:sessions.db");
    const session = { sessionType: "agent", sessionId: "chat-1", agentId: "assistant" };
    await db.upsertRun({ session, run: { runType: "agent", runId: "run-1", content: "Paris." } });
    const { content } = await db.getRun({ runId: "run-1" });
    await db.close();
    return { content };
  } catch (error) {
    const { name, code, message } = error;
    return { name, code, message, isInstance: SessionDbError.isInstance(error) };
  }
}
