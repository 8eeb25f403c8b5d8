import type { AgentSession, AgentSessionInit } from "./agent-session.ts";
import type { TeamSession, TeamSessionInit } from "./team-session.ts";
import type { WorkflowSession, WorkflowSessionInit } from "./workflow-session.ts";

export type { SessionType } from "./session-base.ts";

/** One conversation thread. `sessionType` tells which kind. */
export type Session = AgentSession | TeamSession | WorkflowSession;

/** What a session is written from. A session that was read is one too. */
export type SessionInit = AgentSessionInit | TeamSessionInit | WorkflowSessionInit;
