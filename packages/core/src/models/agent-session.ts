import type { JsonObject } from "../json.ts";
import { isMemberRun, selectMessages, selectToolCalls, type MessageOptions } from "./history.ts";
import type { Message } from "./messages.ts";
import { checkOwnType, SessionBase, type SessionFields } from "./session-base.ts";

/** What an agent's session is made from. */
export interface AgentSessionInit extends SessionFields {
  sessionType: "agent";
}

export interface AgentMessageOptions extends MessageOptions {
  /** Only runs of this agent, where several share the session. */
  agentId?: string;
  /** Only runs of this team, where one shares the session. */
  teamId?: string;
}

/** The session of an agent. */
export class AgentSession extends SessionBase {
  readonly sessionType = "agent";

  /** @throws InvalidArgumentError when `sessionType` is given and is another one. */
  constructor(init: SessionFields & { sessionType?: "agent" }) {
    super(init);
    checkOwnType(init, "agent");
  }

  get componentId(): string | null {
    return this.agentId;
  }

  get messages(): Message[] {
    return this.getMessages();
  }

  /** The messages that a next turn would send as history: of runs that are no member runs, oldest first. */
  getMessages({ agentId, teamId, ...options }: AgentMessageOptions = {}): Message[] {
    const runs = this.runsRead.filter(
      (run) =>
        !isMemberRun(run) &&
        (agentId === undefined || (run.runType === "agent" && run.agentId === agentId)) &&
        (teamId === undefined || (run.runType === "team" && run.teamId === teamId)),
    );
    return selectMessages(runs, options);
  }

  /** What user and model said, failed and paused runs included; no system messages, no tool results. */
  getChatHistory(options: Pick<MessageOptions, "lastNRuns"> = {}): Message[] {
    return this.getMessages({ ...options, skipRoles: ["system", "tool"], skipStatuses: [] });
  }

  /** The tool calls of all runs, member runs included: newest run first, the first `numCalls` when it is positive. */
  getToolCalls({ numCalls }: { numCalls?: number } = {}): JsonObject[] {
    return selectToolCalls(this.runsRead, numCalls);
  }
}
