import { Agent } from "@sessiondb/agent";
import type { Example } from "./example.ts";

/** Run it twice: the second process knows the name that the first was told. */
export const persistentSession: Example = async ({ model, db, say }) => {
  await using agent = new Agent({ id: "assistant", model, db, sessionId: "user_123_session" });
  const session = await agent.getSession();
  const question = session === null ? "Hi, my name is Ada." : "What is my name?";
  say(`user: ${question}`);
  say(`assistant: ${(await agent.run(question)).text}`);
  say(`${(await agent.getSession())?.runs.length} runs are kept`);
};
