import { setImmediate } from "node:timers/promises";
import type { LegacyRunsProgress, MigrateLegacyRunsOptions } from "@sessiondb/core";
import type { Signal } from "@sessiondb/core/adapter";
import type { Work } from "../sql-driver.ts";
import type { CopiedBatch, LegacyRuns } from "./legacy-runs.ts";

interface CopyOptions extends MigrateLegacyRunsOptions {
  readonly batchSize: number;
  readonly write: <Result>(work: Work<Result>) => Promise<Result>;
}

/** Copies the runs of Agno 2's column into rows, one batch of sessions after another. */
export async function copyRuns(
  legacy: LegacyRuns,
  { batchSize, onProgress, write }: CopyOptions,
  signal: Signal,
): Promise<LegacyRunsProgress> {
  let progress: LegacyRunsProgress = { sessions: 0, runs: 0, skipped: 0 };
  let after: string | null = null;
  do {
    await setImmediate();
    signal?.throwIfAborted();
    const from: string | null = after;
    const batch: CopiedBatch = await write((on) => legacy.copyBatch(on, from, batchSize));
    progress = {
      sessions: progress.sessions + batch.sessions,
      runs: progress.runs + batch.runs,
      skipped: progress.skipped + batch.skipped,
    };
    onProgress?.(progress);
    after = batch.lastSessionId;
  } while (after !== null);
  // If a run was left out, the column must still be read, or that run would be lost from sight.
  if (progress.skipped === 0) {
    await write((on) => legacy.markCopied(on));
  }
  return progress;
}
