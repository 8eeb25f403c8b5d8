import type { JsonObject } from "../json.ts";
import { isMemberRun, selectMessages, selectToolCalls, type MessageOptions } from "./history.ts";
import type { Message } from "./messages.ts";
import { checkOwnType, SessionBase, type SessionFields } from "./session-base.ts";

/** The fields of an agent's new session. */
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

  /** Returns the messages of runs that are not member runs, oldest first. */
  getMessages({ agentId, teamId, ...options }: AgentMessageOptions = {}): Message[] {
    const runs = this.runsRead.filter(
      (run) =>
        !isMemberRun(run) &&
        (agentId === undefined || (run.runType === "agent" && run.agentId === agentId)) &&
        (teamId === undefined || (run.runType === "team" && run.teamId === teamId)),
    );
    return selectMessages(runs, options);
  }

  /** Returns all that user and model said, also in failed and paused runs, without system messages and tool results. */
  getChatHistory(options: Pick<MessageOptions, "lastNRuns"> = {}): Message[] {
    return this.getMessages({ ...options, skipRoles: ["system", "tool"], skipStatuses: [] });
  }

  /** Returns the tool calls of all runs, newest run first, member runs included: only `numCalls` if it is positive. */
  getToolCalls({ numCalls }: { numCalls?: number } = {}): JsonObject[] {
    return selectToolCalls(this.runsRead, numCalls);
  }
}
