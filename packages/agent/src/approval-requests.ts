import type { AgentRun, JsonObject, JsonValue, Run, TeamRun, ToolExecution, UnreadableRow } from "@sessiondb/core";
import {
  count,
  identifier,
  nonEmptyText,
  optional,
  type OptionReaders,
  type OptionsRead,
} from "@sessiondb/core/adapter";
import { ownRuns, type Component } from "@sessiondb/turns";
import { isDecidable } from "./resumed-run.ts";
import { isOfMember, isWaiting, openRequirements, toolOf, waitOf, type Wait } from "./waiting.ts";

/** The runs whose waiting calls are listed. */
export interface PendingApprovalsOptions {
  /**
   * Lists those in this user's sessions, or with `access: "shared"` those of the user's own runs. Default: the component's
   * `userId`, or else those of all users.
   */
  userId?: string;
  /** Lists those of this session. Default: of all sessions. Passing `undefined` or `""` is an error. */
  sessionId?: string;
  /** The largest number of runs on a page, of which each may have several calls that wait. Default 50. */
  limit?: number | undefined;
  /** `nextCursor` of another page. */
  cursor?: string | undefined;
}

/** A call that waits in a paused run of this component. */
export interface ApprovalRequest {
  readonly runId: string;
  readonly sessionId: string;
  /** The user who began the run. */
  readonly userId: string | null;
  readonly toolCallId: string;
  readonly toolName: string;
  /** What the model passed to the tool. */
  readonly input: JsonObject;
  /** What the call waits for: a yes or no, values from the user, or the result of a tool that runs elsewhere. */
  readonly kind: Wait;
  /** The fields to fill in, as Agno describes them; null unless the call waits for values from the user. */
  readonly userInputSchema: JsonValue;
  /** When the model made the call, in Unix seconds. */
  readonly since: number;
  /** The member of a team of Agno whose call it is; null for the component's own. */
  readonly member: { readonly id: string | null; readonly name: string | null; readonly runId: string | null } | null;
  /** Whether `continueRun` takes a decision about it. False for what only Agno can continue. */
  readonly canContinue: boolean;
}

/** One page of calls that wait, those of the oldest runs first. */
export interface ApprovalPage {
  readonly approvals: ApprovalRequest[];
  /** Asks for the page after this one. Null on the last page. A page without calls may have one. */
  readonly nextCursor: string | null;
  /** The runs of this page that cannot be read. */
  readonly unreadable: readonly UnreadableRow[];
}

export const pendingReaders = {
  userId: optional(identifier),
  sessionId: optional(identifier),
  limit: count({ from: 1, otherwise: 50 }),
  cursor: optional(nonEmptyText),
} satisfies OptionReaders<PendingApprovalsOptions>;

/** Returns a page of the calls that wait in the runs of a component. Reads no run that is not paused. */
export async function pendingApprovals(
  component: Component<object>,
  { userId, sessionId, limit, cursor }: OptionsRead<typeof pendingReaders>,
): Promise<ApprovalPage> {
  const { id: componentId, sessionType, access } = component;
  const db = await component.getDb();
  const { runs, nextCursor, unreadable } = await db.getRuns({
    componentId,
    status: "PAUSED",
    parentRunId: null,
    limit,
    ...(sessionId !== undefined && { sessionId }),
    ...(userId !== undefined && (access === "shared" ? { participantId: userId } : { userId })),
    ...(cursor !== undefined && { cursor }),
  });
  const isOwn = async (run: Run): Promise<boolean> => {
    const session = { sessionId: run.sessionId ?? "", userId: userId ?? null };
    return (await ownRuns(component, [run], { db, session })).length > 0;
  };
  const approvals: ApprovalRequest[] = [];
  for (const run of runs) {
    if (run.runType !== "workflow" && run.runType === sessionType && (await isOwn(run))) {
      approvals.push(...requestsIn(run));
    }
  }
  return { approvals, nextCursor, unreadable };
}

/** Returns the calls that wait in a paused run: its own, and those of members. */
function requestsIn(run: AgentRun | TeamRun): ApprovalRequest[] {
  const canContinue = isDecidable(run);
  const { runId, sessionId, userId = null, createdAt } = run;
  const request = (tool: ToolExecution, member: ApprovalRequest["member"]): ApprovalRequest => ({
    runId,
    sessionId: sessionId ?? "",
    userId,
    toolCallId: tool.toolCallId ?? "",
    toolName: tool.toolName ?? "",
    input: tool.toolArgs ?? {},
    kind: waitOf(tool) ?? "confirmation",
    userInputSchema: tool.userInputSchema ?? null,
    since: tool.createdAt ?? createdAt ?? 0,
    member,
    canContinue: canContinue && member === null,
  });
  const ofMembers = openRequirements(run).filter(isOfMember);
  return [
    ...(run.tools ?? []).filter(isWaiting).map((tool) => request(tool, null)),
    ...ofMembers.map((entry) =>
      request(toolOf(entry), {
        id: textIn(entry, "member_agent_id"),
        name: textIn(entry, "member_agent_name"),
        runId: textIn(entry, "member_run_id"),
      }),
    ),
  ];
}

function textIn(entry: JsonObject, key: string): string | null {
  const value = entry[key];
  return typeof value === "string" ? value : null;
}
