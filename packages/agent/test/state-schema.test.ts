import {
  Agent,
  type Component,
  runContextOf,
  Team,
  Workflow,
  type StateOptions,
  type StepInput,
} from "@sessiondb/agent";
import { InMemorySessionDb, type JsonObject, type SessionDb } from "@sessiondb/core";
import { SqliteSessionDb } from "@sessiondb/sqlite";
import { scriptedModel } from "@sessiondb/testing/scripted-model";
import { jsonSchema, tool } from "ai";
import { afterAll, describe, expect, test } from "vitest";
import { z } from "zod";
import type { StandardSchemaV1 } from "@standard-schema/spec";

// The state of a session may have been written by an older program, or by Agno. A schema is asked before anything uses it.

const schema = z.object({
  count: z.number().default(0),
  cart: z.object({ items: z.array(z.string()) }).default({ items: [] }),
});
type State = z.infer<typeof schema>;

const opened: SessionDb[] = [];
afterAll(() => Promise.all(opened.map((db) => db.close())));
const stores: Readonly<Record<string, () => SessionDb>> = {
  memory: () => new InMemorySessionDb(),
  sqlite: () => new SqliteSessionDb({ file: ":memory:" }),
};

interface Subject {
  readonly run: (change: (state: State) => void) => Promise<{ readonly sessionState: State }>;
  readonly component: Component<State>;
}

/** A component whose run changes the state. */
const kinds = {
  agent: (options) => {
    let change = (_state: State): void => {};
    const agent = new Agent({ ...options, ...modelThatChanges(() => change) });
    return {
      component: agent,
      run: (given) => {
        change = given;
        return agent.run("Count");
      },
    };
  },
  team: (options) => {
    let change = (_state: State): void => {};
    const members = [new Agent({ id: "member", model: scriptedModel([]) })];
    const team = new Team({ ...options, members, ...modelThatChanges(() => change) });
    return {
      component: team,
      run: (given) => {
        change = given;
        return team.run("Count");
      },
    };
  },
  workflow: (options) => {
    let change = (_state: State): void => {};
    const workflow = new Workflow({
      ...options,
      steps: [
        function count({ updateSessionState }: StepInput) {
          updateSessionState((state) => change(state as State));
          return "Done.";
        },
      ],
    });
    return {
      component: workflow,
      run: (given) => {
        change = given;
        return workflow.run("Count");
      },
    };
  },
} satisfies Record<
  string,
  (options: StateOptions<State> & { db: SessionDb; id: string; sessionId: string }) => Subject
>;

function modelThatChanges(change: () => (state: State) => void) {
  const count = tool({
    inputSchema: jsonSchema({ type: "object" }),
    execute: (_input, options) => {
      runContextOf(options).updateSessionState((state) => change()(state as State));
      return "counted";
    },
  });
  const model = scriptedModel((_call, index) => (index % 2 === 0 ? { calls: [{ name: "count" }] } : "Done."));
  return { model, tools: { count } };
}

/** The states that a session may hold, and what the schema makes of them; null for one that does not fit. */
const stored: Readonly<Record<string, readonly [JsonObject, JsonObject | null]>> = {
  "an empty one": [{}, { count: 0, cart: { items: [] } }],
  "one that fits": [
    { count: 2, cart: { items: ["tea"] } },
    { count: 2, cart: { items: ["tea"] } },
  ],
  "one with further keys": [
    { count: 2, by: "agno", cart: { items: [], note: "x" } },
    { count: 2, cart: { items: [] } },
  ],
  "a key of another type": [{ count: "2" }, null],
  "a key of another type inside": [{ cart: { items: "tea" }, by: "agno" }, null],
};

describe.each(Object.keys(stores))("%s", (store) => {
  describe.each(Object.keys(kinds) as (keyof typeof kinds)[])("%s", (kind) => {
    const made = (options: StateOptions<State> = {}) => {
      const db = stores[store]?.() ?? new InMemorySessionDb();
      opened.push(db);
      const ids = { db, id: "one", sessionId: "s" };
      return {
        db,
        ...kinds[kind]({ ...ids, sessionStateSchema: schema, ...options }),
        /** The same component as a program without the schema has it. */
        plain: kinds[kind](ids),
      };
    };
    const begun = async (state: JsonObject, options: StateOptions<State> = {}) => {
      const subject = made(options);
      await subject.plain.run((all) => void Object.assign(all, state));
      const raw = async () => (await subject.db.getSession({ sessionId: "s" }))?.sessionState;
      return { ...subject, raw };
    };

    test.each(Object.entries(stored).filter(([, [, read]]) => read !== null))(
      "reads %s",
      async (_name, [given, read]) => {
        const { component, run, raw } = await begun(given);
        expect(await component.getSessionState()).toEqual(read);
        const seen: State[] = [];
        const { sessionState } = await run((state) => {
          seen.push(structuredClone(state));
          state.count += 1;
        });
        expect(seen[0]).toEqual(read);
        const count = ((read as State | null)?.count ?? 0) + 1;
        expect(sessionState).toEqual({ ...read, count });
        expect(await raw()).toEqual({ ...given, count });
      },
    );

    test.each(Object.entries(stored).filter(([, [, read]]) => read === null))(
      "refuses %s, and keeps it",
      async (_name, [given]) => {
        const { component, run, raw, db } = await begun(given);
        const error = { code: "SESSION_STATE_MISMATCH", sessionId: "s" };
        await expect(component.getSessionState()).rejects.toMatchObject(error);
        await expect(
          component.updateSessionState({ change: (state) => void (state.count += 1) }),
        ).rejects.toMatchObject(error);
        await expect(run(() => {})).rejects.toMatchObject(error);
        expect(await raw()).toEqual(given);
        expect((await db.getSession({ sessionId: "s" }))?.runs).toHaveLength(1);
        const mended = { count: 1, cart: { items: [] } };
        expect(await component.updateSessionState({ change: mended })).toMatchObject(mended);
        expect((await run((state) => void (state.count += 1))).sessionState).toMatchObject({ count: 2 });
      },
    );

    test.each(Object.entries(stored).filter(([, [, read]]) => read === null))(
      "takes %s for the initial state, when told to, and stores that once it changes",
      async (_name, [given]) => {
        const options = { onInvalidSessionState: "reset", sessionState: { count: 5 } } as const;
        const { component, run, raw } = await begun(given, options);
        const initial = { count: 5, cart: { items: [] } };
        expect(await component.getSessionState()).toEqual(initial);
        expect(await raw()).toEqual(given);
        await run((state) => void (state.count += 1));
        expect(await component.getSessionState()).toEqual({ ...initial, count: 6 });
        expect((await raw())?.["count"]).toBe(6);
      },
    );

    test("refuses a change that does not fit, and keeps the answer", async () => {
      const { component, run, raw, db } = await begun({ count: 1 });
      const broken = (state: State): void => void Object.assign(state, { count: "many" });
      await expect(component.updateSessionState({ change: broken })).rejects.toMatchObject({
        code: "INVALID_ARGUMENT",
        argument: "change",
      });
      // A tool's error is the model's to handle, a step's ends the workflow.
      const outcome = await run(broken).catch((error: unknown) => error);
      expect(outcome).toMatchObject(kind === "workflow" ? { argument: "change" } : { sessionState: { count: 1 } });
      expect(await raw()).toEqual({ count: 1 });
      const { runs = [] } = (await db.getSession({ sessionId: "s" })) ?? {};
      expect(runs.at(-1)?.status).toBe(kind === "workflow" ? "ERROR" : "COMPLETED");
    });
  });
});

/** An agent whose only tool changes the state. */
function counting(sessionStateSchema: StandardSchemaV1<unknown, JsonObject>, db: SessionDb) {
  let change = (_state: JsonObject): void => {};
  const { model, tools } = modelThatChanges(() => change);
  const agent = new Agent({ id: "one", db, sessionId: "s", model, tools, sessionStateSchema });
  return {
    agent,
    run: (given: typeof change) => {
      change = given;
      return agent.run("Count");
    },
  };
}

/** A session with this state, as another program left it. */
async function withState(state: JsonObject): Promise<SessionDb> {
  const db = new InMemorySessionDb();
  const before = new Agent({ id: "one", db, sessionId: "s", model: scriptedModel(["Hi."]) });
  await before.run("Hi", { sessionState: state });
  return db;
}

const renaming = z.preprocess(
  (value) => {
    const { count, ...rest } = value as { count?: number };
    return count === undefined ? value : { visits: count, ...rest };
  },
  z.object({ visits: z.number().default(0) }),
);
const renamedFirst = z.preprocess(
  (value) => ("count" in (value as object) ? { visits: (value as { count: number }).count } : value),
  z.object({ visits: z.number().default(0) }),
);

test.each([
  ["that prefers its new form", renaming],
  ["that prefers its old form", renamedFirst],
])("a schema %s reads the old form, and no later change is lost", async (_name, accepting) => {
  const db = await withState({ count: 5 });
  const { agent, run } = counting(accepting, db);
  const increment = (state: JsonObject): void => {
    state["visits"] = Number(state["visits"]) + 1;
  };
  for (const visits of [6, 7, 8]) {
    expect((await run(increment)).sessionState).toEqual({ visits });
    expect(await agent.getSessionState()).toEqual({ visits });
  }
  expect(await agent.updateSessionState({ change: increment })).toEqual({ visits: 9 });
  expect((await run(increment)).sessionState).toEqual({ visits: 10 });
});

test("a state holds what the schema returns, and nothing that it left out", async () => {
  const db = await withState({ scores: { ada: 1, bob: "x" }, theme: "loud" });
  const filtering: StandardSchemaV1<unknown, JsonObject> = {
    "~standard": {
      version: 1,
      vendor: "test",
      validate: (value) => {
        const { scores = {}, theme } = value as { scores?: object; theme?: string };
        const numbers = Object.entries(scores).filter(([, score]) => typeof score === "number");
        const known = theme === "dark" ? theme : "light";
        return { value: { scores: Object.fromEntries<number>(numbers), theme: known } };
      },
    },
  };
  const { agent, run } = counting(filtering, db);
  expect(await agent.getSessionState()).toEqual({ scores: { ada: 1 }, theme: "light" });
  const { sessionState } = await run((state) => void Object.assign(state["scores"] as object, { eve: 2 }));
  expect(sessionState).toEqual({ scores: { ada: 1, eve: 2 }, theme: "light" });
  expect(await agent.getSessionState()).toEqual(sessionState);
});

test("the state for one run may choose another form of a union", async () => {
  const step = z.discriminatedUnion("kind", [
    z.object({ kind: z.literal("a"), x: z.number() }),
    z.object({ kind: z.literal("b"), y: z.number() }),
  ]);
  const sessionStateSchema = z.object({ step: step.default({ kind: "a", x: 0 }) });
  const db = await withState({ step: { kind: "a", x: 1 }, theirs: 1 });
  const agent = new Agent({ id: "one", db, sessionId: "s", model: scriptedModel(["Done."]), sessionStateSchema });
  const changed = { step: { kind: "b" as const, y: 3 } };
  expect((await agent.run("Go", { sessionState: changed })).sessionState).toEqual(changed);
  expect(await agent.getSessionState()).toEqual(changed);
});

test("a schema that does not return unchanged what it has returned costs the change and not the answer", async () => {
  const db = new InMemorySessionDb();
  const { run } = counting(
    z.object({
      n: z
        .number()
        .default(0)
        .transform((n) => n + 1),
    }) as never,
    db,
  );
  await expect(run((state) => void (state["n"] = 5))).rejects.toMatchObject({ argument: "sessionStateSchema" });
  const session = await db.getSession({ sessionId: "s" });
  expect(session?.runs).toMatchObject([{ status: "COMPLETED", content: "Done." }]);
  expect(session?.sessionState).toEqual({});
});

test("a schema that throws refuses the state, and leaves no run RUNNING", async () => {
  const db = await withState({ mood: "bad" });
  const throwing: StandardSchemaV1<unknown, JsonObject> = {
    "~standard": {
      version: 1,
      vendor: "test",
      validate: (value) => {
        if ("mood" in (value as object)) {
          throw new Error("No moods.");
        }
        return { value: value as JsonObject };
      },
    },
  };
  const { agent, run } = counting(throwing, db);
  await expect(run(() => {})).rejects.toMatchObject({ code: "SESSION_STATE_MISMATCH", issues: ["No moods."] });
  await agent.deleteSession();
  const { sessionState } = await run((state) => void (state["mood"] = "good"));
  expect(sessionState).toEqual({});
  expect((await db.getSession({ sessionId: "s" }))?.runs).toMatchObject([{ status: "COMPLETED" }]);
});

describe.each(["team", "workflow"] as const)("inside a %s, an agent with a schema", (kind) => {
  const outer = (db: SessionDb, seen: unknown[]) => {
    const member = new Agent({
      id: "member",
      sessionStateSchema: schema,
      model: scriptedModel(["Counted."]),
      instructions: ({ sessionState, updateSessionState }) => {
        seen.push(structuredClone(sessionState));
        updateSessionState((state) => void (state.count += 1));
        return "Count.";
      },
    });
    const common = { id: "one", db, sessionId: "s" };
    const calls = [{ name: "delegate_task_to_member", input: { member_id: "member", task: "Count" } }];
    return kind === "team"
      ? new Team({ ...common, members: [member], model: scriptedModel([{ calls }, "Done."]) })
      : new Workflow({ ...common, steps: [member] });
  };
  const begun = async (state: JsonObject): Promise<SessionDb> => {
    const db = new InMemorySessionDb();
    const before = outer(db, []);
    await before.run("Hi", { sessionState: state });
    return db;
  };

  test("has the state with the defaults of the schema", async () => {
    const seen: unknown[] = [];
    const db = new InMemorySessionDb();
    const component = outer(db, seen);
    await component.run("Go", { sessionState: { theme: "dark" } });
    expect(seen).toEqual([{ theme: "dark", count: 0, cart: { items: [] } }]);
    expect(await component.getSessionState()).toEqual({ theme: "dark", count: 1, cart: { items: [] } });
  });

  test("does not run on a state that does not fit", async () => {
    const seen: unknown[] = [];
    const db = await begun({});
    const component = outer(db, seen);
    const outcome = await component
      .run("Go", { sessionState: { count: "many" } })
      .then(({ run }) => JSON.stringify(run), String);
    expect(outcome).toContain("does not fit sessionStateSchema at count");
    expect(seen).toEqual([]);
  });
});

test("a state changed in place that does not fit costs the change and not the answer", async () => {
  const db = new InMemorySessionDb();
  const agent = new Agent({
    model: scriptedModel([{ calls: [{ name: "spoil" }] }, "Done."]),
    db,
    sessionId: "s",
    sessionStateSchema: schema,
    tools: {
      spoil: tool({
        inputSchema: jsonSchema({ type: "object" }),
        execute: (_input, options) => {
          runContextOf(options).sessionState["count"] = "many";
          return "spoilt";
        },
      }),
    },
  });
  await expect(agent.run("Go")).rejects.toMatchObject({ code: "INVALID_ARGUMENT", argument: "change.sessionState" });
  const session = await db.getSession({ sessionId: "s" });
  expect(session?.runs).toMatchObject([{ status: "COMPLETED", content: "Done." }]);
  expect(session?.sessionState).toEqual({});
});

test("a state that another process spoils during a run costs the change and not the answer", async () => {
  const db = new InMemorySessionDb();
  const other = new Agent({ id: "one", model: scriptedModel([]), db, sessionId: "s" });
  const agent = new Agent({
    id: "one",
    model: scriptedModel(["First.", { calls: [{ name: "count" }] }, "Done."]),
    db,
    sessionId: "s",
    sessionStateSchema: schema,
    tools: {
      count: tool({
        inputSchema: jsonSchema({ type: "object" }),
        execute: async (_input, options) => {
          runContextOf(options).updateSessionState((state) => void (state["count"] = 1));
          await other.updateSessionState({ change: { count: "many" } });
          return "counted";
        },
      }),
    },
  });
  await agent.run("Go");
  await expect(agent.run("Count")).rejects.toMatchObject({ code: "SESSION_STATE_MISMATCH" });
  const session = await db.getSession({ sessionId: "s" });
  expect(session?.runs.at(-1)).toMatchObject({ status: "COMPLETED", content: "Done." });
  expect(session?.sessionState).toEqual({ count: "many" });
});

test("the state for one run must fit too, before the model is asked", async () => {
  const model = scriptedModel(["Never"]);
  const agent = new Agent({ model, db: new InMemorySessionDb(), sessionStateSchema: schema });
  const sessionState = { count: "many" } as unknown as { count: number };
  await expect(agent.run("Go", { sessionState })).rejects.toMatchObject({ argument: "sessionState" });
  expect(model.prompts).toHaveLength(0);
});

test.each<[string, object, string]>([
  ["no initial state where one is needed", { sessionStateSchema: z.object({ count: z.number() }) }, "sessionState"],
  ["an initial state that does not fit", { sessionStateSchema: schema, sessionState: { count: "0" } }, "sessionState"],
  ["a schema that is none", { sessionStateSchema: { parse: () => ({}) } }, "sessionStateSchema"],
  ["a schema of a list", { sessionStateSchema: z.any().transform(() => []) }, "sessionStateSchema"],
  [
    "a schema that takes its time",
    { sessionStateSchema: z.object({}).refine(async () => Promise.resolve(true)) },
    "sessionStateSchema",
  ],
  ["what to do with a wrong state, without a schema", { onInvalidSessionState: "reset" }, "onInvalidSessionState"],
])("refuses %s", (_name, options, argument) => {
  expect(() => new Agent({ model: scriptedModel([]), ...options })).toThrow(expect.objectContaining({ argument }));
});
