import { InMemorySessionDb, type AgentRun, type SessionDb } from "@sessiondb/core";
import { describe, expect, test } from "vitest";
import { Agent, SessionSummaryManager, Team, type ModelComponentOptions } from "@sessiondb/agent";
import { scriptedModel, shown } from "@sessiondb/testing/scripted-model";
import { localStores, type OpenStore } from "./support/stores.ts";
import { watched } from "./support/watched-db.ts";
import { wordsIn, wordSummaries } from "./support/word-summaries.ts";

const member = new Agent({ id: "member", model: scriptedModel(() => "Helped.") });

const kinds = {
  agent: (options: ModelComponentOptions) => new Agent(options),
  team: (options: ModelComponentOptions) => new Team({ ...options, members: [member] }),
};

/** What a model was shown: in the summary, and in the history. */
function wordsShown(prompt: Parameters<typeof shown>[0] = []): { summary: string[]; history: string[] } {
  const lines = shown(prompt);
  return {
    summary: lines.filter((line) => line.startsWith("system")).flatMap(wordsIn),
    history: lines
      .slice(0, -1)
      .filter((line) => line.startsWith("user"))
      .flatMap(wordsIn),
  };
}

const managers: Readonly<Record<string, ConstructorParameters<typeof SessionSummaryManager>[0]>> = {
  "after each run": {},
  "every three runs": { every: 3 },
  "every twelve runs": { every: 12 },
  "every sixty tokens": { everyTokens: 60 },
};

/** When summaries succeed, by the number of the turn. */
const outcomes: Readonly<Record<string, (index: number) => boolean>> = {
  "always succeed": () => true,
  "always fail": () => false,
  "fail at times": (index) => index % 5 === 0,
  "fail from some time on": (index) => index < 6,
};

const turns = 16;

describe.each([
  ["an agent in memory", "memory", kinds.agent],
  ["a team in SQLite", "sqlite", kinds.team],
] as const)("%s", (_name, store, create) => {
  const cases = Object.entries(managers).flatMap(([when, options]) =>
    Object.entries(outcomes).flatMap(([outcome, succeeds]) =>
      [0, 2, 10].flatMap((numHistoryRuns) =>
        [true, false].map((withCovered) => ({ when, options, outcome, succeeds, numHistoryRuns, withCovered })),
      ),
    ),
  );
  test.each(cases)(
    "nothing falls between: summaries $when that $outcome, $numHistoryRuns runs, covered ones too: $withCovered",
    async ({ options, succeeds, numHistoryRuns, withCovered }) => {
      await using db = await (localStores[store] as OpenStore)();
      let index = 0;
      const model = scriptedModel(() => "Yes, of course.");
      const sessionSummaryManager = new SessionSummaryManager({
        ...options,
        model: wordSummaries(() => (succeeds(index) ? null : new Error("no"))),
      });
      const component = create({
        id: "a",
        db,
        model,
        sessionId: "s",
        numHistoryRuns,
        awaitSummaries: true,
        addSummarizedRunsToContext: withCovered,
        sessionSummaryManager,
      });
      // Without any summary, a turn reaches back as far as one may take that is under way.
      const least = Math.min(Math.max(sessionSummaryManager.every, 10), 100);
      const said: string[] = [];
      for (index = 0; index < turns; index += 1) {
        await component.run(`#r${index}`);
        const { summary, history } = wordsShown(model.prompts.at(-1));
        const lacking = said.filter((word) => !summary.includes(word)).slice(summary.length === 0 ? -least : 0);
        const newest = said.slice(Math.max(0, said.length - numHistoryRuns));
        expect(history, `turn ${index}`).toEqual(
          said.filter((word) => lacking.includes(word) || (withCovered && newest.includes(word))),
        );
        said.push(`r${index}`);
      }
    },
  );
});

const noSummary = () => scriptedModel(() => new Error("no"));

async function sessionOf(db: SessionDb, count: number): Promise<void> {
  const runs = Array.from({ length: count }, (_, index): AgentRun => ({
    runType: "agent",
    agentId: "a",
    runId: `r${index}`,
    status: "COMPLETED",
    messages: [
      { role: "user", content: `#r${index}` },
      { role: "assistant", content: "Yes." },
    ],
  }));
  await db.upsertSession({ sessionType: "agent", sessionId: "s", agentId: "a", runs });
}

describe("the reads of a turn", () => {
  const readsOf = async (options: Partial<ModelComponentOptions>, before: (db: SessionDb) => Promise<unknown>) => {
    const store = new InMemorySessionDb();
    await before(store);
    const { db, calls } = watched(store);
    const model = scriptedModel(() => "Yes.");
    const agent = new Agent({
      id: "a",
      db,
      model,
      sessionId: "s",
      onSummaryError: () => {},
      sessionSummaries: true,
      ...options,
    });
    await agent.run("Hi");
    await agent.idle();
    // Without those of the summary, which begins once the answer is stored.
    const reads = calls.slice(0, calls.lastIndexOf("upsertRun")).filter((name) => name.startsWith("get"));
    return { reads, shown: wordsShown(model.prompts[0]).history.length };
  };
  const covering = (ids: readonly string[]) => async (db: SessionDb) => {
    await sessionOf(db, 300);
    await db.updateSession(
      { sessionId: "s" },
      { summary: { summary: "So far" }, sessionData: { summarized_runs: { newest: [...ids], open: [] } } },
    );
  };

  test.each([
    { name: "the newest run is covered", before: covering(["r298", "r299"]), reads: 1, history: 2 },
    { name: "the newest but one is covered", before: covering(["r297", "r298"]), reads: 1, history: 2 },
    { name: "the summary ends where the history does", before: covering(["r297"]), reads: 1, history: 2 },
    { name: "the summary ends before", before: covering(["r200"]), reads: 2, history: 99 },
    { name: "the summary ends long before", before: covering(["r3"]), reads: 2, history: 100 },
    { name: "all that it names was deleted", before: covering(["gone"]), reads: 2, history: 100 },
    { name: "there is no summary", before: (db: SessionDb) => sessionOf(db, 300), reads: 2, history: 10 },
    { name: "there is no summary, and few runs", before: (db: SessionDb) => sessionOf(db, 2), reads: 1, history: 2 },
    { name: "the session is new", before: async () => {}, reads: 1, history: 0 },
  ])("$name", async ({ before, reads, history }) => {
    const found = await readsOf({ numHistoryRuns: 2 }, before);
    expect(found.reads).toEqual(["getSession", "getRuns"].slice(0, reads));
    expect(found.shown).toBe(history);
  });

  test.each([
    ["no history is wanted", { addHistoryToContext: false }],
    ["no summary is shown", { addSessionSummaryToContext: false, numHistoryRuns: 2 }],
    ["no summary is made", { sessionSummaries: undefined, addSessionSummaryToContext: true, numHistoryRuns: 2 }],
  ])("are no more if %s", async (_name, options) => {
    expect((await readsOf(options, covering(["r3"]))).reads).toEqual(["getSession"]);
  });
});

test("a read that fails is a storage error like another", async () => {
  const store = new InMemorySessionDb();
  await sessionOf(store, 300);
  const { db, failing } = watched(store);
  failing.add("getRuns");
  const model = scriptedModel(() => "Yes.");
  const options = { id: "a", db, model, sessionId: "s", numHistoryRuns: 2, onSummaryError: () => {} };
  const sessionSummaryManager = new SessionSummaryManager({ model: noSummary() });
  await expect(new Agent({ ...options, sessionSummaryManager }).run("Hi")).rejects.toThrow("getRuns fails");
  expect(model.prompts).toEqual([]);
  const lenient = new Agent({ ...options, sessionSummaryManager, onStorageError: "continue" });
  expect(await lenient.run("Hi")).toMatchObject({ text: "Yes.", storageError: { message: "getRuns fails" } });
  expect(wordsShown(model.prompts[0]).history).toEqual(["r298", "r299"]);
  await lenient.idle();
});
