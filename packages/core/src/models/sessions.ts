import type { AgentSession, AgentSessionInit } from "./agent-session.ts";
import type { SessionBase } from "./session-base.ts";
import type { TeamSession, TeamSessionInit } from "./team-session.ts";
import type { WorkflowSession, WorkflowSessionInit } from "./workflow-session.ts";

export type { SessionType } from "./session-base.ts";

/** One conversation thread with its runs. `sessionType` tells the kind. */
export type Session = AgentSession | TeamSession | WorkflowSession;

/** The members of a session that use its runs. */
type RunMembers = "runs" | "messages" | "upsertRun" | "getRun";

type HeaderOf<Kind extends Session> = Kind extends Session
  ? Pick<Kind, Exclude<keyof SessionBase, RunMembers>> & { readonly runs: null }
  : never;

/**
 * A session that was read without its runs: `runs` is null, never an empty list. It has no messages; untyped code that
 * asks for them gets a `RunsNotReadError`.
 */
export type SessionHeader = HeaderOf<Session>;

/** The fields to write a session from. A session that was read will do, with or without its runs. */
export type SessionInit = AgentSessionInit | TeamSessionInit | WorkflowSessionInit;
