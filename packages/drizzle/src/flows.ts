import type { RunFlows } from "./run-flows.ts";
import { SessionFlows } from "./session-flows.ts";
import type { StatementSets } from "./statement-sets.ts";
import { TurnFlow } from "./turn-flow.ts";

/** The contract's operations as steps in a transaction, for one state of the tables. */
export interface Flows {
  readonly sessions: SessionFlows;
  readonly runs: RunFlows;
  readonly turn: TurnFlow;
  /** Whether the tables are complete and can be written. */
  readonly isWritable: boolean;
}

export function makeFlows(sets: StatementSets, runs: RunFlows, { isWritable = true } = {}): Flows {
  return { sessions: new SessionFlows(sets, runs), runs, turn: new TurnFlow(sets, runs), isWritable };
}
