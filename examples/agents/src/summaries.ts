import { Agent, SessionSummaryManager } from "@sessiondb/agent";
import type { Example } from "./example.ts";

/** A summary after each run: by the agent's own model, and by a manager with a prompt of its own. */
export const summaries: Example = async ({ model, db, say }) => {
  await using automatic = new Agent({ id: "automatic", model, db, sessionSummaries: true, numHistoryRuns: 2 });
  const { sessionId } = await automatic.run("I plan a trip to Rome in May.");
  await automatic.idle();
  say(`automatic: ${(await automatic.getSessionSummary({ sessionId }))?.summary}`);

  const sessionSummaryManager = new SessionSummaryManager({
    model,
    prompt: "Sum up what the user wants in one sentence, and name the topics.",
  });
  await using custom = new Agent({ id: "custom", model, db, sessionSummaryManager, awaitSummaries: true });
  const other = await custom.run("I plan a trip to Oslo.");
  await custom.run("With my dog.", { sessionId: other.sessionId });
  const summary = await custom.getSessionSummary({ sessionId: other.sessionId });
  say(`custom: ${summary?.summary} (${summary?.topics?.join(", ")})`);
};
