import { Agent } from "@sessiondb/agent";
import type { Example } from "./example.ts";

/** User 1 with two sessions and user 2 with one: what each said is known in a new session of the same user, and to nobody else. */
export const memories: Example = async ({ model, db, say }) => {
  await using agent = new Agent({
    id: "assistant",
    model,
    db,
    addHistoryToContext: false,
    updateMemoryOnRun: true,
    // The next turn knows what was said in this one.
    awaitMemories: true,
  });
  const [one, two] = [crypto.randomUUID(), crypto.randomUUID()];
  await agent.run("I am a nurse.", { userId: one });
  await agent.run("I am allergic to nuts.", { userId: one });
  await agent.run("I am a pilot.", { userId: two });
  const ask = async (userId?: string): Promise<string> =>
    (await agent.run("What do you know about me?", userId === undefined ? {} : { userId })).text;
  say(`user 1: ${await ask(one)}`);
  say(`user 2: ${await ask(two)}`);
  say(`nobody: ${await ask()}`);

  await agent.run("Forget that I am allergic to nuts.", { userId: one });
  say(`user 1, later: ${await ask(one)}`);
  const kept = await agent.getUserMemories({ userId: one });
  say(`kept of user 1: ${kept.memories.length}`);
};
