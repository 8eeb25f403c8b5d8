import { Agent } from "@sessiondb/agent";
import type { Example } from "./example.ts";

/** The same session, with and without the earlier runs in the context. */
export const historyOnAndOff: Example = async ({ model, db, say }) => {
  const sessionId = crypto.randomUUID();
  await using remembers = new Agent({ id: "assistant", model, db, sessionId, numHistoryRuns: 5 });
  await using forgets = new Agent({ id: "assistant", model, db, sessionId, addHistoryToContext: false });
  await remembers.run("My name is Ada.");
  say(`with history: ${(await remembers.run("What is my name?")).text}`);
  say(`without: ${(await forgets.run("What is my name?")).text}`);
  say(`both are kept: ${(await forgets.getSession())?.runs.length} runs`);
};
