import { describe, inject } from "vitest";
import { describeCancels } from "./support/cancels.ts";
import { postgresStore } from "./support/stores.ts";

const url = inject("postgres");

describe.skipIf(url === null)("postgres", () => {
  describeCancels(postgresStore(url ?? ""));
});
