import { InvalidArgumentError } from "../errors.ts";
import type { JsonValue } from "../json.ts";
import {
  completedTurns,
  describeTurns,
  inputOf,
  lastOf,
  selectMessages,
  type HistoryTurn,
  type MessageOptions,
} from "./history.ts";
import type { Message } from "./messages.ts";
import type { Run } from "./runs.ts";
import { checkOwnType, SessionBase, type SessionFields } from "./session-base.ts";

/** The fields of a workflow's new session. */
export interface WorkflowSessionInit extends SessionFields {
  sessionType: "workflow";
}

export interface WorkflowMessageOptions extends MessageOptions {
  /** Only the steps that this agent executed. Not together with `teamId`. */
  agentId?: string;
  /** Only the steps that this team executed. */
  teamId?: string;
  /** With `teamId`: leaves out the runs of the team's members. Default true. */
  skipMemberMessages?: boolean;
}

/** The input and output of a workflow run, as stored. */
export interface WorkflowTurn {
  input: JsonValue;
  output: JsonValue;
}

/** The session of a workflow. Its messages are inside the runs of its steps. */
export class WorkflowSession extends SessionBase {
  readonly sessionType = "workflow";

  /** @throws InvalidArgumentError when `sessionType` is given and is another one. */
  constructor(init: SessionFields & { sessionType?: "workflow" }) {
    super(init);
    checkOwnType(init, "workflow");
  }

  get componentId(): string | null {
    return this.workflowId;
  }

  get messages(): Message[] {
    return this.getMessages();
  }

  /**
   * Returns the messages of the runs that executed steps, oldest first; `lastNRuns` counts those runs. Skips no status
   * by default.
   *
   * @throws InvalidArgumentError when both `agentId` and `teamId` are given.
   */
  getMessages({ agentId, teamId, skipMemberMessages = true, ...options }: WorkflowMessageOptions = {}): Message[] {
    if (agentId !== undefined && teamId !== undefined) {
      throw new InvalidArgumentError("teamId", "left out when agentId is given");
    }
    let runs = this.runsRead.flatMap((run) => (run.runType === "workflow" ? (run.stepExecutorRuns ?? []) : []));
    if (agentId !== undefined) {
      runs = runs.filter((run) => run.runType === "agent" && run.agentId === agentId);
    }
    if (teamId !== undefined) {
      runs = runsOfTeam(runs, teamId, skipMemberMessages);
    }
    return selectMessages(runs, { ...options, skipStatuses: options.skipStatuses ?? [] });
  }

  /** Returns input and output of every run that has both, in any status, oldest first. `lastNRuns` counts all runs. */
  getChatHistory({ lastNRuns }: Pick<MessageOptions, "lastNRuns"> = {}): WorkflowTurn[] {
    return lastOf(this.runsRead, lastNRuns, "lastNRuns").flatMap((run) => {
      const input = inputOf(run) ?? null;
      const output = run.content ?? null;
      return input === null || output === null ? [] : [{ input, output }];
    });
  }

  /** Returns input and output of completed runs as text, oldest first: only the last `numRuns`, none for 0. */
  getWorkflowHistory({ numRuns }: { numRuns?: number } = {}): HistoryTurn[] {
    return completedTurns(this.runsRead, numRuns);
  }

  /** Returns `getWorkflowHistory` as text for the prompt of a step, or null when there is none. */
  getWorkflowHistoryContext(options: { numRuns?: number } = {}): string | null {
    return describeTurns(this.getWorkflowHistory(options), {
      tag: "workflow_history_context",
      heading: "Workflow Run",
      input: "User input",
      output: "Workflow output",
    });
  }
}

function runsOfTeam(runs: readonly Run[], teamId: string, skipMemberMessages: boolean): Run[] {
  return runs.flatMap((run) => {
    if (run.runType !== "team" || run.teamId !== teamId) {
      return [];
    }
    return skipMemberMessages ? [run] : [...(run.memberResponses ?? []), run];
  });
}
