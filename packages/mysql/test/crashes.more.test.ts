import { test } from "vitest";
import { killRounds } from "./crashes.ts";

test.each(["mysql", "mariadb"] as const)(
  "%s killed and restarted under load keeps every acknowledged run, and its callers notice nothing",
  { timeout: 900_000 },
  (flavour) => killRounds(flavour, 2),
);
