import { commitFaults } from "./commit-faults.ts";
import { indexFaults } from "./index-faults.ts";
import { readFaults } from "./read-faults.ts";
import { recordFaults } from "./record-faults.ts";
import type { Fault } from "./traced-store.ts";
import { turnFaults } from "./turn-faults.ts";

/** Every store with one fault. */
export const faults: readonly Fault[] = [
  ...indexFaults,
  ...recordFaults,
  ...turnFaults,
  ...readFaults,
  ...commitFaults,
];
