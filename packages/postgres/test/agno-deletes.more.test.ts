import { agnoDeleteTests, agnoTableSets } from "@sessiondb/testing/agno-deletes";
import { describe, inject } from "vitest";
import { agnoDatabase } from "./agno-delete-site.ts";

describe.skipIf(inject("postgres") === null)("deletes next to some of Agno's tables", () => {
  agnoDeleteTests(agnoDatabase().fresh, agnoTableSets.further);
});
