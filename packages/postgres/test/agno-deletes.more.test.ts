import { agnoDeleteTests, agnoTableSets } from "@sessiondb/testing/agno-deletes";
import { describe, inject } from "vitest";
import { agnoDatabase } from "./agno-delete-site.ts";

describe.skipIf(inject("postgres") === null)("deletes beside some tables of Agno", () => {
  agnoDeleteTests(agnoDatabase().fresh, agnoTableSets.further);
});
