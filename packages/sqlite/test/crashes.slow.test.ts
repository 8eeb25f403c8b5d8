import { test } from "vitest";
import { killRounds } from "./crashes.ts";

test("sixty killed processes lose no acknowledged run and leave none half-written", { timeout: 600_000 }, () =>
  killRounds(60),
);
