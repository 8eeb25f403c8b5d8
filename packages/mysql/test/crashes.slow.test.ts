import { test } from "vitest";
import { killRounds } from "./crashes.ts";

const rounds = Number(process.env["SESSIONDB_KILL_ROUNDS"] ?? 20);

test.each(["mysql", "mariadb"] as const)(
  "%s killed and restarted under load keeps every acknowledged run, and its callers notice nothing",
  { timeout: 900_000 },
  (flavour) => killRounds(flavour, rounds),
);
