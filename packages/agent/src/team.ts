import { InvalidArgumentError, type JsonObject, type TurnSession } from "@sessiondb/core";
import type { OptionReaders } from "@sessiondb/core/adapter";
import { checkSwitches, componentScopes, readScope, type Executor, type Known, type Unset } from "@sessiondb/turns";
import type { OutputInterface, ToolSet } from "ai";
import { ModelComponent } from "./model-component.ts";
import {
  modelComponentReaders,
  modelComponentSwitches,
  type AnyOutput,
  type ModelComponentOptions,
} from "./model-component-options.ts";
import {
  Delegation,
  delegationReaders,
  delegationToolNames,
  type DelegationOptions,
  type DelegationSettings,
} from "./delegation.ts";
import { knownTools } from "./model-options.ts";
import { checkToolNames } from "./session-tools.ts";
import type { RunOwner, RunSetup } from "./run-setup.ts";

/** An agent or a team, which can be a member of a team; a workflow cannot. */
export type TeamMember = Executor & { readonly sessionType: "agent" | "team" };

/** The options of a team: those of its leader, and its members. */
export interface TeamOptions<
  Tools extends ToolSet = ToolSet,
  Output extends OutputInterface = AnyOutput,
  State extends object = JsonObject,
>
  extends ModelComponentOptions<Tools, Output, State>, DelegationOptions {
  /** Agents or teams, each with an id of its own. Their `description` helps the leader to choose. */
  members: readonly TeamMember[];
  /** Whether the leader's run also holds its members' runs, as Agno can store them. Default false. */
  storeMemberResponses?: boolean | undefined;
}

const teamReaders = {
  ...modelComponentReaders,
  ...delegationReaders,
  members: membersOf,
} satisfies OptionReaders<TeamOptions>;

/**
 * A model that leads others: it answers itself or delegates tasks to members. The session is the team's. Each member's
 * run is a row of its own, with the leader's run as `parentRunId`, and is not part of the leader's history. A member's
 * `db` is not used to store it.
 */
export class Team<
  Tools extends ToolSet = Unset,
  Output extends OutputInterface = Unset,
  State extends object = Unset,
> extends ModelComponent<Known<Tools, ToolSet>, Known<Output, AnyOutput>, Known<State, JsonObject>> {
  readonly sessionType = "team";
  readonly members: readonly TeamMember[];
  readonly #delegation: DelegationSettings;

  constructor(options: TeamOptions<Tools, Output, State>) {
    const settings = readScope(options, teamReaders, componentScopes);
    checkSwitches(options, settings, { ...modelComponentSwitches, addTeamHistoryToMembers: ["numTeamHistoryRuns"] });
    super(settings, "team");
    checkToolNames(knownTools(settings.tools), delegationToolNames);
    this.members = settings.members;
    this.#delegation = settings;
  }

  protected override get runsRead(): number {
    const { addTeamHistoryToMembers, numTeamHistoryRuns } = this.#delegation;
    return Math.max(super.runsRead, addTeamHistoryToMembers ? numTeamHistoryRuns : 0);
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

function membersOf(value: unknown, argument: string): readonly TeamMember[] {
  const members: readonly unknown[] = Array.isArray(value) ? value : [];
  const ids = new Set(members.map((member) => (isMember(member) ? member.id : null)));
  if (members.length === 0 || ids.size < members.length || !members.every(isMember)) {
    throw new InvalidArgumentError(argument, "one or more agents or teams, each with an id of its own");
  }
  return [...members];
}

function isMember(value: unknown): value is TeamMember {
  const { sessionType, runEmbedded } = (value ?? {}) as Partial<Executor>;
  return (sessionType === "agent" || sessionType === "team") && typeof runEmbedded === "function";
}
