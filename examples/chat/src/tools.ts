import { tool } from "ai";
import { z } from "zod";

/** Runs on the server, at once. */
const rollDice = tool({
  description: "Rolls dice, and returns what each of them shows.",
  inputSchema: z.object({ count: z.int().min(1).max(100), sides: z.int().min(2).max(100) }),
  execute: ({ count, sides }) => {
    if (count > 10) {
      throw new Error("There are only ten dice.");
    }
    return Array.from({ length: count }, () => 1 + Math.floor(Math.random() * sides));
  },
});

let orders = 0;

/** Runs on the server once the user has approved it. */
const placeOrder = tool({
  description: "Orders something to drink. Costs money.",
  inputSchema: z.object({ item: z.string(), quantity: z.int().min(1) }),
  needsApproval: true,
  execute: ({ item, quantity }) => {
    orders += 1;
    return { ordered: `${quantity} × ${item}`, order: orders };
  },
});

/** Has no `execute`: it runs in the browser. */
const timeZone = tool({
  description: "Returns the user's time zone.",
  inputSchema: z.object({}),
  outputSchema: z.object({ timeZone: z.string() }),
});

export const tools = { rollDice, placeOrder, timeZone };
