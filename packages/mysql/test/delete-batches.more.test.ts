import { MySqlSessionDb } from "@sessiondb/mysql";
import { expectBoundedBatches, expectTurnsMeanwhile, notedBatches } from "@sessiondb/testing/batches";
import { deleteFilters } from "@sessiondb/testing/list-filters";
import { recording, type RecordedStatement } from "@sessiondb/testing/recording";
import { createPool, type Connection } from "mysql2/promise";
import { afterAll, beforeAll, expect, test } from "vitest";
import { fillTables, planOf, rowsRead } from "./plans.ts";
import { connect, freshDatabase, onEachServer } from "./support.ts";

const timeout = 120_000;
const size = 20;
const batches = 4;
/** The most that a search reads, with the rows that it passes over. */
const most = size * 40;

onEachServer((server) => {
  let url: string;
  let on: Connection;
  beforeAll(async () => {
    url = await freshDatabase(server.url);
    await fillTables(url);
    on = await connect(url);
  }, 180_000);
  afterAll(() => on.end());

  test("a delete by filter deletes a bounded number of rows and bytes in each transaction", { timeout }, async () => {
    await using db = new MySqlSessionDb({ url: await freshDatabase(server.url) });
    await expectBoundedBatches(db, 2500);
  });

  test("a delete by filter lets a writer of one of its sessions have its turns", { timeout }, async () => {
    const fresh = await freshDatabase(server.url);
    const open = () => new MySqlSessionDb({ url: fresh });
    await using db = open();
    await expectTurnsMeanwhile(open, db);
  });

  test.each(Object.entries(deleteFilters))("by %s: each batch begins where the last one ended", async (_, options) => {
    const { userId, ...filter } = options;
    const statements: RecordedStatement[] = [];
    const pool = createPool({ uri: url.replace("mariadb:", "mysql:"), connectionLimit: 1 });
    const db = new MySqlSessionDb({ pool: recording(pool, (statement) => statements.push(statement)) });
    const deleted = notedBatches(db, { limit: size, count: batches });
    await db.deleteSessions({ filter, ...(userId !== undefined && { userId }) });
    await pool.end();
    expect(deleted.length).toBeGreaterThan(0);
    const pages = statements.filter(({ text }) => /^select[^]* limit /.test(text));
    expect(pages.length).toBeGreaterThan(0);
    for (const page of pages) {
      const plan = await planOf(on, page);
      expect([page.text, plan.filter(({ type }) => type === "ALL")]).toEqual([page.text, []]);
      expect(await rowsRead(on, [page])).toBeLessThanOrEqual(most);
    }
  });
});
