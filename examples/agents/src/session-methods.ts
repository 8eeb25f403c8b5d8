import { Agent } from "@sessiondb/agent";
import type { Example } from "./example.ts";

const day = 24 * 60 * 60;

/** Get, list, rename and delete sessions. */
export const sessionMethods: Example = async ({ model, db, say }) => {
  const userId = crypto.randomUUID();
  await using agent = new Agent({ id: "assistant", model, db, userId });
  const ids: string[] = [];
  for (const topic of ["tea", "coffee", "water"]) {
    ids.push((await agent.run(`Tell me about ${topic}.`)).sessionId);
  }
  const [first = "", second = ""] = ids;

  const session = await agent.getSession({ sessionId: first });
  say(`read: ${session?.runs.length} run, ${session?.messages.length} messages`);
  const newest = await agent.getUserSessions({ limit: 2, sortBy: "updatedAt", sortOrder: "desc" });
  say(`the newest ${newest.sessions.length}, and more: ${newest.nextCursor !== null}`);

  await agent.renameSession({ sessionId: first, sessionName: "All about tea" });
  const named = await agent.getUserSessions({ sessionName: "TEA" });
  say(`by name: ${named.sessions.map(({ sessionName }) => sessionName).join()}`);
  const generated = await agent.renameSession({ sessionId: second, autogenerate: true });
  say(`a name from the content: ${generated?.sessionName}`);

  const weekAgo = Math.floor(Date.now() / 1000) - 7 * day;
  say(`of the last seven days: ${(await agent.getUserSessions({ startTimestamp: weekAgo })).sessions.length}`);
  say(`deleted: ${await agent.deleteSession({ sessionId: first })}`);
  say(`read again: ${JSON.stringify(await agent.getSession({ sessionId: first }))}`);
};
