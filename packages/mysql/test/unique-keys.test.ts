import { MySqlSessionDb } from "@sessiondb/mysql";
import { agentRun, agentSession } from "@sessiondb/testing/models";
import { expect, test } from "vitest";
import { agno2DatabaseOf } from "./agno-2-rows.ts";
import { freshDatabase, onEachServer, query, withConnection, type TestedServer } from "./support.ts";

/** Rules that an application may make of unique keys, by the column that must not repeat. */
const runKeys: Readonly<Record<string, string>> = {
  "one running run per session": "if(status = 'RUNNING', session_id, null)",
  "one run per index": "concat(session_id, run_index * 0)",
  "one run per user": "user_id",
  "one run per status": "status",
};
const sessionKeys: Readonly<Record<string, string>> = {
  "one session per user": "user_id",
  "one session per agent": "agent_id",
};

function uniqueKey({ name }: TestedServer, table: string, expression: string): string {
  return name === "mysql"
    ? `create unique index more_unique on ${table} ((cast(${expression} as char(128))))`
    : `alter table ${table} add column more varchar(128) as (${expression}) virtual, add unique key more_unique (more)`;
}

const rowsOf = async (url: string): Promise<unknown[]> => [
  await query(url, "select * from agno_sessions order by session_id"),
  await query(url, "select * from agno_runs order by run_id"),
];

const user = { userId: "ada" } as const;
const running = (runId: string, content = "An answer") => agentRun(runId, { status: "RUNNING", content, ...user });

type Write = (db: MySqlSessionDb) => Promise<unknown>;

/** Every way to write a run `r2` of the session `s`, which has a run `r1` that differs in nothing but its id. */
const runWrites: Readonly<Record<string, Write>> = {
  "a turn": (db) => db.upsertRun({ session: agentSession("s", user), run: running("r2", "Another") }),
  "a turn with a change": (db) =>
    db.upsertRun({ session: agentSession("s", user), run: running("r2", "Another"), change: { sessionName: "Trip" } }),
  "a turn that replaces the end": (db) =>
    db.upsertRun({ session: agentSession("s", user), run: running("r2", "Another"), deleteRunsAfter: "r1" }),
  "a turn with a condition": (db) =>
    db.upsertRun({ session: agentSession("s", user), run: running("r2", "Another"), onlyIfExists: "session" }),
  "a whole session": (db) =>
    db.upsertSession(agentSession("s", { ...user, runs: [running("r2", "Another")] } as object)),
  "many sessions": (db) =>
    db.upsertSessions([
      agentSession("a", {}),
      agentSession("s", { ...user, runs: [running("r2", "Another")] } as object),
    ]),
};

/** A run that is stored and collides with another one once it changes. */
const runChanges: Readonly<Record<string, Write>> = {
  "a turn that repeats a run": (db) =>
    db.upsertRun({ session: agentSession("s", user), run: running("r2", "Another") }),
  updateRun: (db) => db.updateRun({ runId: "r2" }, (stored) => ({ ...stored, status: "RUNNING", ...user })),
};

const sessionWrites: Readonly<Record<string, Write>> = {
  "a first turn": (db) => db.upsertRun({ session: agentSession("s2", user), run: agentRun("other") }),
  upsertSession: (db) => db.upsertSession(agentSession("s2", user)),
  upsertSessions: (db) =>
    db.upsertSessions([agentSession("s3", { agentId: "x", userId: "y" }), agentSession("s2", user)]),
  "a further session of a turn": (db) =>
    db.upsertRun({
      session: agentSession("s", user),
      run: agentRun("other"),
      also: [{ session: agentSession("s2", user), change: { sessionName: "Trip" } }],
    }),
  adopting: async (db) => db.upsertSession(agentSession("unowned", { ...user, agentId: "agent-1" })),
};

/** A refusal by a typed error that quotes nothing, after which nothing is changed. */
async function expectRefused(
  url: string,
  write: Write,
  settle: (db: MySqlSessionDb) => Promise<unknown>,
): Promise<void> {
  await using db = new MySqlSessionDb({ url });
  await settle(db);
  const before = await rowsOf(url);
  const outcome: unknown = await write(db).then(
    () => "acknowledged",
    (error: unknown) => error,
  );
  expect(outcome).toMatchObject({ code: "DATABASE_ERROR" });
  const { message, cause } = outcome as Error;
  expect(message).toMatch(/unique key/);
  expect(message + String(cause)).not.toMatch(/RUNNING|Another/);
  expect(await rowsOf(url)).toEqual(before);
}

onEachServer((server) => {
  test.each(Object.keys(runKeys))("%s: a write that would replace another run is refused", async (name) => {
    const url = await freshDatabase(server.url);
    await using db = new MySqlSessionDb({ url });
    await db.migrate();
    await query(url, uniqueKey(server, "agno_runs", runKeys[name] ?? ""));
    const settle = async (): Promise<void> => {
      await withConnection(url, (on) => on.query("delete from agno_runs; delete from agno_sessions"));
      await db.upsertRun({ session: agentSession("s", user), run: running("r1") });
    };
    for (const write of Object.values(runWrites)) {
      await expectRefused(url, write, settle);
    }
    if (name !== "one run per index") {
      for (const write of Object.values(runChanges)) {
        await expectRefused(url, write, async () => {
          await settle();
          await db.upsertRun({
            session: agentSession("s", user),
            run: agentRun("r2", { status: "PAUSED", userId: "ben" }),
          });
        });
      }
    }
    // What the key lets through is written.
    await settle();
    await db.upsertRun({ session: agentSession("s", user), run: running("r1", "Replaced") });
    expect((await db.getSession({ sessionId: "s" }))?.runs.map(({ content }) => content)).toEqual(["Replaced"]);
  });

  test.each(Object.keys(sessionKeys))("%s: a write that would replace another session is refused", async (name) => {
    const url = await freshDatabase(server.url);
    await using db = new MySqlSessionDb({ url });
    await db.migrate();
    await query(url, uniqueKey(server, "agno_sessions", sessionKeys[name] ?? ""));
    const settle = async (): Promise<void> => {
      await withConnection(url, (on) => on.query("delete from agno_runs; delete from agno_sessions"));
      await db.upsertSession(agentSession("s", user));
      if (name === "one session per user") {
        await db.upsertSession(agentSession("unowned"));
      }
    };
    for (const [way, write] of Object.entries(sessionWrites)) {
      if (way !== "adopting" || name === "one session per user") {
        await expectRefused(url, write, settle);
      }
    }
  });

  test("copying the runs of Agno 2 replaces no other run", async () => {
    const runs = [
      { run_id: "r1", agent_id: "a", status: "RUNNING", content: "One" },
      { run_id: "r2", agent_id: "a", status: "RUNNING", content: "Two" },
    ];
    const columns = { session_id: "s", session_type: "agent", agent_id: "a", created_at: 1 };
    const url = await agno2DatabaseOf(server, [{ ...columns, runs } as never]);
    await using db = new MySqlSessionDb({ url });
    await db.migrate();
    await query(url, uniqueKey(server, "agno_runs", runKeys["one running run per session"] ?? ""));
    await expectRefused(
      url,
      (store) => store.migrateLegacyRuns(),
      async () => {},
    );
  });
});
