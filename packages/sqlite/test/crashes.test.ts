import { test } from "vitest";
import { killRounds } from "./crashes.ts";

test("a killed process loses no acknowledged run and stores none by half", { timeout: 60_000 }, () => killRounds(3));
