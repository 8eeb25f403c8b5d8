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

/** What was stored of a run's end. */
interface Written {
  /** CANCELLED if somebody cancelled the run meanwhile. */
  readonly run: Run;
  /** The store's refusal of a part of it; null if it accepted all. */
  readonly refusal: SessionDbError | null;
}

/**
 * Writes as much of a run's end as the store accepts. Rejects with errors other than a refusal of that; the row of a run
 * whose session became another user's is closed then.
 */
export async function writeEnd(end: TurnEnd, to: EndWriter): Promise<Written> {
  try {
    return await writeAccepted(end, to);
  } catch (error) {
    await closeRefused(end.run, error, to);
    throw error;
  }
}

async function writeAccepted(end: TurnEnd, to: EndWriter): Promise<Written> {
  const { db, writer, runExists } = to;
  let refusal: SessionDbError | null = null;
  for (const ending of endingsOf(end)) {
    try {
      const { run, change } = ending();
      const write = { run, ...(change !== null && { change }) };
      if (runExists) {
        return { run: await writer.writeEnd(db, write), refusal };
      }
      await writer.write(db, write);
      return { run, refusal };
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
  return { run: end.run, refusal };
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
    db.updateRun({ runId: run.runId, sessionId }, (row) => ({
      ...unstorable(change(row), refusal),
      ...(row.status === "CANCELLED" && { status: row.status }),
    }));
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
