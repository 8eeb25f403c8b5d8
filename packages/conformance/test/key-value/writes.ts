import type { SessionHeader, UpsertRunResult } from "@sessiondb/core";
import {
  admitOwner,
  checkRun,
  decodeHeader,
  filledColumns,
  keptColumns,
  mayDelete,
  parseRunRow,
  parseSessionRow,
  replacedColumns,
  runsToDelete,
  touched,
  unmetCondition,
  type RunChangeFunction,
  type RunScopeQuery,
  type RunSelection,
  type RunWrite,
  type SessionPosition,
  type SessionRow,
  type SessionWrite,
} from "@sessiondb/core/adapter";
import type { Draft } from "./draft.ts";
import type { StoredRun } from "./layout.ts";

// What each write plans. A plan may run several times, so it reads everything anew and changes nothing but its draft.

/** Changes a stored session, which is touched and adopted by the way. */
export function update(
  draft: Draft,
  stored: SessionRow<string>,
  { userId, columns }: { userId: string | null; columns: Partial<SessionRow<string>> },
): SessionHeader {
  const row = { ...stored, ...touched(stored, userId), ...columns };
  draft.putSession(row);
  return decodeHeader(parseSessionRow(row));
}

export async function putSessions(draft: Draft, given: readonly SessionWrite[]): Promise<SessionHeader[]> {
  await draft.readSessions(given.map(({ session }) => session.sessionId));
  await draft.readRuns(given.flatMap(({ runs }) => runs.map(({ runId }) => runId)));
  const headers: SessionHeader[] = [];
  for (const { session, runs, keptTimes } of given) {
    const stored = await draft.admitted(session);
    const columns = stored === null ? {} : { ...replacedColumns(session), ...keptColumns(keptTimes) };
    if (stored === null) {
      draft.putSession(session);
      headers.push(decodeHeader(parseSessionRow(session)));
    } else {
      headers.push(update(draft, stored.row, { userId: session.userId, columns }));
    }
    for (const run of runs) {
      await draft.putRun(run, keptTimes);
    }
  }
  return headers;
}

export async function putTurn(draft: Draft, write: RunWrite): Promise<UpsertRunResult> {
  const { session, run, keptTimes } = write;
  const sessions = [{ session, change: write.change }, ...write.also];
  await draft.readSessions(sessions.map((each) => each.session.sessionId));
  for (const each of sessions) {
    await draft.admitted(each.session);
  }
  const stored = await draft.session(session.sessionId);
  checkRun((await draft.run(run.runId))?.row ?? null, run);
  const needsRuns = write.conditions !== null || write.deleteAfter !== null;
  const runs = needsRuns ? (await draft.runsOf(session.sessionId)).map(({ row }) => row) : [];
  const state = { sessionExists: stored !== null, runs };
  const unmet = unmetCondition(write, state);
  if (unmet !== null) {
    return { stored: false, unmet };
  }
  const deleted = runsToDelete(write, state);
  for (const [index, { session: given, change }] of sessions.entries()) {
    const before = (await draft.session(given.sessionId))?.row ?? null;
    const filled = before === null ? {} : filledColumns(before, given);
    const changed = change?.(parseSessionRow({ ...(before ?? given), ...filled }));
    const columns = { ...filled, ...changed, ...(index === 0 && keptColumns(keptTimes)) };
    if (before === null) {
      draft.putSession({ ...given, ...columns });
    } else {
      update(draft, before, { userId: given.userId, columns });
    }
  }
  for (const runId of deleted) {
    draft.deleteRun(runId);
  }
  await draft.putRun(run, keptTimes);
  return { stored: true, deletedRuns: deleted.length };
}

export async function changeRun(
  draft: Draft,
  { runId, sessionId, userId }: RunScopeQuery,
  change: RunChangeFunction,
): Promise<StoredRun | null> {
  const stored = await draft.run(runId);
  const session = stored && (await draft.session(stored.row.sessionId));
  if (stored === null || session === null || (sessionId !== null && stored.row.sessionId !== sessionId)) {
    return null;
  }
  if (userId !== null) {
    admitOwner(session.row, userId, sessionId === null ? runId : null);
  }
  const changed = change(parseRunRow(stored.row));
  update(draft, session.row, { userId, columns: {} });
  if (changed === null) {
    draft.deleteRun(runId);
    return null;
  }
  return draft.putRun(changed, null);
}

export async function deleteRuns(draft: Draft, { runIds, userId }: RunSelection): Promise<number> {
  const found = (await draft.readRuns(runIds)).flatMap((run) => run ?? []);
  await draft.readSessions([...new Set(found.map(({ row }) => row.sessionId))]);
  let deleted = 0;
  for (const { row } of found) {
    const session = await draft.session(row.sessionId);
    if (session !== null && mayDelete(session.row, userId, row.runId)) {
      // The session's counts change, and so its version: whoever counts on its runs notices.
      draft.deleteRun(row.runId);
      deleted += 1;
    }
  }
  return deleted;
}

export async function deleteNamed(
  draft: Draft,
  { sessionIds, userId }: { sessionIds: readonly string[]; userId: string | null },
): Promise<number> {
  const found = (await draft.readSessions(sessionIds)).flatMap((session) => session ?? []);
  const deletable = found.filter(({ row }) => mayDelete(row, userId));
  for (const { row } of deletable) {
    await draft.deleteSession(row.sessionId);
  }
  return deletable.length;
}

/** What was found by conditions: the draft notices if one of them changes before the commit. */
export async function deleteFound(draft: Draft, found: readonly SessionPosition[]): Promise<number> {
  await draft.readSessions(found.map(({ sessionId }) => sessionId));
  for (const { sessionId } of found) {
    await draft.deleteSession(sessionId);
  }
  return found.length;
}
