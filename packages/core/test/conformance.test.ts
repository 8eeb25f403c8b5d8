import { InMemorySessionDb } from "@sessiondb/core";
import { test } from "vitest";
// By its path: a dependency on the package that depends on this one would be a circle.
import { conformanceCases } from "../../conformance/src/index.ts";

for (const each of conformanceCases(() => new InMemorySessionDb({ maxPayloadBytes: 16 * 1024 * 1024 }))) {
  test(each.name, { timeout: 30_000 }, each.run);
}
