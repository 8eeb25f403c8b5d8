import { InvalidArgumentError, TeamSession, type Run, type SessionDb } from "@sessiondb/core";
import { count, flag, oneOf, untilAborted, type OptionReaders, type OptionsRead } from "@sessiondb/core/adapter";
import {
  checkDepth,
  hasAnswer,
  insideOf,
  mayTakePart,
  messageOf,
  ownRuns,
  promptData,
  runInside,
  textOf,
  unfinished,
  type Executor,
  type RunScope,
  type SessionAccess,
} from "@sessiondb/turns";
import { jsonSchema, tool, type ToolSet } from "ai";
import type { ChildRun, RunSetup } from "./run-setup.ts";

/** The options of delegation: the order of tasks, and the context that members are given. */
export interface DelegationOptions {
  /**
   * Whether tasks that the leader delegates in one step run one after another (`sequential`, the default) or
   * concurrently (`parallel`).
   */
  delegation?: "sequential" | "parallel" | undefined;
  /** Whether members are told the team's earlier conversation with the user. Default false. */
  addTeamHistoryToMembers?: boolean | undefined;
  /** The number of newest turns they are told. Default 3. */
  numTeamHistoryRuns?: number | undefined;
  /** Whether members are told the earlier answers of members in the same run. Default false. */
  shareMemberInteractions?: boolean | undefined;
  /** Whether a member is shown its own earlier runs in this session. Costs one read per task. Default false. */
  addMemberHistory?: boolean | undefined;
}

export const delegationReaders = {
  delegation: oneOf("sequential", "parallel"),
  addTeamHistoryToMembers: flag(false),
  numTeamHistoryRuns: count({ from: 0, otherwise: 3 }),
  shareMemberInteractions: flag(false),
  addMemberHistory: flag(false),
} satisfies OptionReaders<DelegationOptions>;

/** The options of delegation with their defaults. */
export type DelegationSettings = OptionsRead<typeof delegationReaders>;

/** The names of the leader's tools. */
export const delegationToolNames = ["delegate_task_to_member", "delegate_task_to_all_members"] as const;

/** The number of newest runs searched for a member's own, and the maximum number of those that it is shown. */
const runsSearched = 100;
const memberRuns = 10;

/** The part of a team that delegation uses. */
interface DelegatingTeam {
  readonly members: readonly Executor[];
  readonly keepsSessions: boolean;
  readonly access: SessionAccess;
  getDb(): Promise<SessionDb>;
}

interface Interaction {
  readonly member: string;
  readonly task: string;
  readonly answer: string;
}

/** The call of the leader's tool. */
interface DelegatingCall {
  readonly toolCallId: string;
  readonly abortSignal?: AbortSignal | undefined;
}

/** The leader's tools and instructions for one run. */
export class Delegation {
  readonly #team: DelegatingTeam;
  readonly #scope: RunScope;
  readonly #children: ChildRun[];
  readonly #options: DelegationSettings;
  readonly #interactions: Interaction[] = [];
  #last: Promise<unknown> = Promise.resolve();

  constructor(team: DelegatingTeam, { scope, children }: RunSetup, options: DelegationSettings) {
    checkDepth(scope, "members");
    this.#team = team;
    this.#scope = scope;
    this.#children = children;
    this.#options = options;
  }

  get instructions(): string {
    const members = this.#team.members.map(({ id, name, description }) =>
      [`- id: ${id}`, name === null ? "" : `name: ${name}`, description === null ? "" : `description: ${description}`]
        .filter((part) => part !== "")
        .join(", "),
    );
    return `You lead a team. Delegate tasks to members who can do them better than you, then answer the user yourself.\n\n<team_members>\n${members.join("\n")}\n</team_members>`;
  }

  get tools(): ToolSet {
    const task = { type: "string", description: "The task, including everything needed to do it." } as const;
    const memberId = { type: "string", description: "The id of the member." } as const;
    return {
      delegate_task_to_member: tool({
        description: "Gives a task to a team member and returns the member's answer.",
        inputSchema: jsonSchema<{ member_id: string; task: string }>({
          type: "object",
          properties: { member_id: memberId, task },
          required: ["member_id", "task"],
        }),
        execute: ({ member_id: id, task: text }, call) => this.#delegate(this.#memberOf(id), text, call),
      }),
      delegate_task_to_all_members: tool({
        description: "Gives the same task to every team member and returns their answers.",
        inputSchema: jsonSchema<{ task: string }>({ type: "object", properties: { task }, required: ["task"] }),
        execute: async ({ task: text }, call) => {
          const answers = this.#team.members.map(async (member) => {
            const answer = await this.#delegate(member, text, call).catch(messageOf);
            return { member_id: member.id, answer };
          });
          return Promise.all(answers);
        },
      }),
    };
  }

  #memberOf(id: string): Executor {
    const member = this.#team.members.find((each) => each.id === id);
    if (member === undefined) {
      throw new InvalidArgumentError("member_id", `one of ${this.#team.members.map((each) => each.id).join(", ")}`);
    }
    return member;
  }

  #delegate(member: Executor, task: string, call: DelegatingCall): Promise<string> {
    const work = (): Promise<string> => this.#run(member, task, call);
    if (this.#options.delegation === "parallel") {
      return work();
    }
    const next = this.#last.then(work, work);
    this.#last = next.catch(() => null);
    return next;
  }

  async #run(member: Executor, task: string, { toolCallId, abortSignal }: DelegatingCall): Promise<string> {
    // It also aborts when the leader fails or its time is over.
    const signal = abortSignal ?? this.#scope.signal;
    signal.throwIfAborted();
    const result = await runInside(member, {
      input: task,
      context: this.#context(),
      history: await untilAborted(this.#historyOf(member), signal),
      scope: insideOf(this.#scope, { signal }),
    });
    const { run, content } = result;
    this.#children.push({ toolCallId, run });
    if (run.status !== "COMPLETED") {
      throw unfinished(`Member ${member.id}`, result);
    }
    const answer = textOf(content);
    this.#interactions.push({ member: member.id, task, answer });
    return answer;
  }

  #context(): string | null {
    const { addTeamHistoryToMembers, numTeamHistoryRuns, shareMemberInteractions } = this.#options;
    const { sessionId, session: before } = this.#scope;
    const session = new TeamSession({ sessionId, runs: before?.runs ?? [] });
    const told = {
      team_history: addTeamHistoryToMembers ? session.getTeamHistory({ numRuns: numTeamHistoryRuns }) : [],
      member_interactions: shareMemberInteractions ? this.#interactions : [],
    };
    const parts = Object.entries(told).filter(([, items]) => items.length > 0);
    return parts.length === 0 ? null : parts.map(([tag, items]) => promptData(tag, items)).join("\n\n");
  }

  async #historyOf(member: Executor): Promise<Run[]> {
    if (!this.#options.addMemberHistory || !this.#team.keepsSessions) {
      return [];
    }
    const db = await this.#team.getDb();
    const { sessionId, runId, userId } = this.#scope;
    const session = this.#scope.session ?? (await db.getSession({ sessionId, includeRuns: false }));
    if (session === null || !mayTakePart(this.#team, { session, userId })) {
      return [];
    }
    const { runs } = await db.getRuns({ sessionId, sortOrder: "desc", limit: runsSearched });
    const before = await ownRuns(this.#team, runs.toReversed(), { db, session });
    const own = before
      .filter((run) => isOf(run, member) && run.parentRunId !== runId && hasAnswer(run))
      .slice(-memberRuns);
    // From the member's own view these are not member runs.
    return own.map((run) => ({ ...run, parentRunId: null }));
  }
}

function isOf(run: Run, { id }: Executor): boolean {
  return (
    (run.parentRunId ?? null) !== null &&
    ((run.runType === "agent" && run.agentId === id) || (run.runType === "team" && run.teamId === id))
  );
}
