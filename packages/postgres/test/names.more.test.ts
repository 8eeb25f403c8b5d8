import { describe, inject, test } from "vitest";
import { migrateTwice, namesOfEveryLength } from "./names.ts";
import { Sandbox } from "./support.ts";

describe.skipIf(inject("newerPostgres") === null)("names of tables", { timeout: 60_000 }, () => {
  const sandbox = new Sandbox("newerPostgres");

  test.each(namesOfEveryLength)("%s: migrating twice finds nothing to do", (name) => migrateTwice(sandbox, name));
});
