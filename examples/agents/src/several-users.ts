import { Agent } from "@sessiondb/agent";
import { SessionOwnershipError } from "@sessiondb/core";
import type { Example } from "./example.ts";

/** User 1 with two sessions and user 2 with one, through one agent: nobody sees another's. */
export const severalUsers: Example = async ({ model, db, say }) => {
  await using agent = new Agent({ id: "assistant", model, db });
  const [one, two] = [crypto.randomUUID(), crypto.randomUUID()];
  const first = await agent.run("My number is 1.", { userId: one });
  await agent.run("My number is 11.", { userId: one });
  await agent.run("My number is 2.", { userId: two });
  for (const userId of [one, two]) {
    say(`sessions: ${(await agent.getUserSessions({ userId })).sessions.length}`);
  }
  try {
    await agent.run("What is the number?", { sessionId: first.sessionId, userId: two });
  } catch (error) {
    say(`user 2 in a session of user 1: ${error instanceof SessionOwnershipError ? error.code : String(error)}`);
  }
};
