import { Agent } from "@sessiondb/agent";
import type { Example } from "./example.ts";

/** Several users in one conversation: all see the same, each run says whose it is, and it is in everybody's list. */
export const sharedThread: Example = async ({ model, db, say }) => {
  await using agent = new Agent({ id: "assistant", model, db, access: "shared" });
  const [ada, bob] = [`ada ${crypto.randomUUID()}`, `bob ${crypto.randomUUID()}`];
  const { sessionId } = await agent.run("I am Ada, and I bring the tea.", { userId: ada });
  say((await agent.run("I am Bob. Who brings the tea?", { sessionId, userId: bob })).text);
  const session = await agent.getSession({ sessionId });
  say(`runs of: ${session?.runs.map((run) => run.userId?.split(" ")[0]).join(", ")}`);
  for (const userId of [ada, bob]) {
    say(`in the list of ${userId.split(" ")[0]}: ${(await agent.getUserSessions({ userId })).sessions.length}`);
  }
};
