import { InMemorySessionDb, type Run, type Session, type SessionDb, type SessionInit } from "@sessiondb/core";
import { SqliteSessionDb } from "@sessiondb/sqlite";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Agent, Team, Workflow } from "@sessiondb/agent";
import { agentFields, sessionFields, teamFields, workflowFields } from "./support/complete-models.ts";
import { scriptedModel } from "@sessiondb/testing/scripted-model";

// Whatever writes to a session or a run that is stored keeps all that it does not write itself, whoever wrote that.

const stores: Record<string, () => SessionDb> = {
  memory: () => new InMemorySessionDb(),
  SQLite: () => new SqliteSessionDb({ file: ":memory:" }),
};
const kinds = ["agent", "team", "workflow"] as const;
type Kind = (typeof kinds)[number];

const runFields = {
  agent: fc.record(agentFields, { requiredKeys: [] }),
  team: fc.record(teamFields, { requiredKeys: [] }),
  workflow: fc.record(workflowFields, { requiredKeys: [] }),
} as const;

/** A session with a run that has ended, one that is part of it, and one that a dead process left. */
function sessionOf(kind: Kind): fc.Arbitrary<SessionInit> {
  const identity = { runType: kind, [`${kind}Id`]: "one", userId: "ada", createdAt: 1 };
  return fc
    .tuple(fc.record(sessionFields, { requiredKeys: [] }), runFields[kind], runFields[kind], runFields[kind])
    .map(
      ([fields, ended, member, left]) =>
        ({
          ...fields,
          sessionId: "s",
          sessionType: kind,
          [`${kind}Id`]: "one",
          userId: "ada",
          runs: [
            { ...ended, ...identity, runId: "ended", parentRunId: null, status: "COMPLETED" },
            { ...member, ...identity, runId: "member", parentRunId: "ended", status: "COMPLETED" },
            { ...left, ...identity, runId: "left", parentRunId: null, status: "RUNNING" },
          ],
        }) as SessionInit,
    );
}

type Component = Agent | Team | Workflow;
const scope = { sessionId: "s", userId: "ada" };

function componentOf(
  kind: Kind,
  db: SessionDb,
  options: { sessionSummaries?: boolean; awaitSummaries?: boolean } = {},
): Component {
  const model = scriptedModel(() => JSON.stringify({ summary: "New", topics: [] }));
  const common = { id: "one", db, addHistoryToContext: false };
  switch (kind) {
    case "agent":
      return new Agent({ ...common, ...options, model });
    case "team":
      return new Team({ ...common, ...options, model, members: [new Agent({ id: "member", model })] });
    case "workflow":
      return new Workflow({ id: "one", db, steps: [() => "Done"] });
  }
}

/** What a writer may change: the others must be as they were. */
interface Owned {
  readonly session?: readonly (keyof Session)[];
  readonly data?: readonly string[];
  /** Of the run that a dead process left. */
  readonly left?: readonly string[];
}

interface Writer {
  readonly owns: Owned;
  readonly kinds?: readonly Kind[];
  readonly write: (component: Component, db: SessionDb, kind: Kind) => Promise<unknown>;
}

/** A turn closes the run that was left, and counts tokens. */
const turn: Owned = { data: ["session_metrics"], left: ["status", "content"] };

const writers: Record<string, Writer> = {
  run: { owns: turn, write: (component) => component.run("Hi", scope) },
  stream: {
    owns: turn,
    write: async (component) => (await component.stream("Hi", scope)).result,
  },
  "a run that changes the state": {
    owns: { ...turn, data: ["session_metrics", "session_state"] },
    write: (component) => component.run("Hi", { ...scope, sessionState: { added: 1 } }),
  },
  "a run with a summary": {
    owns: { ...turn, session: ["summary"], data: ["session_metrics", "summarized_runs"] },
    kinds: ["agent", "team"],
    write: (_component, db, kind) =>
      componentOf(kind, db, { sessionSummaries: true, awaitSummaries: true }).run("Hi", scope),
  },
  renameSession: {
    owns: { data: ["session_name"] },
    write: (component) => component.renameSession({ ...scope, sessionName: "New" }),
  },
  "renameSession from its content": {
    owns: { data: ["session_name"] },
    write: (component) => component.renameSession({ ...scope, autogenerate: true }),
  },
  updateSessionState: {
    owns: { data: ["session_state"] },
    write: (component) => component.updateSessionState({ ...scope, change: { added: 1 } }),
  },
  "the store's updateRun": {
    owns: { left: ["status"] },
    write: (_component, db) => db.updateRun({ runId: "left" }, (run) => ({ ...run, status: "ERROR" })),
  },
  "the store's updateSession": {
    owns: { session: ["metadata"] },
    write: (_component, db) => db.updateSession({ sessionId: "s" }, { metadata: { new: true } }),
  },
  "the store's upsertSession": {
    owns: { session: ["metadata"] },
    write: (_component, db, kind) =>
      db.upsertSession({ sessionId: "s", sessionType: kind, userId: "ada", metadata: { new: true } }),
  },
  "the store's upsertRun of another run": {
    owns: {},
    write: (_component, db, kind) =>
      db.upsertRun({
        session: { sessionId: "s", sessionType: kind, userId: "ada", metadata: { new: true } },
        run: { runType: kind, runId: "new", [`${kind}Id`]: "one", content: "New" },
      }),
  },
};

const without = (object: object, keys: readonly string[]): object =>
  Object.fromEntries(Object.entries(object).filter(([key]) => !keys.includes(key)));

/** A session as far as a writer may not change it; an absent component's data it may fill in. */
function kept(session: Session, { session: fields = [], data = [], left = [] }: Owned, before: Session): object {
  const filled = before[`${before.sessionType}Data`] === null ? [`${before.sessionType}Data`] : [];
  return {
    ...without(session, ["runs", "sessionData", "updatedAt", ...fields, ...filled]),
    sessionData: without(session.sessionData, data),
    runs: session.runs.slice(0, 3).map((run) => without(run, run.runId === "left" ? left : [])),
  };
}

async function stored(db: SessionDb, sessionId = "s"): Promise<Session> {
  const session = await db.getSession({ sessionId });
  expect(session).not.toBeNull();
  return session as Session;
}

/** Of each writer in each store; every time other models. A failure prints the seed that repeats it. */
const numRuns = 4;

describe.each(Object.keys(stores))("in %s", (store) => {
  const open = stores[store] as () => SessionDb;

  describe.each(kinds)("a session of kind %s", (kind) => {
    const names = Object.keys(writers).filter((name) => writers[name]?.kinds?.includes(kind) !== false);

    test.each(names)("keeps every field that we do not write: %s", { timeout: 30_000 }, async (name) => {
      const { owns, write } = writers[name] as Writer;
      await fc.assert(
        fc.asyncProperty(sessionOf(kind), async (session) => {
          await using db = open();
          await db.upsertSession(session);
          const before = await stored(db);
          await write(componentOf(kind, db), db, kind);
          expect(kept(await stored(db), owns, before)).toEqual(kept(before, owns, before));
        }),
        { numRuns },
      );
    });

    test("is copied completely by a fork", { timeout: 30_000 }, async () => {
      await fc.assert(
        fc.asyncProperty(sessionOf(kind), async (session) => {
          await using db = open();
          await db.upsertSession(session);
          // What may still continue is not copied.
          await db.updateRun({ runId: "left" }, (run) => ({ ...run, status: "COMPLETED" }));
          const before = await stored(db);
          const fork = await componentOf(kind, db).forkSession(scope);
          const copy = await stored(db, fork?.sessionId);
          const own = ["sessionId", "createdAt", "updatedAt", "runs", "sessionData"];
          expect(without(copy, own)).toEqual(without(before, own));
          expect(copy.sessionData).toEqual({ ...before.sessionData, forked_from_session_id: "s" });
          expect(withoutIds(copy.runs)).toEqual(withoutIds(before.runs));
          expect(await stored(db)).toEqual(before);
        }),
        { numRuns },
      );
    });
  });
});

/** Leaves out the ids of runs, also of those inside them. */
function withoutIds(runs: readonly Run[]): unknown {
  const ids = /^((parent|forkedFrom|child|step)?run|(forkedFrom)?session)Id$|^regeneratedFrom$/i;
  return JSON.parse(JSON.stringify(runs, (key, value: unknown) => (ids.test(key) ? undefined : value)));
}
