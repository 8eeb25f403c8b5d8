import { conformanceCases, type ConformanceOptions } from "@sessiondb/conformance";
import { InMemorySessionDb, type SessionDb } from "@sessiondb/core";
import { expect, test } from "vitest";
import { openersOf } from "./open-key-value.ts";

const open = () => new InMemorySessionDb();
const everything: ConformanceOptions = {
  ...openersOf().options,
  openNamed: () => open,
  openLegacy: open,
};

test("names are unique and start with the group", () => {
  const cases = conformanceCases(open, everything);
  expect(new Set(cases.map(({ name }) => name)).size).toBe(cases.length);
  for (const { name, group, run } of cases) {
    expect(name.startsWith(`${group}: `)).toBe(true);
    // A runner would wait for a callback.
    expect(run.length).toBe(0);
  }
});

test("a capability adds its cases", () => {
  const groups = (options?: Parameters<typeof conformanceCases>[1]) =>
    new Set(conformanceCases(open, options).map(({ group }) => group));
  const added = [...groups(everything)].filter((group) => !groups().has(group));
  expect(added).toEqual([
    "two handles",
    "memories of two handles",
    "caches",
    "connections",
    "memories and connections",
    "unreadable rows",
    "numbers",
    "search from outside",
    "table names",
    "legacy runs",
    "legacy writes",
    "legacy migration",
  ]);
});

test("cases that an option leaves out are reported", () => {
  const { leftOut } = conformanceCases(open);
  expect(leftOut).toContainEqual({ name: "connections", reason: "the option openCut was not given" });
  expect(leftOut).toHaveLength(12);
  expect(conformanceCases(open, everything).leftOut).toEqual([]);
});

test("groups can be chosen, and the others are reported", () => {
  const cases = conformanceCases(open, { groups: ["paging", "lists"] });
  expect(new Set(cases.map(({ group }) => group))).toEqual(new Set(["lists", "paging"]));
  expect(cases.leftOut).toContainEqual({ name: "ids", reason: "not among the requested groups" });
});

test("a group that does not exist is an error, and so is one that needs an option", () => {
  expect(() => conformanceCases(open, { groups: ["page"] })).toThrow(/no group "page". There are: round trips, /);
  expect(() => conformanceCases(open, { groups: ["caches"] })).toThrow('"caches" needs the option openShared');
});

test("a deviation may belong to a group that was not chosen", () => {
  const deviations = { "payloads: a run of 10 MB": "The service takes 1 MB." };
  expect(conformanceCases(open, { groups: ["lists"], deviations }).length).toBeGreaterThan(0);
});

test("a case that cannot check anything passes and is reported", async () => {
  const cases = conformanceCases(() => new InMemorySessionDb({ maxPayloadBytes: 100 * 1024 * 1024 }), {
    groups: ["payloads"],
  });
  const before = cases.leftOut.length;
  const small = cases.filter(({ name }) => name.includes("limit"));
  for (const { run } of [...small, ...small]) {
    await run();
  }
  expect(small.length).toBeGreaterThan(5);
  expect(cases.leftOut.slice(before).map(({ name }) => name)).toEqual(small.map(({ name }) => name));
  expect(cases.leftOut.at(-1)?.reason).toContain("maxPayloadBytes");
});

test("random calls depend only on the seed and the length", { timeout: 30_000 }, async () => {
  const calls = async (random: ConformanceOptions["random"]): Promise<string[]> => {
    const made: string[] = [];
    const watched = () => {
      const db = open();
      const upsertRun = db.upsertRun.bind(db);
      db.upsertRun = (options) => {
        made.push(JSON.stringify(options));
        return upsertRun(options);
      };
      return db;
    };
    for (const { run } of conformanceCases(watched, { groups: ["random"], ...(random && { random }) })) {
      await run();
    }
    return made;
  };
  const first = await calls({ seed: 4711, length: 12 });
  expect(await calls({ seed: 4711, length: 12 })).toEqual(first);
  expect((await calls({ seed: 4711, length: 5 })).length).toBeLessThan(first.length);
  expect(await calls({ seed: 4712, length: 12 })).not.toEqual(first);
});

test(
  "the error of a failing random sequence names the calls, the seed and the length",
  { timeout: 30_000 },
  async () => {
    const forgetful = () => {
      const db = open();
      db.renameSession = () => Promise.resolve(null);
      return db;
    };
    const [sequence] = conformanceCases(forgetful, { groups: ["random"], random: { seed: 1, length: 100 } });
    const error: unknown = await sequence?.run().catch((reason: unknown) => reason);
    const message = error instanceof Error ? error.message : "";
    expect(message).toMatch(/^\{ random: \{ seed: 1, length: \d+ \} \}: the last call resulted in/);
    expect(message).toMatch(/\nawait db\.renameSession\(\{ sessionId: "\w", sessionName: .*\}\);\n$/);
  },
);

test("seed and length must be whole numbers", () => {
  expect(() => conformanceCases(open, { random: { length: 0 } })).toThrow(RangeError);
  expect(() => conformanceCases(open, { random: { seed: 0.5 } })).toThrow(RangeError);
});

test("a deviation leaves its case out", () => {
  const name = "payloads: a run of 10 MB";
  const all = conformanceCases(open);
  const rest = conformanceCases(open, { deviations: { [name]: "The service takes 1 MB." } });
  expect(rest.length).toBe(all.length - 1);
  expect(rest.some((each) => each.name === name)).toBe(false);
});

test("a deviation names a case and gives a reason", () => {
  expect(() => conformanceCases(open, { deviations: { "no such case": "why not" } })).toThrow(RangeError);
  expect(() => conformanceCases(open, { deviations: { "payloads: a run of 10 MB": " " } })).toThrow(RangeError);
  expect(() => conformanceCases(open, { deviations: { toString: "inherited" } })).toThrow(RangeError);
});

test("every opened store is closed, even after a failure", async () => {
  const opened: SessionDb[] = [];
  const [first] = conformanceCases(() => {
    const db = open();
    db.upsertSession = () => Promise.reject(new Error("broken"));
    opened.push(db);
    return db;
  });
  await expect(first?.run()).rejects.toThrow("broken");
  await expect(opened[0]?.getSessions()).rejects.toMatchObject({ code: "CLOSED" });
});
