import { Agent } from "@sessiondb/agent";
import type { Example } from "./example.ts";

/** History goes on within a session, and memories go with the user into every session. */
export const memoriesAndHistory: Example = async ({ model, db, say }) => {
  await using agent = new Agent({
    id: "assistant",
    model,
    db,
    addHistoryToContext: true,
    updateMemoryOnRun: true,
    awaitMemories: true,
  });
  const userId = crypto.randomUUID();
  const { sessionId } = await agent.run("My name is Ada.", { userId });
  await agent.run("I am a nurse.", { userId, sessionId });
  for (const [place, options] of [
    ["the same session", { userId, sessionId }],
    ["a new session", { userId }],
  ] as const) {
    for (const question of ["What is my name?", "What do you know about me?"]) {
      const { text } = await agent.run(question, options);
      say(`${place}: ${text}`);
    }
  }
};
