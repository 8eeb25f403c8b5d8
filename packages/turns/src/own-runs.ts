import type { GetRunsOptions, Run, RunPage, SessionDb } from "@sessiondb/core";
import type { SessionMember } from "./admission.ts";

interface Whose {
  readonly db: SessionDb;
  readonly session: { readonly sessionId: string; readonly userId: string | null };
}

/**
 * The runs, in their order, of which a model may be told. Others than the owner can write into a session: Agno lets them.
 * With `access: "owner"` their runs are not for the owner's model, but a session may also have been given to its owner with
 * all that it held. So a run counts that names nobody, that is the owner's, or that is older than the owner's first and of
 * the user whom the session began with. A run of which that cannot be told is left out.
 */
export async function ownRuns(
  { access }: Pick<SessionMember, "access">,
  runs: readonly Run[],
  { db, session: { sessionId, userId: owner } }: Whose,
): Promise<Run[]> {
  if (access === "shared" || owner === null) {
    return [...runs];
  }
  const isOwn = ({ userId }: Run): boolean => (userId ?? owner) === owner;
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
  // Agno gives a stranger's run the place of the first one: only their times tell which of them it is.
  const oldest = await find({ endTimestamp: timeOf(origin) });
  const isKnown = oldest?.nextCursor === null && oldest.runs.every(({ userId }) => userId === origin.userId);
  const [first] = own.runs;
  const until = first === undefined ? Infinity : timeOf(first);
  const isBefore = (run: Run): boolean => isKnown && run.userId === origin.userId && timeOf(run) < until;
  return runs.filter((run) => isOwn(run) || isBefore(run));
}

/** In whole seconds, as stores compare it. */
function timeOf({ createdAt }: Run): number {
  return Math.floor(createdAt ?? 0);
}
