import { expect, test } from "vitest";
import { runExample } from "../../test/run-example.ts";

test("without Agno the example says in one line what is missing", { timeout: 60_000 }, async () => {
  expect(await runExample("agno-shared-tables", { PYTHON: "no-such-python" })).toEqual({
    code: 1,
    stdout: "",
    stderr: "There is no Agno 3: python3 -m pip install agno sqlalchemy, and name that Python in PYTHON\n",
  });
});
