import type { TurnSession } from "@sessiondb/core";
import type { ToolSet } from "ai";
import { Conversation } from "./conversation.ts";
import { conversationReaders, type ConversationOptions } from "./conversation-options.ts";
import { readScope } from "./run-ids.ts";
import type { RunOwner } from "./run-record.ts";

/** What an agent is made from. */
export type AgentOptions = ConversationOptions;

/**
 * An agent on a model of the AI SDK that remembers: with a `db`, each run is kept under its session id, and the newest runs
 * of the session are what the model is shown of the conversation so far.
 */
export class Agent extends Conversation {
  readonly sessionType = "agent";

  constructor(options: AgentOptions) {
    super(readScope(options, conversationReaders, ["userId", "db"]), "agent");
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
