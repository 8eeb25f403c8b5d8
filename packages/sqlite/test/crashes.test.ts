import { test } from "vitest";
import { killRounds } from "./crashes.ts";

test("a killed process loses no acknowledged run and leaves none half-written", { timeout: 60_000 }, () =>
  killRounds(3),
);
