import { describe, inject } from "vitest";
import { postgresStore } from "./support/stores.ts";
import { describeSummariesAtOnce } from "./support/summaries-at-once.ts";
import { describeTwoAtOnce } from "./support/two-at-once.ts";

const url = inject("postgres");

describe.skipIf(url === null)("postgres", () => {
  describeTwoAtOnce(postgresStore(url ?? ""));
  describeSummariesAtOnce(postgresStore(url ?? ""));
});
