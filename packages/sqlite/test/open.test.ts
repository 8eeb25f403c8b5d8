import { existsSync } from "node:fs";
import { relative } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { fromUrl } from "@sessiondb/sqlite";
import { agentSession } from "@sessiondb/testing/models";
import { runWorker } from "@sessiondb/testing/worker";
import { describe, expect, test } from "vitest";
import { program, temporaryFile, temporaryFolder } from "./support.ts";

describe("fromUrl", () => {
  test.each([
    ["sqlite: and a path", (file: string) => `sqlite:${file}`],
    ["sqlite:/// and a path", (file: string) => `sqlite:///${file}`],
    ["file: and a path", (file: string) => `file:${file}`],
    ["a file URL", (file: string) => pathToFileURL(file).href],
    ["a scheme in capitals", (file: string) => `SQLite:${file}`],
    ["a relative path", (file: string) => `sqlite:${relative(process.cwd(), file)}`],
  ])("accepts %s", async (_, urlOf) => {
    const file = temporaryFile("agent sessions.db");
    await using db = fromUrl(urlOf(file));
    expect(existsSync(file)).toBe(false);
    await db.upsertSession(agentSession("s"));
    expect(existsSync(file)).toBe(true);
  });

  test("accepts sqlite::memory:", async () => {
    await using db = fromUrl("sqlite::memory:");
    await db.upsertSession(agentSession("s"));
    expect((await db.getSessions()).sessions).toHaveLength(1);
    expect(existsSync(":memory:")).toBe(false);
  });

  test.each([
    "sqlite:",
    "sqlite://",
    "sqlite:///",
    "file:",
    "agent.db",
    "",
    "sqlite:a.db?mode=ro",
    "sqlite:a.db#x",
    "file:///tmp/%zz.db",
  ])("refuses %j without repeating it", (url) => {
    expect(() => fromUrl(url)).toThrow(expect.objectContaining({ code: "INVALID_CONNECTION_STRING" }));
  });
});

test("a parameter is refused by name", () => {
  expect(() => fromUrl("sqlite:a.db?mode=ro")).toThrow(/Parameters are not supported\. This one has "mode"/);
});

// Each of these starts a process.
describe("openSessionDb", { timeout: 60_000 }, () => {
  const open = async (url: string, cwd?: string) =>
    JSON.parse(await runWorker(program("open-by-url"), [url], cwd)) as unknown;

  test("loads this package from the program's folder", async () => {
    const file = temporaryFile();
    expect(await open(`sqlite:${file}`)).toEqual({ store: "SqliteSessionDb", found: 1 });
    expect(existsSync(file)).toBe(true);
  });

  test("says how to install a missing adapter", async () => {
    for (const [url, packageName] of [
      ["postgres://name:secret@localhost/agents", "@sessiondb/postgres"],
      ["mariadb://name:secret@localhost/agents", "@sessiondb/mysql"],
    ] as const) {
      const outcome = await open(url, temporaryFolder());
      expect(outcome).toEqual({
        code: "ADAPTER_NOT_INSTALLED",
        message: `${packageName} is not installed. Run: npm install ${packageName}`,
      });
    }
  });

  test("refuses a string that names no database, without repeating it", async () => {
    const outcome = await open("oracle://name:secret@localhost/x");
    expect(outcome).toMatchObject({ code: "INVALID_CONNECTION_STRING" });
    expect(JSON.stringify(outcome)).not.toContain("secret");
  });

  test("needs no package for memory:", async () => {
    expect(await open("memory:", temporaryFolder())).toEqual({ store: "InMemorySessionDb", found: 1 });
  });

  test("accepts a path relative to the working directory", async () => {
    const file = temporaryFile("here.db");
    const projectFolder = fileURLToPath(new URL("..", import.meta.url));
    expect(await open(`sqlite:${relative(projectFolder, file)}`, projectFolder)).toEqual({
      store: "SqliteSessionDb",
      found: 1,
    });
    expect(existsSync(file)).toBe(true);
  });
});
