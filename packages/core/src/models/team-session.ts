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

/** The fields of a team's new session. */
export interface TeamSessionInit extends SessionFields {
  sessionType: "team";
}

export interface TeamMessageOptions extends MessageOptions {
  /** Only runs of this team, including those as a member of another one. */
  teamId?: string;
  /** Only runs of these agents, including those in a team run's `memberResponses`. An empty list is no condition. */
  memberIds?: readonly string[];
  /** Leaves out the runs of members. Default true; `teamId` and `memberIds` make it false. */
  skipMemberMessages?: boolean;
}

export interface TeamHistoryOptions {
  /** All completed runs of this team. Default: those that are not member runs. */
  teamId?: string;
  /** Only the last n; none for 0. */
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

  /** Returns the messages of the team's runs, or of those the options choose, oldest first. */
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

  /** Returns all that user and team said, also in failed and paused runs, without system messages and tool results. */
  getChatHistory(options: Pick<MessageOptions, "lastNRuns"> = {}): Message[] {
    return this.getMessages({ ...options, skipRoles: ["system", "tool"], skipStatuses: [] });
  }

  /** Returns the tool calls of all runs, newest run first, member runs included: only `numCalls` if it is positive. */
  getToolCalls({ numCalls }: { numCalls?: number } = {}): JsonObject[] {
    return selectToolCalls(this.runsRead, numCalls);
  }

  /** Returns the input and answer of completed runs as text, oldest first. */
  getTeamHistory({ teamId, numRuns }: TeamHistoryOptions = {}): HistoryTurn[] {
    const runs = teamId === undefined ? this.runsRead.filter((run) => !isMemberRun(run)) : this.#runsOfTeam(teamId);
    return completedTurns(runs, numRuns);
  }

  /** Returns `getTeamHistory` as text for a member's prompt, or null when there is none. */
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

/** A member's run may be stored both beside the team's run and inside it; it counts once, at its first place. */
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
