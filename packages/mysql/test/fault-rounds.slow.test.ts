import { test } from "vitest";
import { faultRoundsOf } from "./fault-rounds.ts";

const rounds = Number(process.env["SESSIONDB_KILL_ROUNDS"] ?? 200);

test.each(["mysql", "mariadb"] as const)(
  "kills and cuts on %s lose nothing acknowledged, store nothing twice, and hold up no call",
  { timeout: 3_600_000 },
  (flavour) => faultRoundsOf(flavour, rounds),
);
