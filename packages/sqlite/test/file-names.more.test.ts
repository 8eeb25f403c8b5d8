import { readdirSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { runWorker } from "@sessiondb/testing/worker";
import { describe, expect, test } from "vitest";
import { fileOfUrl } from "../src/sqlite-options.ts";
import { program, query, temporaryFolder } from "./support.ts";

// Which file a name means, seen from a process of its own in an empty folder: the file that is meant, or a refusal.

interface Opened {
  readonly given: string;
  readonly code?: string;
  readonly message?: string;
  /** The files made in the working directory and in its folder `sub`. */
  readonly made: readonly string[];
}

const openAll = async (kind: "file" | "url", names: readonly string[], cwd = temporaryFolder()) =>
  JSON.parse(await runWorker(program("open-names"), [kind, JSON.stringify(names)], cwd)) as Opened[];

const harmless = [
  "a.db",
  "a b.db",
  "ä.db",
  "日本.db",
  "😀.db",
  "a'b.db",
  'a"b.db',
  "a&b.db",
  "a=b.db",
  "a:b.db",
  "sub/a.db",
  "./a.db",
  "sub/../a.db",
  "-a.db",
  "~a.db",
  "a.db.",
  "a\tb.db",
  "nul",
  ".a",
  "100%.db",
  "%zz.db",
];
const odd = ["a?b.db", "a#b.db", "a%20b.db", "a.db?mode=memory", "./:memory:", "./file:a.db", "./C:\\a.db"];
const fileOf = (name: string) => name.replace("sub/../", "").replace("./", "");

const blank = ["", " ", "  ", "\t", "\n", "\r\n", "\u00a0", "\ufeff", "\u2003", "\v\f"];
const memory = [
  " :memory:",
  ":memory: ",
  ":MEMORY:",
  ":Memory:",
  ":memory",
  ":memory:x",
  "file::memory:",
  "file::memory:?cache=shared",
  "file:a.db?mode=memory",
];
const padded = [" a.db", "a.db ", "a.db\n", "\ta.db", "a.db\u00a0"];
const schemes = [
  "file:a.db",
  "file:///a.db",
  "sqlite:a.db",
  "sqlite:///a.db",
  "sqlite+pysqlite:///a.db",
  "SQLite:a.db",
  "FILE:a.db",
  "postgres://name:secret@host/database",
  "mysql://name:secret@host/database",
  "libsql://host",
];
const drives = ["C:\\x\\y.db", "C:/x/y.db", "c:\\y.db"];
const others = [":x.db", "a\0b.db", "\ud800.db"];

// Windows takes fewer names, writes absolute paths otherwise, and has drives.
const isWindows = process.platform === "win32";

// Each of these starts a process.
describe("the option file", { timeout: 60_000 }, () => {
  test.skipIf(isWindows)("opens the file of that name", async () => {
    const opened = await openAll("file", [...harmless, ...odd]);
    expect(opened).toEqual([...harmless, ...odd].map((given) => ({ given, made: [fileOf(given)] })));
  });

  test.skipIf(isWindows)("is refused if it would open another file, or none", async () => {
    const names = [...blank, ...memory, ...padded, ...schemes, ...drives, ...others];
    for (const { given, code, message, made } of await openAll("file", names)) {
      expect({ given, code, made }).toEqual({ given, code: "INVALID_ARGUMENT", made: [] });
      expect(message).toMatch(/^file must be a path/);
    }
  });

  test("creates no file for :memory:", async () => {
    expect(await openAll("file", [":memory:"])).toEqual([{ given: ":memory:", made: [] }]);
  });
});

describe("a connection string", { timeout: 60_000 }, () => {
  const plain = harmless.filter((name) => !/%|[\t]/.test(name));

  test.skipIf(isWindows)("opens the file that it names, in each of its forms", async () => {
    const cwd = temporaryFolder();
    const forms: [string, string][] = plain.flatMap((name) => {
      const absolute = `${cwd}/${name}`;
      return [
        `sqlite:${name}`,
        `SQLITE:${name}`,
        `sqlite:///${name}`,
        `sqlite:${absolute}`,
        `sqlite:///${absolute}`,
        `file:${name}`,
        `file:${absolute}`.replaceAll(" ", "%20"),
        pathToFileURL(absolute).href,
        pathToFileURL(absolute).href.replace("file://", "file://localhost"),
      ].map((url): [string, string] => [url, fileOf(name)]);
    });
    expect(
      await openAll(
        "url",
        forms.map(([url]) => url),
        cwd,
      ),
    ).toEqual(forms.map(([given, file]) => ({ given, made: [file] })));
  });

  test.skipIf(isWindows)("that is a file: URL opens a file whose name must be escaped", async () => {
    const cwd = temporaryFolder();
    const names = ["a?b.db", "a#b.db", "a%20b.db", "100%.db", "file:a.db"];
    const urls = names.map((name) => pathToFileURL(`${cwd}/${name}`).href);
    expect(await openAll("url", urls, cwd)).toEqual(urls.map((given, index) => ({ given, made: [names[index]] })));
  });

  test("opens a store in memory if it names :memory:", async () => {
    const urls = ["sqlite::memory:", "sqlite:///:memory:", "sqlite://:memory:", "SQLite::memory:", "file::memory:"];
    expect(await openAll("url", urls)).toEqual(urls.map((given) => ({ given, made: [] })));
  });

  const refusals = [
    ["names no file", ["sqlite:", "sqlite://", "sqlite:///", "file:"]],
    [
      "path must be",
      [" ", "\t", "\u00a0", " :memory: ", ":MEMORY:", ":memory", "x.db ", "x.db\n"].flatMap((name) => [
        `sqlite:${name}`,
        `sqlite:///${name}`,
        `file:${name}`,
      ]),
    ],
    [
      "path must be",
      ["file:a.db", "sqlite:a.db", ...drives].flatMap((name) => [`sqlite:${name}`, `sqlite:///${name}`]),
    ],
    [
      "Parameters",
      [
        "sqlite:a.db?mode=ro",
        "sqlite:a.db#x",
        "sqlite:///file:a.db?uri=true",
        "file::memory:?cache=shared",
        "file:a.db?mode=memory",
        "sqlite:a?b.db",
      ],
    ],
    ["not as %", ["sqlite:a%20b.db", "sqlite:///a%20b.db", "file:a%3Fb.db", "sqlite:%2Ftmp%2Fa.db"]],
    ["a host", ["sqlite://a.db", "sqlite://sub/a.db", "sqlite://localhost/a.db", "file://a.db", "file://host/a.db"]],
    ["a folder", ["sqlite:sub/", "sqlite:///sub/", "sqlite:/", "sqlite:////"]],
    ["file: URL names no file", ["file:///%zz.db", "file:///a%2Fb.db"]],
    ["Python driver", ["sqlite+pysqlite:///a.db", "sqlite+aiosqlite:///a.db"]],
  ] as const;

  test.skipIf(isWindows)("is refused with advice if it names no file, or is ambiguous", async () => {
    const cells = refusals.flatMap(([advice, urls]) => urls.map((url) => ({ advice, url })));
    const opened = await openAll(
      "url",
      cells.map(({ url }) => url),
    );
    for (const [index, { advice, url }] of cells.entries()) {
      const { code, message, made } = opened[index] ?? {};
      expect({ url, code, made }).toEqual({ url, code: "INVALID_CONNECTION_STRING", made: [] });
      expect({ url, message }).toEqual({ url, message: expect.stringContaining(advice) as string });
    }
  });

  test.skipIf(isWindows)("with three slashes is refused if only the absolute file, or its folder, exists", async () => {
    const folder = temporaryFolder();
    const file = `${folder}/a.db`;
    const [inFolder] = await openAll("url", [`sqlite://${file}`]);
    expect(inFolder).toMatchObject({ code: "INVALID_CONNECTION_STRING", made: [] });
    expect(inFolder?.message).toContain("four slashes");
    query(file, "create table t (a)");
    const [existing] = await openAll("url", [`sqlite://${file}`]);
    expect(existing).toMatchObject({ code: "INVALID_CONNECTION_STRING", made: [] });
    expect(readdirSync(folder)).toEqual(["a.db"]);
    expect(await openAll("url", ["sqlite:///sub/a.db"])).toEqual([{ given: "sqlite:///sub/a.db", made: ["sub/a.db"] }]);
  });

  test("with a drive is accepted on Windows", () => {
    for (const path of ["C:\\x\\y.db", "C:/x/y.db"]) {
      expect(fileOfUrl(`sqlite:///${path}`, "win32")).toBe(path);
      expect(fileOfUrl(`sqlite:${path}`, "win32")).toBe(path);
      expect(() => fileOfUrl(`sqlite:///${path}`, "linux")).toThrow("Windows");
    }
    expect(() => fileOfUrl("sqlite:C:\\x\\", "win32")).toThrow("folder");
  });

  test.each(["sqlite", "agent.db", "", "postgres://u:secret@h/d"])("refuses %j without repeating it", (url) => {
    expect(() => fileOfUrl(url)).toThrow(
      expect.objectContaining({
        code: "INVALID_CONNECTION_STRING",
        message: expect.not.stringContaining("secret") as string,
      }),
    );
  });
});
