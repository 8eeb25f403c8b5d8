import type { Run, SessionDb } from "@sessiondb/core";
import { isMarked, withoutMark } from "./running-mark.ts";
import { withRunsInside } from "./runs-inside.ts";

interface Where {
  readonly db: SessionDb;
  readonly sessionId: string;
}

/** A way to end a run that somebody else runs, or nobody. */
interface Ending {
  /** Whether it ends a run, which is as it is stored then. */
  readonly ends: (run: Run) => boolean;
  readonly end: (run: Run) => Run;
}

interface Ended {
  /** The run as it is stored then; null if it does not exist. */
  readonly run: Run | null;
  /** Whether this ended it. */
  readonly isEnded: boolean;
}

/** Closes a run that `isLeft` by a dead process, with those inside it. */
export function closeRun(run: Run, isLeft: (run: Run) => boolean, where: Where): Promise<Ended> {
  const end = (each: Run): Run => ({
    ...each,
    status: "ERROR",
    content: each.content ?? "The process of this run ended before the run did.",
  });
  return endRun(run, { first: isLeft, inside: { ends: isMarked, end } }, where);
}

/** Cancels a run that is in progress here or waits, with those inside it. Its process adds what it did until then. */
export function cancelStored(run: Run, where: Where): Promise<Ended> {
  const ends = (each: Run): boolean => isMarked(each) || each.status === "PAUSED";
  return endRun(run, { first: ends, inside: { ends, end: (each) => ({ ...each, status: "CANCELLED" }) } }, where);
}

async function endRun(
  { runId }: Run,
  { first, inside }: { readonly first: Ending["ends"]; readonly inside: Ending },
  { db, sessionId }: Where,
): Promise<Ended> {
  let isEnded = false;
  const run = await db.updateRun({ runId, sessionId }, (stored) => {
    isEnded = first(stored);
    return isEnded ? ended(stored, inside) : stored;
  });
  if (isEnded && run?.runType === "team") {
    const { runs } = await db.getRuns({ sessionId, parentRunId: runId, status: ["RUNNING", "PAUSED"] });
    for (const member of runs) {
      await endRun(member, { first: inside.ends, inside }, { db, sessionId });
    }
  }
  return { run, isEnded: isEnded && run !== null };
}

function ended(run: Run, ending: Ending): Run {
  const within = withRunsInside(run, (inside) => (ending.ends(inside) ? ended(inside, ending) : inside));
  return ending.end(withoutMark(within));
}
