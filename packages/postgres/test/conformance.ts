import { conformanceCases } from "@sessiondb/conformance";
import { describe, inject, test } from "vitest";
import { Sandbox, type Database } from "./support.ts";

/** Every promise of the contract, on one of the servers. One that could not be had is named at the end of the run. */
export function testConformance(database: Database): void {
  describe.skipIf(inject(database) === null)(database, () => {
    const { open, opener, openLegacy } = new Sandbox(database);
    for (const each of conformanceCases(open, { openShared: opener, openNamed: opener, openLegacy })) {
      test(each.name, { timeout: 30_000 }, each.run);
    }
  });
}
