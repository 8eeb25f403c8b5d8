import type { JsonObject } from "../json.ts";
import {
  completedTurns,
  describeTurns,
  isMemberRun,
  selectMessages,
  selectToolCalls,
  type HistoryTurn,
  type MessageOptions,
} from "./history.ts";
import type { Message } from "./messages.ts";
import type { Run } from "./runs.ts";
import { checkOwnType, SessionBase, type SessionFields } from "./session-base.ts";

/** What a team's session is made from. */
export interface TeamSessionInit extends SessionFields {
  sessionType: "team";
}

export interface TeamMessageOptions extends MessageOptions {
  /** Only runs of this team, also where it is a member of another one. */
  teamId?: string;
  /** Only runs of these agents, also those inside a team run's `memberResponses`. An empty list is no condition. */
  memberIds?: readonly string[];
  /** Leaves out the runs of members. Default true; `teamId` and `memberIds` make it false. */
  skipMemberMessages?: boolean;
}

export interface TeamHistoryOptions {
  /** All completed runs of this team. Default: those that are no member runs. */
  teamId?: string;
  /** Only the last n; 0 gives nothing. */
  numRuns?: number;
}

/** The session of a team, with the runs of the team and of its members. */
export class TeamSession extends SessionBase {
  readonly sessionType = "team";

  /** @throws InvalidArgumentError when `sessionType` is given and is another one. */
  constructor(init: SessionFields & { sessionType?: "team" }) {
    super(init);
    checkOwnType(init, "team");
  }

  get componentId(): string | null {
    return this.teamId;
  }

  get messages(): Message[] {
    return this.getMessages();
  }

  /** The messages that a next turn of the team, or of a member, would send as history, oldest first. */
  getMessages({ teamId, memberIds, skipMemberMessages = true, ...options }: TeamMessageOptions = {}): Message[] {
    let runs = teamId === undefined ? this.runsRead : this.#runsOfTeam(teamId);
    if (memberIds !== undefined && memberIds.length > 0) {
      runs = runsOfMembers(runs, memberIds);
    }
    if (skipMemberMessages && teamId === undefined && memberIds === undefined) {
      runs = runs.filter((run) => !isMemberRun(run));
    }
    return selectMessages(runs, options);
  }

  /** What user and team said, failed and paused runs included; no system messages, no tool results. */
  getChatHistory(options: Pick<MessageOptions, "lastNRuns"> = {}): Message[] {
    return this.getMessages({ ...options, skipRoles: ["system", "tool"], skipStatuses: [] });
  }

  /** The tool calls of all runs, member runs included: newest run first, the first `numCalls` when it is positive. */
  getToolCalls({ numCalls }: { numCalls?: number } = {}): JsonObject[] {
    return selectToolCalls(this.runsRead, numCalls);
  }

  /** Input and answer of completed runs as text, oldest first. */
  getTeamHistory({ teamId, numRuns }: TeamHistoryOptions = {}): HistoryTurn[] {
    const runs = teamId === undefined ? this.runsRead.filter((run) => !isMemberRun(run)) : this.#runsOfTeam(teamId);
    return completedTurns(runs, numRuns);
  }

  /** `getTeamHistory` as text for a member's prompt, or null when there is none. */
  getTeamHistoryContext(options: TeamHistoryOptions = {}): string | null {
    return describeTurns(this.getTeamHistory(options), {
      tag: "team_history_context",
      heading: "run",
      input: "input",
      output: "response",
    });
  }

  #runsOfTeam(teamId: string): Run[] {
    return this.runsRead.filter((run) => run.runType === "team" && run.teamId === teamId);
  }
}

/** A member's run may be stored both beside the team's run and inside it; it counts once, where it is first. */
function runsOfMembers(runs: readonly Run[], memberIds: readonly string[]): Run[] {
  const found = new Map<string, Run>();
  for (const run of runs) {
    for (const candidate of [run, ...(run.runType === "team" ? (run.memberResponses ?? []) : [])]) {
      if (candidate.runType !== "agent" || !memberIds.includes(candidate.agentId ?? "")) {
        continue;
      }
      if (!found.has(candidate.runId)) {
        found.set(candidate.runId, candidate);
      }
    }
  }
  return [...found.values()];
}
