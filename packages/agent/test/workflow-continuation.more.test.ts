import { describe, inject } from "vitest";
import { postgresStore } from "./support/stores.ts";
import { describeContinuations } from "./support/workflow-continuations.ts";

const url = inject("postgres");

describe.skipIf(url === null)("postgres", () => {
  describeContinuations(postgresStore(url ?? ""));
});
