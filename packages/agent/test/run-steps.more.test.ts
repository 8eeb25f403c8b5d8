import { describe, inject } from "vitest";
import { describeRunSteps } from "./support/run-steps.ts";
import { postgresStore } from "./support/stores.ts";

const url = inject("postgres");

describe.skipIf(url === null)("postgres", () => {
  describeRunSteps(postgresStore(url ?? ""));
});
