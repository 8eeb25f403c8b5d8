import { Agent } from "@sessiondb/agent";
import type { Example } from "./example.ts";

/** An agent that reads the session of another one, and does not change it. */
export const analyst: Example = async ({ model, db, say }) => {
  await using support = new Agent({ id: "support", model, db });
  await using judge = new Agent({ id: "analyst", model, db, instructions: "You judge support chats." });
  const userId = crypto.randomUUID();
  const { sessionId } = await support.run("My tea never arrived.", { userId });
  const readSessions = [{ component: support, sessionId }];
  say((await judge.run("What was the problem?", { userId, readSessions })).text);
  say(`runs of the support chat: ${(await support.getSession({ sessionId, userId }))?.runs.length}`);
};
