import { setTimeout as sleep } from "node:timers/promises";
import { Agent, unstoredResultOf } from "@sessiondb/agent";
import { DatabaseFullError, InMemorySessionDb, type SessionDb } from "@sessiondb/core";
import { SqliteSessionDb } from "@sessiondb/sqlite";
import { scriptedModel, shown, type Answer } from "@sessiondb/testing/scripted-model";
import { jsonSchema, tool } from "ai";
import { afterAll, describe, expect, test } from "vitest";

// A run may end anywhere and for any reason. Whatever the place and the cause: its row is final, what had arrived is in
// it, and an action that was carried out is there with its result, once, and is not asked for again.

const stores: Readonly<Record<string, () => SessionDb>> = {
  memory: () => new InMemorySessionDb(),
  sqlite: () => new SqliteSessionDb({ file: ":memory:" }),
};
const opened: SessionDb[] = [];
afterAll(() => Promise.all(opened.map((db) => db.close())));

const calls = ["run", "stream"] as const;
const places = [
  "before the model",
  "in the first answer",
  "in a tool",
  "after a tool",
  "in the second answer",
] as const;
const causes = ["signal", "timeout", "model error", "storage error"] as const;
type Place = (typeof places)[number];
type Cause = (typeof causes)[number];

/** What cannot be: a model that was not asked does not fail, a tool is no place for its error, and a store fails at the end. */
const exists = (place: Place, cause: Cause): boolean =>
  cause === "signal"
    ? true
    : cause === "timeout"
      ? place !== "before the model"
      : cause === "model error"
        ? place === "in the first answer" || place === "after a tool" || place === "in the second answer"
        : place === "in the second answer";

const cells = Object.keys(stores).flatMap((store) =>
  calls.flatMap((call) =>
    places.flatMap((place) =>
      causes.filter((cause) => exists(place, cause)).map((cause) => ({ store, call, place, cause })),
    ),
  ),
);

const acts: Answer = { calls: [{ name: "act", id: "c1" }], text: "I act. " };

/** The answers of the model until the run ends. */
function scriptOf(place: Place, cause: Cause): readonly Answer[] {
  const stuck: Answer = { stuckAfter: "Half an" };
  const failing: Answer = { failsAfter: "Half an", error: new Error("overloaded") };
  const last = cause === "storage error" ? "Done." : cause === "model error" ? failing : stuck;
  switch (place) {
    case "before the model":
      return [];
    case "in the first answer":
      return [last];
    case "in a tool":
      return [acts];
    case "after a tool":
      return [acts, cause === "model error" ? new Error("overloaded") : { stuckAfter: "" }];
    case "in the second answer":
      return [acts, last];
  }
}

const statusOf = { signal: "CANCELLED", timeout: "ERROR", "model error": "ERROR", "storage error": "RUNNING" } as const;

interface Cell {
  readonly call: (typeof calls)[number];
  readonly place: Place;
  readonly cause: Cause;
}

/** What the caller gets: the result of a stream that was cancelled, and else an error. */
function outcomeOf({ call, place, cause }: Cell): object {
  switch (cause) {
    case "signal":
      return call === "run" || place === "before the model" ? { message: "stop" } : { status: "CANCELLED" };
    case "timeout":
      return { name: "TimeoutError" };
    case "model error":
      return { message: "overloaded" };
    case "storage error":
      return { code: "DATABASE_FULL" };
  }
}

describe.concurrent.each(cells)("$call, which ends by a $cause $place ($store)", ({ store, call, place, cause }) => {
  test.concurrent("keeps what had arrived, and what was done", async () => {
    const db = (stores[store] as () => SessionDb)();
    opened.push(db);
    let isFull = cause === "storage error";
    const upsertRun = db.upsertRun.bind(db);
    db.upsertRun = async (options) => {
      if (isFull && options.run.status !== "RUNNING") {
        throw new DatabaseFullError("The disk is full.");
      }
      return upsertRun(options);
    };
    const controller = new AbortController();
    const abort = (): void => {
      if (cause === "signal") {
        setTimeout(() => controller.abort(new Error("stop")), 100);
      }
    };
    let acted = 0;
    let toolIsDone: Promise<unknown> = Promise.resolve();
    const act = tool({
      inputSchema: jsonSchema({ type: "object" }),
      execute: async () => {
        acted += 1;
        if (place === "in a tool") {
          abort();
          // Deaf to the signal, as most tools are.
          toolIsDone = sleep(450);
          await toolIsDone;
        }
        return { receipt: 42 };
      },
    });
    const script = scriptOf(place, cause);
    const steps = place === "after a tool" || place === "in the second answer" ? 2 : 1;
    const model = scriptedModel((_call, index) => {
      if (place !== "in a tool" && index === steps - 1) {
        abort();
      }
      return script[index] ?? "Next.";
    });
    const generation = { maxRetries: 0, ...(cause === "timeout" && { timeout: 300 }) };
    const agent = new Agent({ id: "a", model, db, sessionId: "s", tools: { act }, generation });
    if (place === "before the model") {
      controller.abort(new Error("stop"));
    }
    const { signal } = controller;
    const ended =
      call === "run"
        ? agent.run("Do it", { signal })
        : agent.stream("Do it", { signal }).then(async (stream) => stream.result);
    const outcome = await ended.catch((error: unknown) => error);
    expect(outcome).toMatchObject(outcomeOf({ call, place, cause }));
    isFull = false;
    await toolIsDone;
    await sleep(10);

    const [run] = (await db.getSession({ sessionId: "s" }))?.runs ?? [];
    const unstored = unstoredResultOf(outcome)?.run;
    // A run that is aborted before its session is read is as if it had not been asked for.
    expect(run?.status).toBe(place === "before the model" ? undefined : statusOf[cause]);
    const kept = unstored ?? run;
    const { messages = [], tools = [], metrics } = kept?.runType === "agent" ? kept : {};
    const hasActed = place === "in a tool" || steps === 2;
    const receipts = hasActed ? ['{"receipt":42}'] : [];
    const last = cause === "storage error" ? "Done." : "Half an";
    const hasLast = place.endsWith("answer") && (call === "stream" || cause === "storage error");
    expect({
      acted,
      results: tools?.map(({ result }) => result),
      told: messages?.filter(({ role }) => role === "tool").map(({ content }) => content),
      said: messages?.filter(({ role }) => role === "assistant").map(({ content }) => content),
      tokens: metrics?.totalTokens ?? 0,
    }).toEqual({
      acted: receipts.length,
      results: receipts,
      told: receipts,
      said: [...(hasActed ? ["I act. "] : []), ...(hasLast ? [last] : [])],
      tokens: 15 * ((hasActed ? 1 : 0) + (cause === "storage error" ? 1 : 0)),
    });
    // The next turn is not confused by it.
    await agent.run("Next");
    expect(shown(model.prompts.at(-1) ?? [])).toEqual(["user: Next"]);
  });
});
