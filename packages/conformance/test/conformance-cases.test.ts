import { conformanceCases } from "@sessiondb/conformance";
import { InMemorySessionDb, type SessionDb } from "@sessiondb/core";
import { expect, test } from "vitest";

const open = () => new InMemorySessionDb();
const everything = { openShared: () => open, openNamed: () => open, openLegacy: open };

test("names are unique and start with the group", () => {
  const cases = conformanceCases(open, everything);
  expect(new Set(cases.map(({ name }) => name)).size).toBe(cases.length);
  for (const { name, group, run } of cases) {
    expect(name.startsWith(`${group}: `)).toBe(true);
    // A runner would wait for a callback.
    expect(run.length).toBe(0);
  }
});

test("cases of a capability come with it", () => {
  const groups = (options?: Parameters<typeof conformanceCases>[1]) =>
    new Set(conformanceCases(open, options).map(({ group }) => group));
  const added = [...groups(everything)].filter((group) => !groups().has(group));
  expect(added).toEqual(["two handles", "table names", "legacy runs", "legacy writes", "legacy migration"]);
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

test("every store that was opened is closed, also after a failure", async () => {
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
