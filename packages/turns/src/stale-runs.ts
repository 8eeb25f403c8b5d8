import type { Run, SessionDb } from "@sessiondb/core";
import { isMarked, withoutMark } from "./running-mark.ts";
import { withRunsInside } from "./runs-inside.ts";

interface Where {
  readonly db: SessionDb;
  readonly sessionId: string;
}

/** Closes a run that `isLeft`, with those inside it. Returns it as it is stored then; null if it no longer exists. */
export async function closeRun(
  { runId }: Run,
  isLeft: (run: Run) => boolean,
  { db, sessionId }: Where,
): Promise<Run | null> {
  let isClosed = false;
  const after = await db.updateRun({ runId, sessionId }, (run) => {
    isClosed = isLeft(run);
    return isClosed ? closed(run) : run;
  });
  if (isClosed && after?.runType === "team") {
    const { runs } = await db.getRuns({ sessionId, parentRunId: runId, status: "RUNNING" });
    for (const run of runs) {
      await closeRun(run, isMarked, { db, sessionId });
    }
  }
  return after;
}

function closed(run: Run): Run {
  return {
    ...withoutMark(withRunsInside(run, (inside) => (isMarked(inside) ? closed(inside) : inside))),
    status: "ERROR",
    content: run.content ?? "The process of this run ended before the run did.",
  };
}
