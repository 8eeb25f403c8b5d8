import { test } from "vitest";
import { killRounds } from "./crashes.ts";

test("sixty killed processes lose no acknowledged run and store none by half", { timeout: 600_000 }, () =>
  killRounds(60),
);
