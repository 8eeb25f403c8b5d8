import { conformanceCases } from "@sessiondb/conformance";
import { MySqlSessionDb } from "@sessiondb/mysql";
import { expect, test } from "vitest";
import { agno2DatabaseOf } from "./agno-2-rows.ts";
import { emptiedDatabases, freshDatabase, freshStore, type TestedServer } from "./support.ts";

const hardNames = ["a lone surrogate", "a trailing space", "emoji", "upper case"];
const ofNames = ["1000 characters", "63 characters", "64 characters", "NUL", ...hardNames].map(
  (name) => `table names: ${name} in a table name works or is refused, and harms no other table`,
);

/** What looks at tables that are being made, and what ends a call before its work is done. */
const freshGroups = ["close", "schema", "signals", "table names"];

/** What takes longest, and what needs a hook: in conformance-long.slow.test.ts. */
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

/** What is decided before any statement, by what all stores have in common. */
const earlyGroups = ["arguments", "type mismatch", "user handles", "values from outside", "walks"];

/** What is decided so, or by statements that are the same on both servers. */
const commonGroups = [
  ...earlyGroups,
  "also",
  "close",
  "component data",
  "conditions",
  "cursors",
  "headers",
  "injection",
  "keep times",
  "lists",
  "ownership",
  "pages",
  "paging",
  "payloads",
  "replace end",
  "run lists",
  "signals",
  "timestamps",
  "touches",
];

/** What the second tier asks of a server: of MySQL what no server decides, of MariaDB all that MySQL was asked. */
export function isOfSecondTier({ name }: TestedServer, group: string): boolean {
  return (name === "mysql" ? earlyGroups : commonGroups).includes(group);
}

/** The promises of the contract on a server, but for those of `longGroups`: of the groups that are wanted. */
export function testConformance(server: TestedServer, isWanted: (group: string) => boolean): void {
  const openNamed = async (url = freshDatabase(server.url)) => {
    const opened = await url;
    return (sessionTable = "agno_sessions") => new MySqlSessionDb({ url: opened, sessionTable });
  };
  const openLegacy = async (rows: Parameters<typeof agno2DatabaseOf>[1]) =>
    new MySqlSessionDb({ url: await agno2DatabaseOf(server, rows) });
  const databases = emptiedDatabases(server);
  const emptied = async () => new MySqlSessionDb({ url: await databases.take() });
  const cases = conformanceCases(() => freshStore(server), { openShared: openNamed, openNamed, openLegacy });
  const cheaper = conformanceCases(emptied, { openShared: () => openNamed(databases.take()), openNamed, openLegacy });
  const emptiedCases = cheaper.filter(
    ({ group }) => isWanted(group) && ![...longGroups, ...freshGroups].includes(group),
  );
  for (const each of emptiedCases) {
    test.concurrent(each.name, { timeout: 120_000 }, () => databases.run(each.run));
  }
  for (const each of cases.filter(({ group }) => isWanted(group) && freshGroups.includes(group))) {
    test.concurrent(each.name, { timeout: 120_000 }, each.run);
  }

  test("only cases of names that the server does not accept, and those that need hooks, are left out", () => {
    const left = [...cases.leftOut, ...cheaper.leftOut]
      .map(({ name }) => name)
      .filter((name) => !longGroups.includes(name));
    expect(left.toSorted()).toEqual(isWanted("table names") ? ofNames : []);
  });
}
