import { conformanceCases, type ConformanceCase } from "@sessiondb/conformance";
import { InMemorySessionDb, type SessionDb } from "@sessiondb/core";
import { describe, expect, test } from "vitest";
import { brokenStores } from "./broken-stores.ts";

// The proof that the suite can fail: each fault is caught by the case that is there for it, and not by every case.

async function failing(cases: readonly ConformanceCase[]): Promise<string[]> {
  const failed: string[] = [];
  for (const { name, run } of cases) {
    await run().catch(() => failed.push(name));
  }
  return failed;
}

describe("a store that", () => {
  test.each(brokenStores)("%s", async (_fault, open, caughtBy) => {
    const all = conformanceCases(open);
    const group = all.find(({ name }) => name === caughtBy)?.group;
    const cases = all.filter((each) => each.group === group);
    const failed = await failing(cases);
    expect(failed).toContain(caughtBy);
    expect(failed.length).toBeLessThan(cases.length);
  });

  test("works passes", { timeout: 60_000 }, async () => {
    const all = conformanceCases(() => new InMemorySessionDb({ maxPayloadBytes: 1024 * 1024 }));
    const catching = new Set(brokenStores.map(([, , caughtBy]) => caughtBy));
    expect(await failing(all.filter(({ name }) => catching.has(name)))).toEqual([]);
  });
});

describe("a declared capability that is missing", () => {
  const apart = () => new InMemorySessionDb({ maxPayloadBytes: 1024 * 1024 });

  test("two handles on separate stores fail", async () => {
    const cases = conformanceCases(apart, { openShared: () => apart });
    const failed = await failing(cases.filter(({ group }) => group === "two handles"));
    expect(failed).toContain("two handles: one handle reads what the other writes");
    expect(failed).toContain("two handles: written content outlives the close");
    expect(failed).toContain("two handles: runs of one new session all survive");
  });

  test("two names of one table fail", async () => {
    const openNamed = () => {
      const db: SessionDb = apart();
      return () => db;
    };
    const cases = conformanceCases(apart, { openNamed });
    const failed = await failing(cases.filter(({ group }) => group === "table names"));
    expect(failed).toContain("table names: stores with two table names are separate");
  });

  test("legacy runs that are not read fail", async () => {
    const cases = conformanceCases(apart, { openLegacy: apart });
    const failed = await failing(cases.filter(({ group }) => group.startsWith("legacy")));
    expect(failed).toContain("legacy runs: runs in the column as a list are read");
    expect(failed).toContain("legacy migration: copying does not change what is read");
  });
});
