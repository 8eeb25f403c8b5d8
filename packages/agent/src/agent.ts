import type { JsonObject, TurnSession } from "@sessiondb/core";
import { checkSwitches, componentScopes, readScope, type Known, type Unset } from "@sessiondb/turns";
import type { OutputInterface, ToolSet } from "ai";
import { ModelComponent } from "./model-component.ts";
import {
  modelComponentReaders,
  modelComponentSwitches,
  type AnyOutput,
  type ModelComponentOptions,
} from "./model-component-options.ts";
import type { RunOwner } from "./run-setup.ts";

/** The options of an agent. */
export type AgentOptions<
  Tools extends ToolSet = ToolSet,
  Output extends OutputInterface = AnyOutput,
  State extends object = JsonObject,
> = ModelComponentOptions<Tools, Output, State>;

/**
 * An agent with a memory, on a model of the AI SDK. With a `db`, each run is stored in a session, and the model is
 * shown the session's newest runs as the conversation so far.
 */
export class Agent<
  Tools extends ToolSet = Unset,
  Output extends OutputInterface = Unset,
  State extends object = Unset,
> extends ModelComponent<Known<Tools, ToolSet>, Known<Output, AnyOutput>, Known<State, JsonObject>> {
  readonly sessionType = "agent";

  constructor(options: AgentOptions<Tools, Output, State>) {
    const settings = readScope(options, modelComponentReaders, componentScopes);
    checkSwitches(options, settings, modelComponentSwitches);
    super(settings, "agent");
  }

  protected override get runOwner(): RunOwner {
    return { runType: "agent", agentId: this.id, ...(this.name !== null && { agentName: this.name }) };
  }

  protected override additions(): { readonly tools: ToolSet; readonly instructions: readonly string[] } {
    return { tools: {}, instructions: [] };
  }

  protected override sessionIdentity(sessionId: string): TurnSession {
    return {
      sessionType: "agent",
      sessionId,
      agentId: this.id,
      agentData: { agent_id: this.id, ...(this.name !== null && { name: this.name }), model: this.modelData },
    };
  }
}
