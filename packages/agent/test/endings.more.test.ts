import { describe, inject } from "vitest";
import { describeEndings } from "./support/endings.ts";
import { postgresStore } from "./support/stores.ts";

const url = inject("postgres");

describe.skipIf(url === null)("postgres", () => {
  describeEndings(postgresStore(url ?? ""));
});
