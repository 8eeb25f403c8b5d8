import { InvalidArgumentError, type TurnSession } from "@sessiondb/core";
import type { OptionReaders } from "@sessiondb/core/adapter";
import { readScope, type Executor } from "@sessiondb/turns";
import type { ToolSet } from "ai";
import { ModelComponent, type RunSetup } from "./model-component.ts";
import { modelComponentReaders, type ModelComponentOptions } from "./model-component-options.ts";
import { Delegation, delegationReaders, type DelegationOptions } from "./delegation.ts";
import type { RunOwner } from "./run-record.ts";

/** The options of a team: those of its leader, and its members. */
export interface TeamOptions extends ModelComponentOptions, DelegationOptions {
  /** Agents, or teams, with ids of their own. Their `description` helps the leader to choose. */
  members: readonly Executor[];
  /** Also keeps the members' runs within the leader's, as Agno can; they are rows of their own in any case. Default false. */
  storeMemberResponses?: boolean;
}

const teamReaders = {
  ...modelComponentReaders,
  ...delegationReaders,
  members: membersOf,
} satisfies OptionReaders<TeamOptions>;

/**
 * A model that leads others: it answers itself or delegates tasks to members. The session is the team's. Each run of a
 * member is a row of its own, whose `parentRunId` is the leader's run, and is not part of the leader's history. What members
 * keep by themselves, such as a `db`, does not matter here.
 */
export class Team extends ModelComponent {
  readonly sessionType = "team";
  readonly members: readonly Executor[];
  readonly #delegation: Required<DelegationOptions>;

  constructor(options: TeamOptions) {
    const settings = readScope(options, teamReaders, ["userId", "db"]);
    super(settings, "team");
    this.members = settings.members;
    this.#delegation = settings;
  }

  protected override get runOwner(): RunOwner {
    return { runType: "team", teamId: this.id, ...(this.name !== null && { teamName: this.name }) };
  }

  protected override additions(setup: RunSetup): { readonly tools: ToolSet; readonly instructions: readonly string[] } {
    const delegation = new Delegation(this, setup, this.#delegation);
    return { tools: delegation.tools, instructions: [delegation.instructions] };
  }

  protected override sessionIdentity(sessionId: string): TurnSession {
    return {
      sessionType: "team",
      sessionId,
      teamId: this.id,
      teamData: { team_id: this.id, ...(this.name !== null && { name: this.name }), model: this.modelData },
    };
  }
}

function membersOf(value: unknown, argument: string): readonly Executor[] {
  const members: readonly unknown[] = Array.isArray(value) ? value : [];
  const ids = new Set(members.map((member) => (isMember(member) ? member.id : null)));
  if (members.length === 0 || ids.size < members.length || !members.every(isMember)) {
    throw new InvalidArgumentError(argument, "one or more agents or teams, each with an id of its own");
  }
  return [...members];
}

function isMember(value: unknown): value is Executor {
  const { sessionType, runEmbedded } = (value ?? {}) as Partial<Executor>;
  return (sessionType === "agent" || sessionType === "team") && typeof runEmbedded === "function";
}
