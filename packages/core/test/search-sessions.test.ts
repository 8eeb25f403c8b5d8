import { InMemorySessionDb, type Run } from "@sessiondb/core";
import type { RunListQuery } from "@sessiondb/core/adapter";
import { expect, test } from "vitest";

const said = (runId: string, content: Run["content"] = "tea"): Run => ({ runType: "agent", runId, content });

/** A store that tells how many runs each read asks for, and does something before it. */
class Watched extends InMemorySessionDb {
  readonly asked: number[] = [];
  before: (read: number) => unknown = () => null;

  protected override async listRuns(query: RunListQuery) {
    this.asked.push(query.limit);
    await this.before(this.asked.length);
    return super.listRuns(query);
  }
}

async function filled(count: number): Promise<Watched> {
  const db = new Watched();
  const runs = Array.from({ length: count }, (_, index) => said(`r${index}`));
  await db.upsertSession({ sessionType: "agent", sessionId: "s", agentId: "a", userId: "ada", runs });
  return db;
}

test("few runs are in memory at once, and none is read that could not be returned", async () => {
  await using db = await filled(100);
  await db.searchSessions({ text: "coffee", maxRuns: 25 });
  expect(db.asked).toEqual([10, 10, 5]);
  db.asked.length = 0;
  const { hits } = await db.searchSessions({ text: "tea", limit: 12 });
  expect([db.asked, hits.length]).toEqual([[10, 2], 12]);
});

test("a search stops between its reads when its signal aborts", async () => {
  await using db = await filled(100);
  const controller = new AbortController();
  const reason = new Error("enough");
  db.before = (read) => read === 3 && controller.abort(reason);
  await expect(db.searchSessions({ text: "coffee", signal: controller.signal })).rejects.toBe(reason);
  expect(db.asked).toHaveLength(3);
});

test("closing waits for the whole search", async () => {
  const db = await filled(100);
  let closing: Promise<void> | undefined;
  db.before = (read) => {
    if (read === 2) {
      closing = db.close();
    }
  };
  expect((await db.searchSessions({ text: "coffee" })).runsSearched).toBe(100);
  await closing;
});

test("a run that is deleted during the search hides none, and doubles none", async () => {
  await using db = await filled(30);
  db.before = (read) => read === 2 && db.deleteRuns({ runIds: ["r20"] });
  const { hits, nextCursor } = await db.searchSessions({ text: "tea" });
  expect(hits.map(({ runId }) => runId).toSorted()).toEqual(Array.from({ length: 30 }, (_, i) => `r${i}`).toSorted());
  expect(nextCursor).toBeNull();
});

test("a session that is deleted during the search ends its part of it", async () => {
  await using db = await filled(30);
  await db.upsertSession({
    sessionType: "agent",
    sessionId: "older",
    agentId: "a",
    userId: "ada",
    updatedAt: 1,
    runs: [said("old")],
  });
  db.before = (read) => read === 2 && db.deleteSession({ sessionId: "s" });
  const { hits } = await db.searchSessions({ text: "tea" });
  expect(hits.at(-1)?.runId).toBe("old");
  expect(hits).toHaveLength(11);
});

test("content may be nested as deeply as stores accept", async () => {
  await using db = new InMemorySessionDb();
  let content: Run["content"] = "tea";
  for (let depth = 0; depth < 200; depth += 1) {
    content = depth % 2 === 0 ? [content] : { inner: content };
  }
  await db.upsertSession({ sessionType: "agent", sessionId: "s", agentId: "a", runs: [said("deep", content)] });
  expect((await db.searchSessions({ text: "TEA" })).hits).toMatchObject([{ runId: "deep", excerpt: "tea" }]);
});

test.each(["agent", "team", "workflow"] as const)(
  "the input and the output of a run of a %s are found",
  async (type) => {
    await using db = new InMemorySessionDb();
    const input = type === "workflow" ? { input: "The question" } : { input: { inputContent: "The question" } };
    const run = { runType: type, runId: "r", [`${type}Id`]: "a", content: "The answer", ...input } as Run;
    await db.upsertSession({ sessionType: type, sessionId: "s", [`${type}Id`]: "a", runs: [run] });
    for (const [text, role] of [
      ["question", "user"],
      ["answer", "assistant"],
    ]) {
      expect((await db.searchSessions({ text: text ?? "" })).hits).toMatchObject([
        { runId: "r", role, componentId: "a" },
      ]);
    }
  },
);
