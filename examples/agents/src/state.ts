import { Agent, runContextOf } from "@sessiondb/agent";
import { tool } from "ai";
import { z } from "zod";
import type { Example } from "./example.ts";

const addItem = tool({
  description: "Puts an item on the shopping list.",
  inputSchema: z.object({ item: z.string() }),
  execute: ({ item }, options) => {
    const { updateSessionState } = runContextOf(options);
    const { items } = updateSessionState(({ items: before = [], ...rest }) => ({
      ...rest,
      items: [...(before as string[]), item],
    }));
    return items;
  },
});

/** State of the session that tools change, merged with what other runs change at the same time. */
export const state: Example = async ({ model, db, say }) => {
  await using agent = new Agent({
    id: "shopper",
    model,
    db,
    tools: { addItem },
    sessionState: { items: [] },
    addSessionStateToContext: true,
    instructions: "You keep a shopping list.",
  });
  const { sessionId } = await agent.run("Hello.");
  await Promise.all(["Add milk.", "Add bread."].map((text) => agent.run(text, { sessionId })));
  const items = (await agent.getSessionState({ sessionId }))?.["items"] as string[];
  say(`on the list: ${items.toSorted().join(", ")}`);
};
