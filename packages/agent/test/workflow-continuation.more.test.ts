import { describe, inject } from "vitest";
import { localStores, postgresStore, type OpenStore } from "./support/stores.ts";
import { describeContinuations } from "./support/workflow-continuations.ts";

const url = inject("postgres");

describe("SQLite", () => {
  describeContinuations(localStores["sqlite"] as OpenStore);
});

describe.skipIf(url === null)("Postgres", () => {
  describeContinuations(postgresStore(url ?? ""));
});
