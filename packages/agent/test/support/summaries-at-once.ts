import type { SessionDb } from "@sessiondb/core";
import { expect, test } from "vitest";
import { Agent, SessionSummaryManager, type ModelComponentOptions } from "@sessiondb/agent";
import { scriptedModel } from "@sessiondb/testing/scripted-model";
import { gate } from "./gate.ts";
import type { OpenStore } from "./stores.ts";
import { watched } from "./watched-db.ts";
import { wordsIn, wordSummaries } from "./word-summaries.ts";

export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export function agentOf(
  db: SessionDb,
  model: Exclude<ModelComponentOptions["model"], string>,
  more: Partial<ModelComponentOptions> = {},
) {
  return new Agent({
    id: "a",
    db,
    model: scriptedModel(() => "Yes, of course."),
    sessionId: "s",
    sessionSummaryManager: new SessionSummaryManager({ model }),
    ...more,
  });
}

export const storedSummary = async (agent: Agent): Promise<string[]> =>
  wordsIn((await agent.getSessionSummary())?.summary ?? "");

/** Turns at once whose summaries the store keeps apart. */
export function describeSummariesAtOnce(open: OpenStore): void {
  // Two agents that know nothing of each other, as in two processes: turns at once, that end in every order.
  const orders = [0, 1, 2]
    .flatMap((a) => [0, 1, 2].flatMap((b) => [0, 1, 2].map((c) => [a, b, c])))
    .filter((order) => new Set(order).size === 3);
  const waits = { "the first summary last": 0, "the second summary last": 1, "all at once": -1 };
  test.each(
    orders.flatMap((order) =>
      Object.entries(waits).flatMap(([wait, slow]) => [0, 1, 2, -1].map((failing) => ({ order, wait, slow, failing }))),
    ),
  )(
    "turns at once that end in the order $order lose nothing: $wait, $failing fails",
    async ({ order, slow, failing }) => {
      await using db = await open();
      const gates = order.map(gate);
      let calls = 0;
      const model = wordSummaries(async () => {
        const call = calls;
        calls += 1;
        if (call === failing) {
          return new Error("no");
        }
        for (let turns = 0; turns < (call === slow ? 50 : 2); turns += 1) {
          await turn();
        }
        return null;
      });
      const agents = order.map((index) =>
        agentOf(watched(db).db, model, {
          onSummaryError: () => {},
          model: scriptedModel(async () => {
            await gates[index]?.opened;
            return "Yes.";
          }),
        }),
      );
      const runs = order.map(async (index, place) => agents[place]?.run(`#r${index}`));
      for (let turns = 0; turns < 20; turns += 1) {
        await turn();
      }
      for (const index of [0, 1, 2]) {
        gates[index]?.open();
        await runs[order.indexOf(index)];
      }
      await Promise.all(agents.map((agent) => agent.idle()));
      // A summary that failed is made up for by the next one.
      const last = agentOf(db, wordSummaries(), {});
      await last.run("#last");
      await last.idle();
      const words = await storedSummary(last);
      expect([...new Set(words)].toSorted()).toEqual(["last", "r0", "r1", "r2"]);
      expect(words).toHaveLength(4);
    },
  );
}
