import type { AgentSession, AgentSessionInit } from "./agent-session.ts";
import type { SessionBase } from "./session-base.ts";
import type { TeamSession, TeamSessionInit } from "./team-session.ts";
import type { WorkflowSession, WorkflowSessionInit } from "./workflow-session.ts";

export type { SessionType } from "./session-base.ts";

/** One conversation thread with its runs. `sessionType` tells which kind. */
export type Session = AgentSession | TeamSession | WorkflowSession;

/** What looks at the runs of a session. */
type RunMembers = "runs" | "messages" | "upsertRun" | "getRun";

type HeaderOf<Kind extends Session> = Kind extends Session
  ? Pick<Kind, Exclude<keyof SessionBase, RunMembers>> & { readonly runs: null }
  : never;

/**
 * A session that was read without its runs: `runs` is null, never an empty list. Its messages are not there; code without
 * types that asks for them gets a `RunsNotReadError`.
 */
export type SessionHeader = HeaderOf<Session>;

/** What a session is written from. A session that was read is one too, with or without its runs. */
export type SessionInit = AgentSessionInit | TeamSessionInit | WorkflowSessionInit;
