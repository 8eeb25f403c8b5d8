import { PostgresSessionDb } from "@sessiondb/postgres";
import { expectBoundedBatches, expectTurnsMeanwhile, notedBatches } from "@sessiondb/testing/batches";
import { deleteFilters } from "@sessiondb/testing/list-filters";
import type pg from "pg";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { fillTables, recorded } from "./plans.ts";
import { Sandbox } from "./support.ts";

const size = 20;
const batches = 4;
/** The most that a search reads: a planner may combine two indexes of few entries. */
const most = size * 40;

describe.skipIf(inject("postgres") === null)("a delete by filter", { timeout: 120_000 }, () => {
  const sandbox = new Sandbox("postgres");

  test("deletes a bounded number of rows and bytes in each transaction", async () => {
    await using db = sandbox.open();
    await expectBoundedBatches(db, 2500);
  });

  test("lets a writer of one of its sessions have its turns", async () => {
    const open = sandbox.opener();
    await using db = open();
    await expectTurnsMeanwhile(open, db);
  });
});

describe.skipIf(inject("postgres") === null)("deletes by filter on 100,000 sessions", () => {
  const sandbox = new Sandbox("postgres");
  const schema = sandbox.schema();
  let client: pg.Client;
  beforeAll(async () => {
    client = await sandbox.connect();
    await fillTables(client, { schema });
  }, 120_000);
  afterAll(() => client.end());

  /** How many entries of indexes and rows of tables a statement reads. */
  async function rowsRead(text: string, values: readonly unknown[]): Promise<number> {
    const explained = `explain (analyze, costs off, timing off, summary off) ${text}`;
    const { rows } = await client.query<[string]>({ text: explained, values: [...values], rowMode: "array" });
    const plan = rows.map(([line]) => line).join("\n");
    expect(plan).not.toContain("Seq Scan");
    const counts = Array.from(
      plan.matchAll(/Scan[^\n]*rows=(\d+) loops=(\d+)/g),
      ([, read, loops]) => Number(read) * Number(loops),
    );
    const passed = Array.from(plan.matchAll(/Rows Removed by Filter: (\d+)/g), ([, count]) => Number(count));
    return [...counts, ...passed].reduce((sum, count) => sum + count, 0);
  }

  test.each(Object.entries(deleteFilters))("by %s: each batch begins where the last one ended", async (_, options) => {
    const { userId, ...filter } = options;
    const statements = await recorded(client, async (watched) => {
      const db = new PostgresSessionDb({ client: watched, schema });
      const deleted = notedBatches(db, { limit: size, count: batches });
      await db.deleteSessions({ filter, ...(userId !== undefined && { userId }) });
      expect(deleted.length).toBeGreaterThan(0);
    });
    const pages = statements.filter(({ text }) => text.includes(" limit "));
    expect(pages.length).toBeGreaterThan(0);
    for (const { text, values } of pages) {
      expect(await rowsRead(text, values)).toBeLessThanOrEqual(most);
    }
  });
});
