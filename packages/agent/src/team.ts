import { InvalidArgumentError, type TurnSession } from "@sessiondb/core";
import type { ToolSet } from "ai";
import { Conversation, type RunSetup } from "./conversation.ts";
import type { ConversationOptions } from "./conversation-options.ts";
import { Delegation, type DelegationOptions } from "./delegation.ts";
import type { Executor } from "./executor.ts";
import type { RunOwner } from "./run-record.ts";

/** What a team is made from: the options of its leader, and those of its members. */
export interface TeamOptions extends ConversationOptions, DelegationOptions {
  /** Agents, or teams, with ids of their own. What their `description` says helps the leader to choose. */
  members: readonly Executor[];
  /** Also keeps the members' runs within the leader's, as Agno can; they are rows of their own in any case. Default false. */
  storeMemberResponses?: boolean;
}

/**
 * A model that leads others: it answers itself or delegates tasks to members. The session is the team's. Each run of a
 * member is a row of its own, whose `parentRunId` is the leader's run, and is not part of the leader's history. What members
 * keep by themselves, such as a `db`, does not matter here.
 */
export class Team extends Conversation {
  readonly sessionType = "team";
  readonly members: readonly Executor[];
  readonly #delegation: DelegationOptions;

  constructor(options: TeamOptions) {
    super(options, "team");
    const ids = new Set(options.members.map(({ id }) => id));
    const kinds = options.members.map(({ sessionType }) => sessionType);
    if (ids.size === 0 || ids.size !== kinds.length || kinds.some((kind) => kind !== "agent" && kind !== "team")) {
      throw new InvalidArgumentError("members", "one or more agents or teams, each with an id of its own");
    }
    this.members = [...options.members];
    this.#delegation = { ...options };
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
