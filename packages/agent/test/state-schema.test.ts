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
    { count: 2, by: "agno", cart: { items: [], note: "x" } },
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
        const after = { ...read, count: ((read as State | null)?.count ?? 0) + 1 };
        expect(sessionState).toEqual(after);
        expect(await raw()).toEqual(after);
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
        expect(await raw()).toEqual({ ...initial, count: 6 });
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
