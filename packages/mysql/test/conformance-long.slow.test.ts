import { conformanceCases } from "@sessiondb/conformance";
import { MySqlSessionDb } from "@sessiondb/mysql";
import { expect, test } from "vitest";
import { hooksOf } from "./hooks.ts";
import { freshDatabase, freshStore, onEachServer } from "./support.ts";

/** MySQL holds no document that is no JSON; MariaDB's are text. */
const ofSessions = [
  "a list reports a session that cannot be read, and returns the others",
  "a list fails for a session that cannot be read, if asked to",
  "getSession fails for a session that cannot be read",
  "pages continue past a session that cannot be read",
  "what cannot be read can be deleted",
  "a user who may not see a session does not learn that it cannot be read",
].map((name) => `unreadable rows: ${name}`);

onEachServer((server) => {
  const groups = [
    "caches",
    "connections",
    "memories and connections",
    "cost",
    "indexes",
    "numbers",
    "random",
    "unreadable rows",
  ];
  const openShared = async () => {
    const url = await freshDatabase(server.url);
    return () => new MySqlSessionDb({ url });
  };
  const cases = conformanceCases(() => freshStore(server), { openShared, ...hooksOf(server), groups });
  for (const each of cases) {
    test.concurrent(each.name, { timeout: 300_000 }, each.run);
  }

  test("only cases of rows that the server does not accept are left out", () => {
    const left = cases.leftOut.map(({ name }) => name).filter((name) => name.includes(": "));
    expect(left.toSorted()).toEqual(server.name === "mysql" ? ofSessions.toSorted() : []);
  });
});
