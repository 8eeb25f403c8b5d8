import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { aiSdkFlags, isOnAiSdk7 } from "../../scripts/ai-sdk.ts";
import { answer } from "../../examples/agents/test/answers.ts";
import { startChatServer, type ChatServer } from "@sessiondb/testing/chat-server";
import { databases, variables } from "./databases.ts";
import { fences, root, type Fence } from "./documents.ts";

// Every `ts` block of every document is a program: it compiles, and it runs in an empty folder of its own without a
// word to stderr. Where a `console.log` ends in a comment, that is what it prints. One that names POSTGRES_URL, MYSQL_URL
// or MARIADB_URL runs where there is such a server, and a model that one names is a scripted one. The tier `ai7` runs those
// about agents, on version 7 of the AI SDK.

const folder = join(root, "docs/.snippets");
const timeout = 120_000;
/** A program with a name belongs to those that import it. */
const isAboutAgents = ({ text }: Fence): boolean =>
  text.includes('from "@sessiondb/agent"') || nameOf(text) !== undefined || text.includes('from "./');
const programs = fences.filter((each) => each.language === "ts" && (!isOnAiSdk7 || isAboutAgents(each)));

/** Returns the name of a program whose first line is a comment with one: others find it under that name. */
function nameOf(text: string): string | undefined {
  return /^\/\/ ([\w-]+\.ts)\n/.exec(text)?.[1];
}

function fileOf({ document, line, text }: Fence): string {
  const name = nameOf(text);
  if (name !== undefined) {
    return join(folder, name);
  }
  const ending = text.includes('from "vitest"') ? "test.ts" : "ts";
  return join(folder, `${document.replaceAll(/[/.]/g, "-")}-${line}.${ending}`);
}

/** Line by line as in the document, so that whatever names a line names the document's. */
function programOf({ text, line }: Fence): string {
  return `${"\n".repeat(line - 1)}${text}\n`;
}

/** `console.log(value); // what it prints` */
function expectedOutput({ text }: Fence): string[] {
  return [...text.matchAll(/console\.log\(.*\);? \/\/ (.+)$/gm)].map(([, printed]) => printed ?? "");
}

function inWordsOfDocuments(text: string): string {
  return programs.reduce(
    (result, each) =>
      result.replaceAll(fileOf(each), each.document).replaceAll(relative(root, fileOf(each)), each.document),
    text,
  );
}

interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function run(args: readonly string[], cwd = root): Promise<Outcome> {
  return new Promise((resolve) => {
    const unset = { NODE_OPTIONS: undefined, NODE_ENV: undefined, VITEST: undefined };
    const env = { ...process.env, ...unset, ...databases.urls, OPENAI_BASE_URL: models.url };
    const child = execFile(process.execPath, args, { cwd, env, timeout }, (_error, stdout, stderr) => {
      resolve({ code: child.exitCode, stdout, stderr });
    });
  });
}

const flags = ["--conditions=@sessiondb/source", "--import=tsx", ...aiSdkFlags];
const runner = fileURLToPath(new URL("run-programs.ts", import.meta.url));
const outcomes = new Map<string, Promise<Outcome>>();

/** The programs of a document share a process, but for those that are tests themselves. */
async function outcomeOf(program: Fence): Promise<Outcome> {
  const file = fileOf(program);
  if (file.endsWith(".test.ts")) {
    return run([join(root, "node_modules/vitest/vitest.mjs"), "run", "--root", folder, file]);
  }
  if (isTest(program)) {
    return run([...flags, file], mkdtempSync(join(folder, "run-")));
  }
  const { document } = program;
  const started =
    outcomes.get(document) ??
    run([...flags, runner, ...programs.filter((each) => each.document === document && isRun(each)).map(fileOf)]);
  outcomes.set(document, started);
  const { code, stdout, stderr } = await started;
  return { code, stdout: partOf(stdout, file), stderr: partOf(stderr, file) };
}

function isTest({ text }: Fence): boolean {
  return /from "(vitest|node:test)"/.test(text);
}

function isRun(program: Fence): boolean {
  return !isTest(program) && !lacksServer(program);
}

function lacksServer({ text }: Fence): boolean {
  return variables.some((name) => text.includes(name) && databases.urls[name] === undefined);
}

function partOf(output: string, file: string): string {
  const start = `\0${file}\n`;
  const at = output.indexOf(start);
  return at === -1 ? "It was not run.\n" : (output.slice(at + start.length).split("\0", 1)[0] ?? "");
}

let models: ChatServer;

beforeAll(async () => {
  models = await startChatServer(answer);
  await databases.create();
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  const tsconfig = {
    extends: `../../tsconfig.${isOnAiSdk7 ? "ai7" : "check"}.json`,
    // A last line that only makes a value is fine in a document.
    compilerOptions: { rootDir: "../..", moduleDetection: "force", noUnusedLocals: false },
    include: ["*.ts"],
  };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(tsconfig));
  writeFileSync(
    join(folder, "vitest.config.ts"),
    `export default { ssr: { resolve: { conditions: ["@sessiondb/source", "node", "module"] } } };\n`,
  );
  for (const program of programs) {
    writeFileSync(fileOf(program), programOf(program));
  }
});

afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await models[Symbol.asyncDispose]();
  await databases.drop();
});

test("all programs compile", { timeout }, async () => {
  expect(programs.length).toBeGreaterThan(0);
  const compiler = join(root, "node_modules/typescript/bin/tsc");
  const { stdout } = await run([compiler, "-p", folder, "--pretty", "false"]);
  expect(inWordsOfDocuments(stdout).split("\n").filter(Boolean)).toEqual([]);
});

describe.concurrent("the program at", () => {
  test.for(programs.map((program) => ({ name: `${program.document}:${program.line}`, program })))(
    "$name",
    { timeout },
    async ({ name, program }, context) => {
      context.skip(lacksServer(program), "no such server on this machine");
      const { code, stdout, stderr } = await outcomeOf(program);
      if (code !== 0 || stderr !== "") {
        throw new Error(
          inWordsOfDocuments(
            `${name} failed or wrote to stderr (exit code ${code}):\n${stderr}\n${stdout.slice(-2000)}`,
          ),
        );
      }
      const printed = stdout.split("\n");
      for (const line of expectedOutput(program)) {
        const place = printed.indexOf(line);
        if (place === -1) {
          throw new Error(`${name} does not print ${line}, but:\n${stdout}`);
        }
        printed.splice(0, place + 1);
      }
    },
  );
});
