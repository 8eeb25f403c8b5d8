import { unixSeconds } from "@sessiondb/core/adapter";
import type { Run } from "@sessiondb/core";

// The keys of a run in progress here, in the run's JSON. Agno ignores them. A run that has ended has neither.

/** The last sign of life, in Unix seconds. Releases before the lease closed a run by this alone: it stays up to date. */
const signKey = "sessiondb_running_since";
/** The time until which the run is alive without a further sign. */
const leaseKey = "sessiondb_lease_until";

/** The seconds between two signs of life of a run that has nothing else to write. */
export const renewEvery = 20;
/** The seconds that a lease lasts: three signs may be missed, and the third may take its time. */
const leaseFor = 70;
/** The seconds after which a run without a lease counts as left: releases that wrote such a row did not renew it. */
const longAfter = 900;

/** Returns a run as RUNNING with a new lease. RUNNING rows without our keys are other programs', which may keep them. */
export function running(run: Run): Run {
  const now = unixSeconds();
  return { ...run, status: "RUNNING", extra: { ...run.extra, [signKey]: now, [leaseKey]: now + leaseFor } };
}

/** Returns the last sign of life of a run in progress here, in Unix seconds; null unless it is RUNNING with our mark. */
export function runningSince({ status, extra }: Run): number | null {
  const at = extra?.[signKey];
  return status === "RUNNING" && typeof at === "number" ? at : null;
}

/** Returns whether a run is in progress here, or was when its process died. */
export function isMarked(run: Run): boolean {
  return runningSince(run) !== null;
}

/** Returns whether a dead process of ours left a run: its lease is over, or `staleAfter` seconds without a sign are. */
export function isStale(run: Run, staleAfter: number | undefined): boolean {
  const last = runningSince(run);
  if (last === null) {
    return false;
  }
  const lease = run.extra?.[leaseKey];
  const until = typeof lease === "number" ? lease : last + longAfter;
  return (staleAfter === undefined ? until : last + staleAfter) < unixSeconds();
}

/** Returns whether a run is in progress, as far as its row tells: one of ours whose lease is over is not. */
export function isInProgress(run: Run): boolean {
  return run.status === "RUNNING" && !isStale(run, undefined);
}

/** Returns a run with a new lease if it is in progress; the same object otherwise. */
export function renewed(run: Run): Run {
  return isMarked(run) ? running(run) : run;
}

/** Returns a run without the mark and the lease. */
export function withoutMark(run: Run): Run {
  const { extra: { [signKey]: _sign, [leaseKey]: _lease, ...others } = {}, ...rest } = run;
  return Object.keys(others).length === 0 ? rest : { ...rest, extra: others };
}
