import type { LegacyRunsProgress, MigrateLegacyRunsOptions } from "@sessiondb/core";
import type { Work } from "../sql-driver.ts";
import { firstBatch, type CopiedBatch, type LegacyCopy } from "./legacy-copy.ts";
import type { LegacyRuns } from "./legacy-runs.ts";

interface CopyWork {
  readonly copy: LegacyCopy;
  readonly legacy: LegacyRuns;
  readonly write: <Result>(work: Work<Result>) => Promise<Result>;
}

/** Copies the runs of Agno 2's column into rows, one batch after another, each in a transaction of its own. */
export async function copyRuns(
  { copy, legacy, write }: CopyWork,
  { batchSize, onProgress }: MigrateLegacyRunsOptions & { readonly batchSize: number },
): Promise<LegacyRunsProgress> {
  let progress: LegacyRunsProgress = { sessions: 0, runs: 0, skipped: 0 };
  let next: CopiedBatch["next"] = firstBatch;
  while (next !== null) {
    const start = next;
    const batch: CopiedBatch = await write((on) => copy.copyBatch(on, start, batchSize));
    progress = {
      sessions: progress.sessions + batch.sessions,
      runs: progress.runs + batch.runs,
      skipped: progress.skipped + batch.skipped,
    };
    onProgress?.(progress);
    ({ next } = batch);
  }
  // If a run was left out, the column must still be read, or that run would be lost from sight.
  if (progress.skipped === 0) {
    await write((on) => legacy.markCopied(on));
  }
  return progress;
}
