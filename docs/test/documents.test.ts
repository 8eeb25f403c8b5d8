import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { SqliteSessionDb } from "@sessiondb/sqlite";
import Database from "better-sqlite3";
import { expect, test } from "vitest";
import { httpStatusOf } from "../../examples/chat-endpoint/src/http-status.ts";
import { problemsOfCommands } from "./commands.ts";
import { documents, fences, ofServers, proseOf, repository, root, textOf } from "./documents.ts";
import { indexesInMysql, namesInSqlite } from "./tables.ts";

// The tests that run the programs are in snippets.more.test.ts.

/** As GitHub makes them from headings. */
function anchorsOf(document: string): string[] {
  return [...textOf(document).matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
      .replaceAll(" ", "-"),
  );
}

/** The address of a file of the repository, for readers of a package's README outside it. */
const published = new RegExp(`^${repository}/(?:blob|tree)/main/`);

function leadsSomewhere(document: string, link: string): boolean {
  const [path = "", anchor] = link.split("#");
  const inside = path === "" ? document : join(dirname(document), path);
  const target = published.test(path) ? path.replace(published, "") : inside;
  return existsSync(join(root, target)) && (anchor === undefined || anchorsOf(target).includes(anchor));
}

function linksOf(document: string): string[] {
  return [...proseOf(document).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = ""]) => link);
}

test.each(documents)("the links in %s resolve", (document) => {
  const links = linksOf(document).filter((link) => published.test(link) || !/^[a-z]+:/.test(link));
  expect(links.filter((link) => !leadsSomewhere(document, link))).toEqual([]);
});

test.each(documents.filter((document) => document.startsWith("packages/")))(
  "%s is published alone, so its links name the repository",
  (document) => {
    expect(linksOf(document).filter((link) => !/^(https:|#)/.test(link))).toEqual([]);
  },
);

test.each(documents)("the paths in %s exist", (document) => {
  const paths = [...textOf(document).matchAll(/`((?:packages|docs|examples|scripts|benchmarks)\/[\w./-]+)`/g)]
    .map(([, path = ""]) => path)
    // What a build, the demo or a benchmark makes is not there.
    .filter((path) => !/\/(dist|output|results)\b/.test(path));
  expect(paths.filter((path) => !existsSync(join(root, path)))).toEqual([]);
});

test("every fenced block has a known language", () => {
  const others = fences.filter(({ language }) => !["ts", "sh", "sql", "json", "python", "text"].includes(language));
  expect(others.map(({ document, line, language }) => `${document}:${line}: ${language || "none"}`)).toEqual([]);
});

test("no document exceeds its length limit", () => {
  const limits: Readonly<Record<string, number>> = { "README.md": 130, "CONTRIBUTING.md": 100, "ARCHITECTURE.md": 80 };
  const limitOf = (document: string): number =>
    limits[document] ?? (document.startsWith("docs/decisions/") ? 40 : Number.POSITIVE_INFINITY);
  expect(documents.filter((document) => textOf(document).split("\n").length - 1 > limitOf(document))).toEqual([]);
});

test("programs that not every Node can run say so", () => {
  const using = documents.filter((document) =>
    fences.some((fence) => fence.document === document && /^await using /m.test(fence.text)),
  );
  expect(using.filter((document) => !document.startsWith("docs/"))).toEqual([]);
  expect(using.filter((document) => !/`await using`.*(?:\n.*)?Node 24/.test(textOf(document)))).toEqual([]);
});

test("every command exists", () => {
  expect(problemsOfCommands()).toEqual([]);
});

test("every SQL block runs on the tables of an SQLite store", async () => {
  const client = new Database(":memory:");
  await using db = new SqliteSessionDb({ client });
  await db.migrate();
  // Those of other databases run in grants.test.ts.
  const blocks = fences.filter(({ document, language }) => language === "sql" && !ofServers.has(document));
  expect(blocks.length).toBeGreaterThan(0);
  for (const { text } of blocks) {
    client.exec(text);
  }
});

test("every JSON block parses", () => {
  for (const { text } of fences.filter(({ language }) => language === "json")) {
    JSON.parse(text);
  }
});

const codes = [...textOf("packages/core/src/errors.ts").matchAll(/^ {2}\| "([A-Z_]+)"/gm)].map(([, code = ""]) => code);

test("docs/errors.md has one heading for each code", () => {
  const headings = [...textOf("docs/errors.md").matchAll(/^## (.+)$/gm)].map(([, heading]) => heading);
  expect(codes.length).toBeGreaterThan(0);
  expect(headings).toEqual(codes);
});

test("docs/chat-endpoint.md has one row for each code, with the status of the example", () => {
  const rows = [...textOf("docs/chat-endpoint.md").matchAll(/^\| `([A-Z_]+)` +\| (\d+) +\| \S/gm)];
  expect(Object.fromEntries(rows.map(([, code, status]) => [code, Number(status)]))).toEqual(
    Object.fromEntries(codes.map((code) => [code, httpStatusOf({ code, [Symbol.for("@sessiondb/error")]: true })])),
  );
});

test("the blocks of docs/chat-endpoint.md with a name are the files of the example", () => {
  const named = fences.filter(({ document, text }) => document === "docs/chat-endpoint.md" && text.startsWith("// "));
  expect(named.length).toBeGreaterThan(0);
  for (const { text } of named) {
    const [first = "", ...rest] = text.split("\n");
    expect(`${rest.join("\n")}\n`).toBe(textOf(`examples/chat-endpoint/src/${first.slice(3)}`));
  }
});

test("docs/storage-format.md names every table, column and index", () => {
  const text = textOf("docs/storage-format.md");
  expect(namesInSqlite.filter((name) => !text.includes(`\`${name}\``))).toEqual([]);
});

test("docs/mysql.md names every index", () => {
  const text = textOf("docs/mysql.md");
  expect(indexesInMysql.length).toBeGreaterThan(0);
  expect(indexesInMysql.filter((name) => !text.includes(`\`${name}\``))).toEqual([]);
});
