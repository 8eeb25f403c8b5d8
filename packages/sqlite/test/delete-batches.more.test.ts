import type { DeletedBatch, MatchingSelection, Signal } from "@sessiondb/core/adapter";
import { SqliteSessionDb } from "@sessiondb/sqlite";
import { deleteFilters } from "@sessiondb/testing/list-filters";
import type Database from "better-sqlite3";
import { afterAll, beforeAll, expect, test } from "vitest";
import { largeDatabase, plansOf } from "./plans.ts";

const batches = 4;

/** Deletes the first small batches of a filter. */
class FirstBatches extends SqliteSessionDb {
  deleted: number[] = [];

  protected override async removeMatching(selection: MatchingSelection, signal: Signal): Promise<DeletedBatch> {
    const batch = await super.removeMatching({ ...selection, limit: 20 }, signal);
    this.deleted.push(batch.deleted);
    return { ...batch, next: this.deleted.length < batches ? batch.next : null };
  }
}

let client: Database.Database;
beforeAll(async () => {
  client = await largeDatabase();
}, 60_000);
afterAll(() => client.close());

test.each(Object.entries(deleteFilters))("by %s: each batch begins where the last one ended", async (_, options) => {
  const { userId, ...filter } = options;
  const plans = await plansOf(client, async () => {
    const db = new FirstBatches({ client });
    await db.deleteSessions({ filter, ...(userId !== undefined && { userId }) });
    expect(db.deleted.length).toBeGreaterThan(0);
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
