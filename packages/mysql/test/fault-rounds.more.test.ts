import { test } from "vitest";
import { faultRoundsOf } from "./fault-rounds.ts";

test.each(["mysql", "mariadb"] as const)(
  "kills and cuts on %s lose nothing acknowledged, store nothing twice, and hold up no call",
  { timeout: 600_000 },
  (flavour) => faultRoundsOf(flavour, 6),
);
