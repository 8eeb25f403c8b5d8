import { expect, test } from "vitest";
import { foreignWords } from "./foreign-words.ts";
import { mentions, unknownIn, wordsOfCode } from "./names.ts";
import { indexesInMysql, namesInSqlite } from "./tables.ts";

const ofCode = new Set([...wordsOfCode, ...namesInSqlite, ...indexesInMysql]);
const foreign = Object.values(foreignWords).flat();
const all = new Set([...ofCode, ...foreign]);

test("every name in backticks, in documents and comments, exists", () => {
  expect(mentions.length).toBeGreaterThan(1000);
  const unknown = mentions.flatMap((mention) =>
    unknownIn(mention, all).map((word) => `${mention.file}:${mention.line}: ${word}`),
  );
  expect(unknown).toEqual([]);
});

test("finds a name that does not exist, whatever surrounds it", () => {
  const file = "README.md";
  const names = [
    "noSuch",
    "db.noSuch(id)",
    "getSession({ noSuch: 5 })",
    "Agent#noSuch",
    "npm run no",
    "no.ts",
    "idx_no",
  ];
  expect(names.filter((text) => unknownIn({ file, text }, all).length === 0)).toEqual([]);
  const values = ['status: "anything"', "postgres://anyone@anywhere/any", "<any thing>", "onlyIf…", "ΟΔΟΣ"];
  expect(values.flatMap((text) => unknownIn({ file, text }, all))).toEqual([]);
});

test("every foreign word is used, and is not a name in the code", () => {
  const used = new Set(mentions.flatMap((mention) => unknownIn(mention, ofCode)));
  expect(foreign.filter((word) => !used.has(word))).toEqual([]);
});
