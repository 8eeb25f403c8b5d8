import { Agent } from "@sessiondb/agent";
import type { Example } from "./example.ts";

/** One agent, two sessions: each goes on where it was, and knows nothing of the other. */
export const twoConversations: Example = async ({ model, db, say }) => {
  await using agent = new Agent({ id: "assistant", model, db });
  const first = await agent.run("I like tea.");
  const second = await agent.run("I like coffee.");
  for (const { sessionId } of [first, second]) {
    const { text } = await agent.run("What do I like?", { sessionId });
    say(text);
  }
};
