import { conformanceCases } from "@sessiondb/conformance";
import { describe, expect, inject, test } from "vitest";
import { hooksOf } from "./hooks.ts";
import { Sandbox, type Database, type StoreOptions } from "./support.ts";

const ofNames = ["1000 characters", "63 characters", "64 characters", "NUL", "a lone surrogate"].map(
  (name) => `table names: ${name} in a table name works or is refused, and harms no other table`,
);

/** A session's documents cannot be overwritten with what is no JSON. */
const ofSessions = [
  "a list reports a session that cannot be read, and returns the others",
  "a list fails for a session that cannot be read, if asked to",
  "getSession fails for a session that cannot be read",
  "pages continue past a session that cannot be read",
  "what cannot be read can be deleted",
  "a user who may not see a session does not learn that it cannot be read",
  "a search reports a session that cannot be read, and looks into the others",
].map((name) => `unreadable rows: ${name}`);

/** What looks at tables that are being made, and what ends a call before its work is done. */
const freshGroups = ["close", "schema", "signals", "table names"];

/** What takes longest, and what needs a hook: in the second tier. */
const longGroups = [
  "caches",
  "connections",
  "memories and connections",
  "cost",
  "indexes",
  "numbers",
  "random",
  "search from outside",
  "unreadable rows",
];

/** What is decided before any statement, by what all stores have in common: asked of the servers of the second tier. */
const earlyGroups = ["arguments", "type mismatch", "user handles", "values from outside", "walks"];

/** The promises of the contract, on one of the servers. One that could not be had is named at the end of the run. */
export function testConformance(database: Database, options: StoreOptions = {}): void {
  describe.skipIf(inject(database) === null)(database, () => {
    const sandbox = new Sandbox(database, options);
    const { open, opener, openLegacy } = sandbox;
    const cases = conformanceCases(open, { openShared: opener, openNamed: opener, openLegacy });
    const emptied = sandbox.emptied();
    const openEmptied = async () => opener({ schema: await emptied.take() });
    const openOneEmptied = async () => (await openEmptied())();
    const cheaper = conformanceCases(openOneEmptied, { openShared: openEmptied, openNamed: opener, openLegacy });
    const elsewhere = [...longGroups, ...freshGroups, ...(database === "postgres" ? earlyGroups : [])];
    const emptiedCases = cheaper.filter(({ group }) => !elsewhere.includes(group));
    for (const each of emptiedCases) {
      test.concurrent(each.name, { timeout: 120_000 }, () => emptied.run(each.run));
    }
    for (const each of cases.filter(({ group }) => freshGroups.includes(group))) {
      test.concurrent(each.name, { timeout: 120_000 }, each.run);
    }

    test("only cases of names that Postgres does not accept, and those that need hooks, are left out", () => {
      const left = [...cases.leftOut, ...cheaper.leftOut]
        .map(({ name }) => name)
        .filter((name) => !longGroups.includes(name));
      expect(left.toSorted()).toEqual(ofNames);
    });
  });
}

/** The groups that `testConformance` leaves to the second tier. */
export function testLongGroups(database: Database, options: StoreOptions = {}): void {
  describe.skipIf(inject(database) === null)(database, () => {
    const sandbox = new Sandbox(database, options);
    const { open, opener: openShared } = sandbox;
    const cases = conformanceCases(open, { openShared, ...hooksOf(sandbox), groups: longGroups });
    for (const each of cases) {
      test(each.name, { timeout: 300_000 }, each.run);
    }

    test("only cases of rows that Postgres does not accept are left out", () => {
      const left = cases.leftOut.map(({ name }) => name).filter((name) => name.includes(": "));
      expect(left.toSorted()).toEqual(ofSessions.toSorted());
    });
  });
}
