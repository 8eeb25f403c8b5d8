import { mkdtempSync } from "node:fs";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";

// Runs the programs named, one after another, each in an empty folder beside it. A line with the program's path goes
// ahead of what it prints, on both streams. A model that a program names by its id is the scripted one.

Object.assign(globalThis, {
  AI_SDK_DEFAULT_PROVIDER: createOpenAICompatible({
    name: "scripted",
    baseURL: process.env["OPENAI_BASE_URL"] ?? "",
    supportsStructuredOutputs: true,
  }),
});

for (const program of process.argv.slice(2)) {
  process.chdir(mkdtempSync(join(dirname(program), "run-")));
  process.stdout.write(`\0${program}\n`);
  process.stderr.write(`\0${program}\n`);
  try {
    await import(pathToFileURL(program).href);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  }
}
