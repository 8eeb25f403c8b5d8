import type { JsonObject } from "@sessiondb/core";
import { MySqlSessionDb } from "@sessiondb/mysql";
import { describe, expect, test } from "vitest";
import { Agent, Workflow } from "../../agent/src/index.ts";
import { scriptedModel } from "@sessiondb/testing/scripted-model";
import { freshDatabase, onEachServer } from "./support.ts";

// MySQL takes documents nested at most 100 levels deep. What it refuses costs the state and not the answer.

function nested(depth: number): JsonObject {
  return depth === 0 ? {} : { in: nested(depth - 1) };
}

/** With what MySQL and MariaDB say to it; null where it is taken. The state itself is some levels deep within the session. */
const states = {
  "nested 150 levels deep": { state: () => nested(150), refusals: ["INVALID_ARGUMENT", null] },
  "nested 99 levels deep": { state: () => nested(99), refusals: ["INVALID_ARGUMENT", null] },
  "nested 20 levels deep": { state: () => nested(20), refusals: [null, null] },
  "with a key of 70,000 characters": {
    state: () => ({ ["k".repeat(70_000)]: 1 }),
    refusals: ["INVALID_ARGUMENT", null],
  },
  "too large": {
    state: () => ({ text: "x".repeat(120_000) }),
    refusals: ["PAYLOAD_TOO_LARGE", "PAYLOAD_TOO_LARGE"],
  },
} as const;

onEachServer((server) => {
  describe.each(Object.entries(states))("a state that is %s", (_name, { state, refusals }) => {
    const refusal = refusals[server.name === "mysql" ? 0 : 1];

    test.each(["agent", "workflow"] as const)("does not lose the answer: %s", { timeout: 60_000 }, async (kind) => {
      for (const onStorageError of ["throw", "continue"] as const) {
        await using db = new MySqlSessionDb({ url: await freshDatabase(server.url), maxPayloadBytes: 100_000 });
        const options = { id: "one", db, onStorageError, sessionState: { before: 1 }, sessionId: "s" };
        const component =
          kind === "agent"
            ? new Agent({ ...options, model: scriptedModel(["The answer"]) })
            : new Workflow({ ...options, steps: [() => "The answer"] });
        const told = await component.run("Hi", { sessionState: { added: state() } }).then(
          ({ storageError }) => storageError,
          (error: unknown) => error,
        );
        const session = await db.getSession({ sessionId: "s" });
        expect(session?.runs).toMatchObject([{ status: "COMPLETED", content: "The answer" }]);
        expect(told === null ? null : (told as { code?: unknown }).code).toBe(refusal);
        expect(session?.sessionState).toEqual({ before: 1, ...(refusal === null && { added: state() }) });
      }
    });
  });
});
