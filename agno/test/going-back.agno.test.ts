import { setTimeout } from "node:timers/promises";
import type { ManagedSchema, SessionDb } from "@sessiondb/core";
import { expect, test } from "vitest";
import type { Agno } from "../src/agno.ts";
import { startAgno, withAgnoOnEach, type DatabaseName, type SharedDatabase } from "./support.ts";

// Agno's migrations and ours on one table that Agno 2 made, in every order, with runs that both sides write in between.

type Store = SessionDb & ManagedSchema & AsyncDisposable;

const start = 1_700_000_000;
const jsonTypes: Readonly<Record<DatabaseName, string>> = {
  sqlite: "JSON",
  postgres: "JSONB",
  mysql: "JSON",
  mariadb: "JSON",
};

/** A run as Agno 2 wrote it. */
function oldRun(runId: string, sessionId: string, createdAt: number): object {
  const messages = [
    { role: "user", content: `question of ${runId}`, created_at: createdAt },
    { role: "assistant", content: `answer of ${runId}`, created_at: createdAt },
  ];
  const ids = { run_id: runId, session_id: sessionId, agent_id: "bot", user_id: "ada" };
  return { ...ids, status: "COMPLETED", created_at: createdAt, content: `answer of ${runId}`, messages };
}

/** A sessions table of Agno 2.9: session `s` has two runs, `t` one, and `e` none. */
async function agno2Table(name: DatabaseName, { query }: SharedDatabase, table: string): Promise<void> {
  const json = jsonTypes[name];
  const documents = ["session_data", "agent_data", "team_data", "workflow_data", "metadata", "runs", "summary"];
  const ids = ["agent_id", "team_id", "workflow_id", "user_id"];
  await query(
    `create table ${table} (session_id varchar(128) not null primary key, session_type varchar(20) not null,
      ${ids.map((id) => `${id} varchar(128)`).join(", ")}, ${documents.map((each) => `${each} ${json}`).join(", ")},
      created_at bigint not null, updated_at bigint)`,
  );
  const sessions = {
    s: [oldRun("r1", "s", start), oldRun("r2", "s", start + 1)],
    t: [oldRun("q1", "t", start + 2)],
    e: [],
  };
  for (const [sessionId, runs] of Object.entries(sessions)) {
    const renamed = JSON.stringify(runs).replaceAll(/"(r1|r2|q1)"/g, `"${table} $1"`);
    await query(
      `insert into ${table} (session_id, session_type, agent_id, user_id, session_data, runs, created_at, updated_at)
       values ('${sessionId}', 'agent', 'bot', 'ada', '{}', '${renamed}', ${start}, ${start})`,
    );
  }
}

/** One table, both sides that work on it, and the runs that must be there. */
class Table {
  readonly name: string;
  readonly expected: Record<string, string[]>;
  readonly #agno: Agno;
  readonly #shared: SharedDatabase;
  readonly #there: string;
  /** A store that is open all the time, whatever happens to the tables under it. */
  readonly open: Store;
  /** Whether all runs have rows, so that Agno may drop the column, or write it anew from the rows. */
  #isCopied = false;
  #count = 0;
  /** What Agno's model was last shown: the questions of all runs, and its own. */
  shown = { questions: 1, runs: 0 };

  constructor({ name, agno, shared, there }: { name: string; agno: Agno; shared: SharedDatabase; there: string }) {
    this.name = name;
    this.expected = { s: [`${name} r1`, `${name} r2`], t: [`${name} q1`], e: [] };
    this.#agno = agno;
    this.#shared = shared;
    this.#there = there;
    this.open = shared.open(name);
  }

  readonly steps = {
    migrate: async () => {
      await using db = this.#shared.open(this.name);
      await db.migrateLegacyRuns();
      this.#isCopied = true;
    },
    up: async () => {
      await this.#agno.call("migrate", { db: this.#there, direction: "up" });
      this.#isCopied = true;
    },
    // What is not copied yet Agno itself would lose by these two.
    down: async () => {
      const force = this.#isCopied;
      await this.#agno.call("migrate", { db: this.#there, direction: "down", target_version: "2.5.6", force });
      this.#isCopied = false;
      // For so long a store relies on what it has seen of the tables.
      await setTimeout(100);
    },
    cleanup: async () => {
      if (this.#isCopied) {
        await this.#agno.db(this.#there, "cleanup_legacy_runs_column", { force: true });
      }
    },
    "our append": async () => {
      await using db = this.#shared.open(this.name);
      await this.#append(db);
    },
    "append by an open store": () => this.#append(this.open),
    "Agno's append": async () => {
      const scripts = { [this.name]: [{ text: "answer" }] };
      const { run, shown } = await this.#agno.run(this.name, "question", { session_id: "s", user_id: "ada", scripts });
      const questions = shown[this.name]?.[0]?.filter(({ role }) => role === "user") ?? [];
      this.shown = { questions: questions.length, runs: this.expected["s"]?.length ?? 0 };
      this.expected["s"]?.push(run["run_id"] as string);
    },
  };

  async #append(db: SessionDb): Promise<void> {
    this.#count += 1;
    const runId = `${this.name} ours ${this.#count}`;
    await db.upsertRun({
      session: { sessionType: "agent", sessionId: "s", agentId: "bot", userId: "ada" },
      run: {
        runType: "agent",
        runId,
        agentId: "bot",
        messages: [
          { role: "user", content: `question of ${runId}` },
          { role: "assistant", content: `answer of ${runId}` },
        ],
      },
    });
    this.expected["s"]?.push(runId);
  }

  /** The ids of the runs of each session, as each side reads them. */
  async read(): Promise<Record<string, unknown>> {
    await using fresh = this.#shared.open(this.name);
    const sides = { "a fresh store": await readBy(fresh), "an open store": await readBy(this.open) };
    const agno: Record<string, string[]> = {};
    for (const sessionId of Object.keys(this.expected)) {
      const found = await this.#agno.call("session", { db: this.#there, session_id: sessionId, session_type: "agent" });
      const { runs } = (found ?? {}) as { runs?: { run_id: string }[] };
      agno[sessionId] = (runs ?? []).map((each) => each.run_id);
    }
    return { ...sides, Agno: agno, problems: await fresh.verifySchema() };
  }
}

async function check(table: Table, after: string): Promise<void> {
  const { expected, shown } = table;
  const sides = { "a fresh store": expected, "an open store": expected, Agno: expected, problems: [] };
  expect([after, await table.read()]).toEqual([after, sides]);
  expect([after, shown.questions]).toEqual([after, shown.runs + 1]);
}

/** The ids of the runs of each session, by every way to read them. */
async function readBy(db: SessionDb): Promise<Record<string, string[]>> {
  const read: Record<string, string[]> = {};
  for (const sessionId of ["s", "t", "e"]) {
    const session = await db.getSession({ sessionId });
    const ids = session?.runs.map(({ runId }) => runId) ?? ["no session"];
    read[sessionId] = ids;
    expect((await db.getRuns({ sessionId })).runs.map(({ runId }) => runId)).toEqual(ids);
    const newest = await db.getSession({ sessionId, runsLimit: 2 });
    expect(newest?.runs.map(({ runId }) => runId)).toEqual(ids.slice(-2));
    const last = ids.at(-1);
    expect(last === undefined ? undefined : (await db.getRun({ runId: last }))?.runId).toBe(last);
  }
  const { sessions } = await db.getSessions({ includeRuns: true });
  expect(Object.fromEntries(sessions.map((each) => [each.sessionId, each.runs.map(({ runId }) => runId)]))).toEqual(
    read,
  );
  return read;
}

type Step = keyof Table["steps"];
const names: readonly Step[] = [
  "migrate",
  "up",
  "down",
  "cleanup",
  "our append",
  "append by an open store",
  "Agno's append",
];

/** A part of all orders of three steps, another one on each database. */
function sequencesOf(name: DatabaseName): Step[][] {
  const all = names.flatMap((first) => names.flatMap((second) => names.map((third) => [first, second, third])));
  const [of, from] = ({ sqlite: [6, 0], postgres: [26, 1], mysql: [26, 9], mariadb: [26, 17] } as const)[name];
  return all.filter((_, index) => index % of === from);
}

/** Whole lives of a table. */
const lives: readonly Step[][] = [
  ["our append", "migrate", "Agno's append", "down", "our append", "up", "cleanup", "Agno's append", "our append"],
  [
    "up",
    "our append",
    "cleanup",
    "down",
    "Agno's append",
    "append by an open store",
    "migrate",
    "cleanup",
    "down",
    "up",
  ],
  [
    "migrate",
    "append by an open store",
    "down",
    "append by an open store",
    "migrate",
    "down",
    "Agno's append",
    "up",
    "our append",
  ],
  [
    "Agno's append",
    "up",
    "down",
    "migrate",
    "cleanup",
    "our append",
    "down",
    "up",
    "append by an open store",
    "Agno's append",
  ],
];

withAgnoOnEach((name, fresh) => {
  const agno = startAgno();

  test("migrations by either side, in any order, lose and misplace nothing", { timeout: 120_000 }, async () => {
    const shared = await fresh();
    for (const [index, sequence] of [...lives, ...sequencesOf(name)].entries()) {
      const table = `t${index}`;
      await agno2Table(name, shared, table);
      const there = await shared.openIn(agno, { session_table: table });
      await agno.call("agent", { name: table, db: there, add_history_to_context: true, num_history_runs: 100 });
      const both = new Table({ name: table, agno, shared, there });
      await check(both, `${table}: nothing yet`);
      const done: Step[] = [];
      for (const step of sequence) {
        done.push(step);
        await both.steps[step]();
        await check(both, `${table}: ${done.join(", ")}`);
      }
      await both.open.close();
    }
  });

  test("migrateLegacyRuns repairs positions that Agno assigned twice", { timeout: 60_000 }, async () => {
    const shared = await fresh();
    await agno2Table(name, shared, "twice");
    const there = await shared.openIn(agno, { session_table: "twice" });
    // Without a place of its own the run gets the first, for Agno counts the rows alone.
    const run = { ...oldRun("new", "s", start + 9), run_id: "new" };
    await agno.db(there, "upsert_run", { run, session_id: "s", user_id: "ada" });
    await agno.call("migrate", { db: there, direction: "up" });
    const places = async () =>
      (
        await shared.query(
          "select run_id, run_index from twice_runs where session_id = 's' order by run_index, created_at",
        )
      ).map((row) => `${String(row["run_id"])}@${String(row["run_index"])}`);
    expect(await places()).toEqual(["twice r1@0", "new@0", "twice r2@1"]);
    await using db = shared.open("twice");
    const read = async () => (await db.getSession({ sessionId: "s" }))?.runs.map(({ runId }) => runId);
    const inOrder = ["twice r1", "twice r2", "new"];
    expect(await read()).toEqual(inOrder);
    await db.migrateLegacyRuns();
    expect(await places()).toEqual(["twice r1@0", "twice r2@1", "new@2"]);
    await agno.db(there, "cleanup_legacy_runs_column", { force: true });
    expect(await read()).toEqual(inOrder);
    const { runs } = (await agno.call("session", { db: there, session_id: "s", session_type: "agent" })) as {
      runs: { run_id: string }[];
    };
    expect(runs.map((each) => each.run_id)).toEqual(inOrder);
  });
});
