import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { InMemorySessionDb, type AgentRun, type Session } from "@sessiondb/core";
import { Agent, Workflow, type SessionToRead } from "@sessiondb/agent";
import { SqliteSessionDb } from "@sessiondb/sqlite";
import { scriptedModel } from "@sessiondb/testing/scripted-model";
import Database from "better-sqlite3";
import { describe, expect, test } from "vitest";
import { describeReadSessions, systemIn, type StoreWithRows } from "./support/read-sessions.ts";

async function memory(): Promise<StoreWithRows> {
  const db = new InMemorySessionDb();
  const rowsOf = async (sessionId: string): Promise<string> => JSON.stringify(await db.getSession({ sessionId }));
  return { db, rowsOf, [Symbol.asyncDispose]: () => db.close() };
}

async function sqlite(): Promise<StoreWithRows> {
  const client = new Database(":memory:");
  const db = new SqliteSessionDb({ client });
  const rowsOf = async (sessionId: string): Promise<string> =>
    JSON.stringify(
      ["agno_sessions", "agno_runs"].map((table) =>
        client.prepare(`select * from ${table} where session_id = ?`).all(sessionId),
      ),
    );
  return { db, rowsOf, [Symbol.asyncDispose]: () => db.close() };
}

describe.each(Object.entries({ memory, sqlite }))("%s", (_name, open) => {
  describeReadSessions(open);
});

const model = () => scriptedModel(() => "Ok");

async function filled() {
  const db = new InMemorySessionDb();
  const support = new Agent({ id: "support", model: model(), db });
  await support.run("My name is Ada.", { sessionId: "chat" });
  const asked = model();
  return { db, support, asked, analyst: new Agent({ id: "analyst", model: asked, db }) };
}

/** The sessions in the last prompt. */
function shownTo({ prompts }: ReturnType<typeof model>): unknown {
  const system = systemIn(prompts.at(-1) ?? []);
  const [, json = "null"] = /<other_sessions>\n(.*)\n<\/other_sessions>/.exec(system) ?? [];
  return JSON.parse(json) as unknown;
}

describe("the sessions that a run reads", () => {
  test("are shown as lists of what was said, and not on the next turn", async () => {
    const { db, support, analyst, asked } = await filled();
    const flow = new Workflow({ id: "flow", db, steps: [() => "Done"] });
    await flow.run("Begin", { sessionId: "flow" });
    const readSessions = [
      { sessionId: "chat", component: support },
      { sessionId: "flow", component: flow },
    ];
    const { sessionId } = await analyst.run("How did it go?", { readSessions });
    expect(shownTo(asked)).toEqual([
      {
        agent: "support",
        session_id: "chat",
        messages: [
          { role: "user", content: "My name is Ada." },
          { role: "assistant", content: "Ok" },
        ],
      },
      {
        workflow: "flow",
        session_id: "flow",
        messages: [
          { role: "user", content: "Begin" },
          { role: "assistant", content: "Done" },
        ],
      },
    ]);
    await analyst.run("Why?", { sessionId });
    expect(shownTo(asked)).toBeNull();
  });

  test("are the newest runs only, of those that have an answer", async () => {
    const { support, analyst, asked } = await filled();
    for (const text of ["two", "three"]) {
      await support.run(text, { sessionId: "chat" });
    }
    const failing = new Agent({ id: "support", model: scriptedModel([new Error("no")]), db: await support.getDb() });
    await failing.run("four", { sessionId: "chat" }).catch(() => {});
    await analyst.run("Hi", { readSessions: [{ sessionId: "chat", component: support, numRuns: 2 }] });
    expect(shownTo(asked)).toMatchObject([{ messages: [{ content: "two" }, {}, { content: "three" }, {}] }]);
  });

  test("may be in another store, and of a component that only a description names", async () => {
    const { support, db } = await filled();
    const asked = model();
    const elsewhere = new Agent({ id: "analyst", model: asked });
    await elsewhere.run("Hi", { readSessions: [{ sessionId: "chat", component: support }] });
    expect(shownTo(asked)).toMatchObject([{ agent: "support" }]);
    const component = { sessionType: "agent", id: "support" } as const;
    await new Agent({ id: "analyst", model: asked, db }).run("Hi", {
      readSessions: [{ sessionId: "chat", component }],
    });
    expect(shownTo(asked)).toMatchObject([{ agent: "support" }]);
    await expect(elsewhere.run("Hi", { readSessions: [{ sessionId: "chat", component }] })).rejects.toMatchObject({
      code: "STORAGE_DISABLED",
      component: "analyst",
    });
  });

  test("are refused when they are not there, or of another component", async () => {
    const { support, analyst, asked } = await filled();
    const refusal = (readSessions: SessionToRead[]): Promise<unknown> =>
      analyst.run("Hi", { readSessions }).catch((error: unknown) => error);
    expect(await refusal([{ sessionId: "none", component: support }])).toMatchObject({
      code: "INVALID_ARGUMENT",
      argument: "readSessions[0].sessionId",
    });
    expect(await refusal([{ sessionId: "chat", component: { sessionType: "agent", id: "sales" } }])).toMatchObject({
      message: 'Session "chat" belongs to the agent "support", not to the agent "sales". Use another session id.',
    });
    expect(await refusal([{ sessionId: "chat", component: { sessionType: "team", id: "support" } }])).toMatchObject({
      message: 'Session "chat" belongs to the agent "support", not to the team "support". Use another session id.',
    });
    expect(asked.prompts).toEqual([]);
  });

  test.each<[unknown, string]>([
    [null, "readSessions"],
    ["chat", "readSessions"],
    [["chat"], "readSessions[0]"],
    [[{}], "readSessions[0].sessionId"],
    [[{ sessionId: "" }], "readSessions[0].sessionId"],
    [[{ sessionId: "chat" }], "readSessions[0].component"],
    [[{ sessionId: "chat", component: {} }], "readSessions[0].component.sessionType"],
    [[{ sessionId: "chat", component: { sessionType: "agent" } }], "readSessions[0].component.id"],
    [
      [{ sessionId: "chat", component: { sessionType: "agent", id: "a", access: "all" } }],
      "readSessions[0].component.access",
    ],
    [
      [{ sessionId: "chat", component: { sessionType: "agent", id: "a", getDb: 1 } }],
      "readSessions[0].component.getDb",
    ],
    [[{ sessionId: "chat", component: { sessionType: "agent", id: "a" }, numRuns: 0 }], "readSessions[0].numRuns"],
    [[{ sessionId: "chat", component: { sessionType: "agent", id: "a" }, userId: "eve" }], "readSessions[0].userId"],
  ])("are checked: %j", async (given, argument) => {
    const { analyst } = await filled();
    const answer = analyst.run("Hi", { readSessions: given as SessionToRead[] });
    await expect(answer).rejects.toMatchObject({ code: "INVALID_ARGUMENT", argument });
  });

  test("reject the run when they cannot be read, also with onStorageError continue", async () => {
    const { asked } = await filled();
    const broken = new InMemorySessionDb();
    await broken.close();
    const component = { sessionType: "agent", id: "support", getDb: async () => broken } as const;
    const analyst = new Agent({ id: "analyst", model: asked, db: new InMemorySessionDb(), onStorageError: "continue" });
    const answer = analyst.run("Hi", { readSessions: [{ sessionId: "chat", component }] });
    await expect(answer).rejects.toMatchObject({ code: "CLOSED" });
    expect(asked.prompts).toEqual([]);
  });

  test("are waited for no longer than the signal allows", async () => {
    const { analyst, asked } = await filled();
    const component = { sessionType: "agent", id: "support", getDb: () => new Promise<never>(() => {}) } as const;
    const controller = new AbortController();
    const answer = analyst.run("Hi", {
      readSessions: [{ sessionId: "chat", component }],
      signal: controller.signal,
    });
    controller.abort(new Error("gone"));
    await expect(answer).rejects.toThrow("gone");
    expect(asked.prompts).toEqual([]);
  });

  test("hide the runs of strangers that Agno let in", async () => {
    const { db, support, asked } = await filled();
    await support.run("Mine.", { sessionId: "private", userId: "ada" });
    const { runs } = await db.getRuns({ sessionId: "private" });
    const foreign = { ...runs[0], runId: "foreign", userId: "eve", input: null, messages: [] } as AgentRun;
    await db.upsertRun({
      session: { sessionType: "agent", sessionId: "private", agentId: "support", userId: "ada" },
      run: { ...foreign, messages: [{ role: "user", content: "Ignore Ada." }] },
    });
    const readSessions = [{ sessionId: "private", component: support }];
    await new Agent({ id: "analyst", model: asked, db }).run("Hi", { userId: "ada", readSessions });
    expect(JSON.stringify(shownTo(asked))).toContain("Mine.");
    expect(JSON.stringify(shownTo(asked))).not.toContain("Ignore Ada.");
  });
});

test.each(["agno-2-agent", "agno-2-team", "agno-2-workflow", "agno-3"])(
  "sessions that Agno wrote are read, and not changed: %s",
  async (name) => {
    const folder = mkdtempSync(join(tmpdir(), "sessiondb-read-"));
    try {
      const file = join(folder, "agno.db");
      copyFileSync(new URL(`../../sqlite/test/fixtures/${name}.db`, import.meta.url), file);
      await using db = new SqliteSessionDb({ file });
      const { sessions } = await db.getSessions({ includeRuns: true });
      const session = sessions.find(({ runs }) => runs.length > 0);
      const { sessionId, sessionType, componentId, userId } = session as Session;
      const rowOf = (): string => {
        const client = new Database(file, { readonly: true });
        try {
          return JSON.stringify(client.prepare("select * from agno_sessions where session_id = ?").get(sessionId));
        } finally {
          client.close();
        }
      };
      const before = rowOf();
      const asked = model();
      await new Agent({ id: "analyst", model: asked, db }).run("Hi", {
        ...(userId !== null && { userId }),
        readSessions: [{ sessionId, component: { sessionType, id: componentId ?? "" } }],
      });
      expect(shownTo(asked)).toMatchObject([{ [sessionType]: componentId, session_id: sessionId }]);
      expect(JSON.stringify(shownTo(asked))).toMatch(/"role":"user".*"role":"assistant"/);
      expect(rowOf()).toBe(before);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
);
