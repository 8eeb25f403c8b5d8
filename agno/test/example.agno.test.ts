import { readFileSync } from "node:fs";
import { expect, inject, test } from "vitest";
import { runExample } from "../../examples/test/run-example.ts";

const python = inject("agno");

test.skipIf(python === null)("the example prints the output in its README", { timeout: 60_000 }, async () => {
  const readme = readFileSync(new URL("../../examples/agno-shared-tables/README.md", import.meta.url), "utf8");
  const shown = readme.split("```text\n")[1]?.split("```")[0];
  expect(await runExample("agno-shared-tables", { PYTHON: python ?? "" })).toEqual({
    code: 0,
    stdout: shown,
    stderr: "",
  });
});
