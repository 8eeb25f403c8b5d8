import { unixSeconds } from "@sessiondb/core/adapter";
import type { Run } from "@sessiondb/core";

/** The key that marks a run in progress here, in the run's JSON. Agno ignores it. A run that has ended lacks it. */
const key = "sessiondb_running_since";

/** Returns a run as RUNNING with the mark. RUNNING rows without it are other programs', which may keep them RUNNING. */
export function running(run: Run): Run {
  return { ...run, status: "RUNNING", extra: { ...run.extra, [key]: unixSeconds() } };
}

/** Returns when this library started or resumed a run, in Unix seconds; null unless it has the mark and is RUNNING. */
export function runningSince({ status, extra }: Run): number | null {
  const since = extra?.[key];
  return status === "RUNNING" && typeof since === "number" ? since : null;
}

/** Returns a run without the mark. */
export function withoutMark(run: Run): Run {
  const { extra: { [key]: _mark, ...others } = {}, ...rest } = run;
  return Object.keys(others).length === 0 ? rest : { ...rest, extra: others };
}
