import {
  InMemorySessionDb,
  InvalidArgumentError,
  type JsonObject,
  type JsonValue,
  SessionDbError,
  type SessionDb,
  type UpsertRunOptions,
} from "@sessiondb/core";
import { SqliteSessionDb } from "@sessiondb/sqlite";
import { jsonSchema, tool } from "ai";
import { describe, expect, test } from "vitest";
import { Agent, runContextOf, Team, Workflow, type RunContext, type StateChange } from "@sessiondb/agent";
import { scriptedModel } from "@sessiondb/testing/scripted-model";

// A state that a store does not take, for whatever reason and by whatever name, costs the state and not the answer.

const limit = 20_000;
const stores: Record<string, () => SessionDb> = {
  memory: () => new InMemorySessionDb({ maxPayloadBytes: limit }),
  SQLite: () => new SqliteSessionDb({ file: ":memory:", maxPayloadBytes: limit }),
  // As MySQL does, and under each name that a store may have for what it refuses.
  ...Object.fromEntries(
    ["session", "something else"].map((argument) => [`a store that calls it ${argument}`, () => shallow(argument)]),
  ),
};

/** A store that takes documents nested at most 100 levels deep. */
function shallow(argument: string): SessionDb {
  const db = new InMemorySessionDb({ maxPayloadBytes: limit });
  const check = (document: unknown): void => {
    if (depthOf(document) > 100) {
      throw new InvalidArgumentError(argument, "nested at most 100 levels deep");
    }
  };
  return new Proxy(db, {
    get: (target, name) => {
      const member = Reflect.get(target, name, target) as unknown;
      if (name === "upsertRun") {
        return async ({ change, ...options }: UpsertRunOptions) => {
          check(options.run);
          return db.upsertRun({
            ...options,
            ...(typeof change === "function" && {
              change: (session) => {
                const patch = change(session);
                check(patch.sessionData);
                return patch;
              },
            }),
          });
        };
      }
      return typeof member === "function" ? (member.bind(target) as unknown) : member;
    },
  });
}

function depthOf(value: unknown, level = 0): number {
  return typeof value === "object" && value !== null && level < 200
    ? 1 + Math.max(0, ...Object.values(value).map((each) => depthOf(each, level + 1)))
    : 0;
}

function nested(depth: number): JsonValue {
  return depth === 0 ? "deep" : { in: nested(depth - 1) };
}

const cycle: JsonObject = {};
cycle["self"] = cycle;

/** What is put into the state, and the stores that take it. */
const values: Record<string, { readonly value: () => unknown; readonly takenBy?: RegExp }> = {
  "too large": { value: () => "x".repeat(30_000) },
  "as large as the limit": { value: () => "x".repeat(limit - 20) },
  "nested 99 levels deep": { value: () => nested(99), takenBy: /memory|SQLite/ },
  "nested 200 levels deep": { value: () => nested(200), takenBy: /memory|SQLite/ },
  "nested 100,000 levels deep": { value: () => chain(100_000) },
  "a bigint": { value: () => 1n },
  "a map": { value: () => new Map([["a", 1]]) },
  "a cycle": { value: () => cycle },
  "a function": { value: () => () => "no JSON" },
  "a symbol": { value: () => Symbol("no JSON") },
};

function chain(length: number): JsonObject {
  const first: JsonObject = {};
  let last = first;
  for (let index = 0; index < length; index += 1) {
    const next: JsonObject = {};
    last["in"] = next;
    last = next;
  }
  return first;
}

const answer = "The answer";

/** The ways in which a run changes a state. */
const ways: Record<string, (value: unknown, context: ReturnType<typeof runContextOf>) => void> = {
  "in place": (value, { sessionState }) => void Object.assign(sessionState, { added: value }),
  "by a function": (value, { updateSessionState }) =>
    void updateSessionState((state) => ({ ...state, added: value as JsonValue })),
};

const policies = ["throw", "continue"] as const;

const kinds = ["agent", "team", "member", "workflow", "agent of a workflow"] as const;

/** A component, or one inside of it, whose run puts `value` into the state. */
function componentOf(
  kind: (typeof kinds)[number],
  common: { readonly db: SessionDb; readonly onStorageError: (typeof policies)[number] },
  change: (context: never) => void,
) {
  const set = tool({
    inputSchema: jsonSchema<object>({ type: "object" }),
    execute: (_input, options) => {
      change(runContextOf(options) as never);
      return "Set";
    },
  });
  const options = { ...common, id: "one", sessionId: "s", sessionState: { before: 1 } };
  const calling = { model: scriptedModel([{ calls: [{ name: "set" }] }, answer]), tools: { set } };
  switch (kind) {
    case "agent":
      return new Agent({ ...options, ...calling });
    case "team":
      return new Team({ ...options, ...calling, members: [new Agent({ id: "idle", model: scriptedModel([]) })] });
    case "member": {
      const input = { member_id: "member", task: "Set" };
      const model = scriptedModel([{ calls: [{ name: "delegate_task_to_member", input }] }, answer]);
      const members = [new Agent({ id: "member", ...calling })];
      return new Team({ ...options, model, members, storeMemberResponses: true });
    }
    case "workflow":
      return new Workflow({
        ...options,
        steps: [
          (input) => {
            try {
              change(input as never);
            } catch {
              // What is refused at once the step is told, as a tool is: it goes on.
            }
            return "Set";
          },
          // Until it ends, the run is stored as far as it is.
          () => new Promise<string>((resolve) => setTimeout(() => resolve(answer), 5)),
        ],
      });
    case "agent of a workflow":
      return new Workflow({ ...options, steps: [new Agent({ id: "step", ...calling })] });
  }
}

describe.each(Object.keys(stores))("with %s", (store) => {
  describe.each(kinds)("%s", (kind) => {
    test.each(Object.keys(values))("a state that is %s does not lose the answer", { timeout: 30_000 }, async (name) => {
      const { value, takenBy } = values[name] as (typeof values)[string];
      for (const [index, [way, put]] of Object.entries(ways).entries()) {
        // For agents each way under each policy; for the others each of them once.
        const tried = kind === "agent" ? policies : policies.slice(index, index + 1);
        for (const onStorageError of tried) {
          await using db = (stores[store] as () => SessionDb)();
          const component = componentOf(kind, { db, onStorageError }, (context) => put(value(), context));
          const told = await component.run("Set it").then(
            ({ storageError }) => ["delivered", codeOf(storageError)],
            (error: unknown) => ["rejected", codeOf(error)],
          );
          const session = await db.getSession({ sessionId: "s" });
          const run = session?.runs.find(({ parentRunId }) => (parentRunId ?? null) === null);
          const { total_tokens: tokens } = (session?.sessionData["session_metrics"] ?? {}) as JsonObject;
          const isTaken = takenBy?.test(store) === true;
          const refused = expect.stringMatching(/^(INVALID_ARGUMENT|PAYLOAD_TOO_LARGE)$/) as unknown;
          expect({
            way,
            told,
            run: [run?.status, run?.content],
            state: session?.sessionState,
            tokens: tokens ?? 0,
          }).toEqual({
            way,
            told: isTaken ? ["delivered", null] : [onStorageError === "throw" ? "rejected" : "delivered", refused],
            run: ["COMPLETED", answer],
            state: { before: 1, ...(isTaken && { added: value() }) },
            tokens: { workflow: 0, member: 60 }[kind as string] ?? 30,
          });
        }
      }
    });
  });
});

describe("a change", () => {
  test("that fails on the state stored by then does not lose the answer", async () => {
    await using db = new InMemorySessionDb();
    let calls = 0;
    const change: StateChange = (state) => {
      calls += 1;
      if (calls > 1) {
        throw new TypeError("cannot read what is not there");
      }
      state["added"] = true;
    };
    const agent = componentOf("agent", { db, onStorageError: "throw" }, ({ updateSessionState }: RunContext) =>
      updateSessionState(change),
    );
    await expect(agent.run("Set it")).rejects.toMatchObject({ code: "INVALID_ARGUMENT", argument: "change" });
    const session = await db.getSession({ sessionId: "s" });
    expect(session?.runs).toMatchObject([{ status: "COMPLETED", content: answer }]);
    expect(session?.sessionState).toEqual({ before: 1 });
  });

  test.each<[string, () => unknown]>([
    ["a promise", async () => ({})],
    ["a promise that rejects", () => Promise.reject(new Error("later"))],
    ["text", () => "state"],
    ["a list", () => []],
  ])("that returns %s is refused", async (_name, returns) => {
    await using db = new InMemorySessionDb();
    const errors: unknown[] = [];
    const change = returns as StateChange;
    const agent = componentOf("agent", { db, onStorageError: "throw" }, ({ updateSessionState }: RunContext) => {
      try {
        updateSessionState(change);
      } catch (error) {
        errors.push(error);
      }
    });
    await agent.run("Set it");
    errors.push(await agent.updateSessionState({ change }).catch((error: unknown) => error));
    expect(errors).toEqual([refusal("change"), refusal("change")]);
    expect(await agent.getSessionState()).toEqual({ before: 1 });
  });

  test("of one date to another is kept", async () => {
    await using db = new InMemorySessionDb();
    const agent = componentOf("agent", { db, onStorageError: "throw" }, (context: RunContext) => {
      const state = context.sessionState as Record<string, unknown>;
      state["at"] = new Date(1);
      context.updateSessionState((now) => ({ ...now, n: 1 }));
      state["at"] = new Date(2);
      (context.sessionState as Record<string, unknown>)["at"] = new Date(2);
    });
    await agent.run("Set it");
    expect(await agent.getSessionState()).toEqual({ before: 1, n: 1, at: new Date(2).toISOString() });
  });
});

function codeOf(error: unknown): string | null {
  return error === null ? null : SessionDbError.isInstance(error) ? error.code : "another error";
}

function refusal(argument: string): unknown {
  return expect.objectContaining({ code: "INVALID_ARGUMENT", argument });
}
