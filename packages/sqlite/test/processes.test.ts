import { writeFileSync } from "node:fs";
import { SqliteSessionDb } from "@sessiondb/sqlite";
import { agentRun, agentSession } from "@sessiondb/testing/models";
import { runWorker, startWorker } from "@sessiondb/testing/worker";
import { expect, test } from "vitest";
import { program, query, temporaryFile, temporaryFolder } from "./support.ts";

const processes = ["a", "b", "c", "d"];
const runsEach = 250;
/** A process takes a second to start, and what happens then is the same for six of them. */
const starters = process.env["SESSIONDB_TEST_TIER"] === "slow" ? 16 : 6;

interface Place {
  session_id: string;
  run_id: string;
  run_index: number;
}

const places = (file: string) =>
  query<Place>(file, "select session_id, run_id, run_index from agno_runs order by session_id, run_index");

/** The runs of one process, in the order of their places, must be in the order in which it wrote them. */
function expectInOrder(found: readonly Place[], name: string): void {
  const own = found.filter(({ run_id }) => run_id.startsWith(`${name}-`)).map(({ run_id }) => run_id);
  expect(own).toEqual(Array.from({ length: runsEach }, (_, index) => `${name}-${index}`));
}

const numbers = (length: number) => Array.from({ length }, (_, index) => index);

test("processes that append to one session lose no run and number them densely", { timeout: 120_000 }, async () => {
  const file = temporaryFile();
  await Promise.all(processes.map((name) => runWorker(program("append-runs"), [file, "s", name, String(runsEach)])));
  const found = places(file);
  expect(found.map(({ run_index }) => run_index)).toEqual(numbers(processes.length * runsEach));
  for (const name of processes) {
    expectInOrder(found, name);
  }
  await using db = new SqliteSessionDb({ file });
  const session = await db.getSession({ sessionId: "s" });
  expect(session?.runs.map(({ runId }) => runId)).toEqual(found.map(({ run_id }) => run_id));
});

test("processes that append to separate sessions lose no run", { timeout: 120_000 }, async () => {
  const file = temporaryFile();
  await Promise.all(processes.map((name) => runWorker(program("append-runs"), [file, name, name, String(runsEach)])));
  const found = places(file);
  expect(found).toHaveLength(processes.length * runsEach);
  for (const name of processes) {
    const own = found.filter(({ session_id }) => session_id === name);
    expect(own.map(({ run_index }) => run_index)).toEqual(numbers(runsEach));
    expectInOrder(own, name);
  }
});

test("counters of several processes add up", { timeout: 120_000 }, async () => {
  const file = temporaryFile();
  await using db = new SqliteSessionDb({ file });
  await db.upsertSession(agentSession("s", { sessionData: { session_state: { counter: 5, kept: true } } }));
  await Promise.all(processes.map(() => runWorker(program("count-up"), [file, "s", "200"])));
  const session = await db.getSession({ sessionId: "s" });
  expect(session?.sessionState).toEqual({ counter: 805, kept: true });
});

test("fifty messages popped by five processes are fifty different ones", { timeout: 120_000 }, async () => {
  const file = temporaryFile();
  await using db = new SqliteSessionDb({ file });
  const messages = numbers(60).map((index) => ({ role: "user" as const, content: `Message ${index}` }));
  await db.upsertRun({ session: agentSession("s"), run: agentRun("r", { messages }) });
  const popped = await Promise.all(numbers(5).map(() => runWorker(program("pop-messages"), [file, "r", "10"])));
  const lines = popped.flatMap((output) => output.trim().split("\n"));
  expect(lines.map((line) => JSON.parse(line) as string).toSorted()).toEqual(
    messages
      .slice(10)
      .map(({ content }) => content)
      .toSorted(),
  );
  expect(await db.getRun({ runId: "r" })).toMatchObject({ messages: messages.slice(0, 10) });
});

test("any number of processes may start simultaneously on a new file", { timeout: 120_000 }, async () => {
  const folder = temporaryFolder();
  const rounds = 6;
  const workers = numbers(starters).map((index) =>
    startWorker(program("first-operation"), [folder, rounds, `run-${index}`]),
  );
  await Promise.all(workers.map((worker) => worker.said("ready")));
  for (const round of numbers(rounds)) {
    writeFileSync(`${folder}/go-${round}`, "");
  }
  for (const worker of workers) {
    await worker.ended;
    expect(worker.errors()).toBe("");
    expect(worker.lines).toEqual(["ready", ...numbers(rounds).map((round) => `done ${round}`)]);
  }
  for (const round of numbers(rounds)) {
    const file = `${folder}/${round}.db`;
    expect(places(file).map(({ run_index }) => run_index)).toEqual(numbers(starters));
    expect(query(file, "select * from agno_schema_versions")).toHaveLength(2);
    await using db = new SqliteSessionDb({ file, autoMigrate: false });
    expect(await db.planMigration()).toEqual([]);
  }
});
