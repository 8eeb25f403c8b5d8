import { expect, test } from "vitest";
import { foreignWords } from "./foreign-words.ts";
import { mentions, unknownIn, wordsOfCode } from "./names.ts";
import { indexesInMysql, namesInSqlite } from "./tables.ts";

const ofCode = new Set([...wordsOfCode, ...namesInSqlite, ...indexesInMysql]);
const foreign = Object.values(foreignWords).flat();
const all = new Set([...ofCode, ...foreign]);

test("what stands in backticks, in documents and in comments, exists", () => {
  expect(mentions.length).toBeGreaterThan(1000);
  const unknown = mentions.flatMap((mention) =>
    unknownIn(mention, all).map((word) => `${mention.file}:${mention.line}: ${word}`),
  );
  expect(unknown).toEqual([]);
});

test("a name that does not exist is found, whatever stands around it", () => {
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

test("a foreign word is used, and is not one of the code", () => {
  const used = new Set(mentions.flatMap((mention) => unknownIn(mention, ofCode)));
  expect(foreign.filter((word) => !used.has(word))).toEqual([]);
});
