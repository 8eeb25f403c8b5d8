import { InMemorySessionDb } from "@sessiondb/core";
import { test } from "vitest";
// By its path: a dependency on the package that depends on this one would be a circle.
import { conformanceCases } from "../../conformance/src/index.ts";

/** What takes longest: in conformance-long.test.ts. */
const longGroups = ["indexes", "payloads", "random"];

/** The promises of the contract in memory: those of the long groups, or all others. */
export function testConformance({ long }: { long: boolean }): void {
  const cases = conformanceCases(() => new InMemorySessionDb({ maxPayloadBytes: 16 * 1024 * 1024 }));
  for (const each of cases.filter(({ group }) => longGroups.includes(group) === long)) {
    test(each.name, { timeout: 60_000 }, each.run);
  }
}
