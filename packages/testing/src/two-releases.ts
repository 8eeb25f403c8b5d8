import { execFile } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { hasManagedSchema, type SessionDb } from "@sessiondb/core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startWorker, type Worker } from "./worker.ts";

const run = promisify(execFile);
const root = fileURLToPath(new URL("../../..", import.meta.url));
/** The first commit with a store for each database. */
const older = "99f2ed9";
const packages = ["core", "drizzle", "sqlite", "postgres", "mysql"];
const worker = new URL("workers/one-release.ts", import.meta.url);
const sessions = ["s0", "s1"];

/** Unpacks the packages of the older release, with the dependencies that are installed for the current one. */
async function unpack(folder: string): Promise<void> {
  const archive = join(folder, "older.tar");
  try {
    await run("git", ["archive", "--output", archive, older, ...packages.map((name) => `packages/${name}`)], {
      cwd: root,
    });
  } catch (cause) {
    throw new Error(`The test needs the history of the repository, with commit ${older}: fetch it whole`, { cause });
  }
  await run("tar", ["-xf", archive, "-C", folder]);
  for (const name of packages) {
    const modules = join(folder, "packages", name, "node_modules");
    mkdirSync(join(modules, "@sessiondb"), { recursive: true });
    for (const each of packages) {
      symlinkSync(join(folder, "packages", each), join(modules, "@sessiondb", each), "junction");
    }
    const installed = join(root, "packages", name, "node_modules");
    for (const each of existsSync(installed) ? readdirSync(installed) : []) {
      if (!each.startsWith("@") && !each.startsWith(".")) {
        symlinkSync(realpathSync(join(installed, each)), join(modules, each), "junction");
      }
    }
  }
  cpSync(fileURLToPath(worker), join(folder, "packages", "core", "one-release.ts"));
}

interface TestedStore {
  readonly adapter: "sqlite" | "postgres" | "mysql";
  readonly className: string;
  /** Options of both releases, for a new database. */
  readonly options: () => Promise<unknown>;
  /** A store of the current release, with those options. */
  readonly open: (options: unknown) => SessionDb;
}

/** Tests a rolling deploy: processes of an older release and of this one write to the same sessions. */
export function testTwoReleases({ adapter, className, options, open }: TestedStore): void {
  let folder = "";
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "sessiondb-"));
    await unpack(folder);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test(
    "an older release and this one lose nothing on the same sessions, with a migration between",
    { timeout: 120_000 },
    async () => {
      const given = await options();
      const started: Worker[] = [];
      const start = (release: "older" | "current", name: string): Worker => {
        const place = release === "older" ? folder : root;
        const program =
          release === "older" ? pathToFileURL(join(folder, "packages", "core", "one-release.ts")) : worker;
        const entry = pathToFileURL(join(place, "packages", adapter, "src", "index.ts")).href;
        const process = startWorker(program, [entry, className, JSON.stringify(given), name]);
        started.push(process);
        return process;
      };
      const runsOf = ({ lines }: Worker): string[] =>
        lines.filter((line) => line.startsWith("run ")).map((line) => line.slice(4));
      const hasWritten = async (count: number, workers: readonly Worker[]): Promise<void> => {
        const from = workers.map((each) => runsOf(each).length);
        await expect
          .poll(
            () => workers.every((each, index) => each.hasEnded() || runsOf(each).length >= (from[index] ?? 0) + count),
            {
              timeout: 60_000,
            },
          )
          .toBe(true);
      };
      try {
        // The tables are the older release's. The deploy replaces its processes one by one.
        await hasWritten(10, [start("older", "a"), start("older", "b")]);
        await hasWritten(10, [...started, start("current", "c")]);
        await using db = open(given);
        if (!hasManagedSchema(db)) {
          throw new Error(`${className} has no schema of its own`);
        }
        await db.migrate();
        expect(await db.verifySchema()).toEqual([]);
        await hasWritten(10, [...started, start("current", "d"), start("older", "e")]);
        started.forEach((each) => each.tell("stop"));
        await Promise.all(started.map((each) => each.said("stopped")));
        const acknowledged = started.flatMap(runsOf);
        for (const sessionId of sessions) {
          const ids = acknowledged.filter((id) => id.split(".")[1] === sessionId).toSorted();
          const counter = started.flatMap(({ lines }) => lines.filter((line) => line === `count ${sessionId}`)).length;
          const wanted = `read ${sessionId} ${counter} ${ids.join()}`;
          started.forEach((each) => each.tell(`read ${sessionId}`));
          await Promise.all(started.map((each) => each.said(wanted)));
          const stored = await db.getSession({ sessionId });
          expect(stored?.runs.map(({ runId }) => runId).toSorted()).toEqual(ids);
        }
        started.forEach((each) => each.tell("end"));
        await Promise.all(started.map((each) => each.ended));
      } finally {
        await Promise.all(started.filter((each) => !each.hasEnded()).map((each) => each.kill()));
      }
    },
  );
}
