import type { Run, SessionDb } from "@sessiondb/core";
import type { Component } from "./component.ts";

interface Whose {
  readonly db: SessionDb;
  readonly session: { readonly sessionId: string; readonly userId: string | null };
}

/**
 * The runs, in their order, of which a model may be told. Others than the owner can write into a session: Agno lets them.
 * With `access: "owner"` their runs are not for the owner's model, but a session may also have been given to its owner with
 * all that it held. So a run counts that names nobody, that is the owner's, or that is before the owner's first and of the
 * user whom the session began with. A run of which that cannot be told is left out.
 */
export async function ownRuns(
  { access }: Pick<Component, "access">,
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
  const first = async (whose: { participantId?: string }): Promise<Run | null | undefined> => {
    const page = await db.getRuns({ sessionId, parentRunId: null, limit: 1, ...whose });
    return page.unreadable.length > 0 ? undefined : (page.runs[0] ?? null);
  };
  const [origin, own] = await Promise.all([first({}), first({ participantId: owner })]);
  const place = runs.findIndex(({ runId }) => runId === own?.runId);
  const isBefore = (run: Run, index: number): boolean =>
    own === null || (own !== undefined && (place === -1 ? timeOf(run) < timeOf(own) : index < place));
  return runs.filter((run, index) => isOwn(run) || (run.userId === origin?.userId && isBefore(run, index)));
}

function timeOf({ createdAt }: Run): number {
  return createdAt ?? 0;
}
