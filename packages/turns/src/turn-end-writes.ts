import type { Run, SessionDb, SessionDbError } from "@sessiondb/core";
import { isRefusal } from "./admission.ts";
import { isMarked } from "./running-mark.ts";
import { endingsOf, identityOf, isContentRefusal, unstorable, type TurnEnd } from "./turn-end.ts";
import type { TurnWriter } from "./turn-writer.ts";

interface EndWriter {
  readonly db: SessionDb;
  readonly writer: TurnWriter;
  readonly sessionId: string;
  /** Whether the run's row is known to be stored. If it is deleted later, the end does not recreate it. */
  readonly runExists: boolean;
}

/**
 * Writes as much of a run's end as the store accepts. Returns its refusal of the rest, or null. Rejects with any other
 * error; the row of a run whose session became another user's is closed then.
 */
export async function writeEnd(end: TurnEnd, to: EndWriter): Promise<SessionDbError | null> {
  try {
    return await writeAccepted(end, to);
  } catch (error) {
    await closeRefused(end.run, error, to);
    throw error;
  }
}

async function writeAccepted(end: TurnEnd, to: EndWriter): Promise<SessionDbError | null> {
  const { db, writer, runExists } = to;
  const conditions = runExists ? { onlyIfExists: "run" as const } : {};
  let refusal: SessionDbError | null = null;
  for (const ending of endingsOf(end)) {
    try {
      const { run, change } = ending();
      await writer.write(db, { run, ...(change !== null && { change }), ...conditions });
      return refusal;
    } catch (error) {
      if (!isContentRefusal(error)) {
        throw error;
      }
      refusal = error;
    }
  }
  if (refusal !== null) {
    await writeRefused(end.run, refusal, to);
  }
  return refusal;
}

/** Writes that a run's end cannot be stored: what its tools did is kept, if the store takes that. */
async function writeRefused(
  run: Run,
  refusal: SessionDbError,
  { db, writer, sessionId, runExists }: EndWriter,
): Promise<void> {
  if (!runExists) {
    await writer.write(db, { run: unstorable(identityOf(run), refusal) });
    return;
  }
  const write = (change: (row: Run) => Run): Promise<Run | null> =>
    db.updateRun({ runId: run.runId, sessionId }, (row) => unstorable(change(row), refusal));
  try {
    await write((row) => ({ ...row, ...("tools" in run && { tools: run.tools }) }));
  } catch (error) {
    if (!isContentRefusal(error)) {
      throw error;
    }
    await write((row) => row);
  }
}

/** Closes the row of a run whose session has become another user's meanwhile. What it said is not for that user. */
async function closeRefused({ runId }: Run, refusal: unknown, { db, sessionId, runExists }: EndWriter): Promise<void> {
  if (runExists && refusal instanceof Error && isRefusal(refusal)) {
    await db
      .updateRun({ runId, sessionId }, (row) => (isMarked(row) ? unstorable(row, refusal) : row))
      // A later turn closes it.
      .catch(() => null);
  }
}
