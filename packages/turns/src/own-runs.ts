import type { GetRunsOptions, Run, RunPage, SessionDb } from "@sessiondb/core";
import type { SessionMember } from "./admission.ts";

interface Whose {
  readonly db: SessionDb;
  readonly session: { readonly sessionId: string; readonly userId: string | null };
}

/**
 * Returns the runs that a model may be shown, in their order. Agno lets other users write into an owner's session. With
 * `access: "owner"`, their runs are hidden from the owner's model. But a session may also have passed to its owner with
 * its earlier runs. So a run is included if it names no user, is the owner's, or is older than the owner's first run
 * and of the user who began the session. It is left out if this cannot be determined.
 */
export async function ownRuns<Said extends Pick<Run, "userId" | "createdAt">>(
  { access }: Pick<SessionMember, "access">,
  runs: readonly Said[],
  { db, session: { sessionId, userId: owner } }: Whose,
): Promise<Said[]> {
  if (access === "shared" || owner === null) {
    return [...runs];
  }
  const isOwn = ({ userId }: Pick<Run, "userId">): boolean => (userId ?? owner) === owner;
  const firstOwn = runs.findIndex(({ userId }) => userId === owner);
  if (runs.slice(0, firstOwn === -1 ? undefined : firstOwn).every(isOwn)) {
    return runs.filter(isOwn);
  }
  const find = async (conditions: GetRunsOptions): Promise<RunPage | null> => {
    const page = await db.getRuns({ sessionId, parentRunId: null, ...conditions });
    return page.unreadable.length > 0 ? null : page;
  };
  const [begun, own] = await Promise.all([find({ limit: 1 }), find({ participantId: owner, limit: 1 })]);
  const origin = begun?.runs[0];
  if (origin === undefined || own === null) {
    return runs.filter(isOwn);
  }
  // Agno gives a stranger's run the place of the first one, so only their times show which run came first.
  const oldest = await find({ endTimestamp: timeOf(origin) });
  const isKnown = oldest?.nextCursor === null && oldest.runs.every(({ userId }) => userId === origin.userId);
  const [first] = own.runs;
  const until = first === undefined ? Infinity : timeOf(first);
  const isBefore = (run: Said): boolean => isKnown && run.userId === origin.userId && timeOf(run) < until;
  return runs.filter((run) => isOwn(run) || isBefore(run));
}

/** Returns the time of a run in whole seconds, as stores compare it. */
function timeOf({ createdAt }: Pick<Run, "createdAt">): number {
  return Math.floor(createdAt ?? 0);
}
