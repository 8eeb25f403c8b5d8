import { SqliteSessionDb } from "@sessiondb/sqlite";
import { expectBoundedBatches, notedBatches } from "@sessiondb/testing/batches";
import { deleteFilters } from "@sessiondb/testing/list-filters";
import { agentRun, agentSession } from "@sessiondb/testing/models";
import { startWorker } from "@sessiondb/testing/worker";
import type Database from "better-sqlite3";
import { afterAll, beforeAll, expect, test } from "vitest";
import { largeDatabase, plansOf } from "./plans.ts";
import { program, temporaryFile } from "./support.ts";

const size = 20;
const batches = 4;

let client: Database.Database;
beforeAll(async () => {
  client = await largeDatabase();
}, 60_000);
afterAll(() => client.close());

test(
  "a delete by filter deletes a bounded number of rows and bytes in each transaction",
  { timeout: 60_000 },
  async () => {
    await using db = new SqliteSessionDb({ file: temporaryFile() });
    await expectBoundedBatches(db, 500);
  },
);

test("other processes that write to the file have their turns between the batches", { timeout: 120_000 }, async () => {
  const file = temporaryFile();
  await using db = new SqliteSessionDb({ file });
  await db.upsertSessions(
    Array.from({ length: 5000 }, (_, index) => ({
      ...agentSession(`b${index}`, { agentId: "gone", createdAt: 1000 + index }),
      runs: [0, 1, 2].map((each) => agentRun(`b${index}-${each}`, { agentId: "gone" })),
    })),
  );
  const worker = startWorker(program("append-forever"), [file, "w"]);
  await worker.said("w-1");
  const before = worker.lines.length;
  const noted = notedBatches(db);
  expect(await db.deleteSessions({ filter: { componentId: "gone" } })).toBe(5000);
  expect(worker.lines.length - before).toBeGreaterThan(noted.length / 4);
  await worker.kill();
});

test.each(Object.entries(deleteFilters))("by %s: each batch begins where the last one ended", async (_, options) => {
  const { userId, ...filter } = options;
  const plans = await plansOf(client, async () => {
    const db = new SqliteSessionDb({ client });
    const deleted = notedBatches(db, { limit: size, count: batches });
    await db.deleteSessions({ filter, ...(userId !== undefined && { userId }) });
    expect(deleted.length).toBeGreaterThan(0);
  });
  const pages = plans.filter(({ text }) => /^select.* limit /s.test(text));
  expect(pages.length).toBeGreaterThan(0);
  for (const { text, steps } of plans.filter((each) => each.text.startsWith("select"))) {
    const scans = steps.filter((step) => /^SCAN|TEMP B-TREE/.test(step) && !/USING (COVERING )?INDEX/.test(step));
    expect([text, scans]).toEqual([text, []]);
    // Each session is tested by an index that leads to it.
    const tests = steps.filter((step) => step.includes(" EXISTS "));
    expect([text, tests.filter((step) => !step.includes("session_id=?"))]).toEqual([text, []]);
  }
  for (const { text, steps } of pages.filter((page) => / > \(|_id" > \?/.test(page.text))) {
    expect([text, steps[0]]).toEqual([text, expect.stringMatching(/^SEARCH .*>[(?]/)]);
  }
});
