import { Agent } from "@sessiondb/agent";
import type { Example } from "./example.ts";

/** What a user asks to be forgotten, and what is older than it may be. */
export const purge: Example = async ({ model, db, say }) => {
  await using agent = new Agent({ id: "assistant", model, db });
  const userId = crypto.randomUUID();
  await agent.run("One.", { userId });
  await agent.run("Two.", { userId });
  const yearAgo = Math.floor(Date.now() / 1000) - 365 * 24 * 60 * 60;
  say(`older than a year: ${await agent.deleteUserSessions({ userId, endTimestamp: yearAgo })}`);
  say(`all of the user: ${await agent.deleteUserSessions({ userId })}`);
  say(`left: ${(await agent.getUserSessions({ userId })).sessions.length}`);
};
