import { unixSeconds } from "@sessiondb/core/adapter";
import type { Run } from "@sessiondb/core";

/** The key in the JSON of a run that is under way here. Agno passes over it, and a run that has ended lacks it. */
const key = "sessiondb_running_since";

/** Returns a run as RUNNING in this process. Rows without the mark are other programs', which may keep them RUNNING. */
export function running(run: Run): Run {
  return { ...run, status: "RUNNING", extra: { ...run.extra, [key]: unixSeconds() } };
}

/** Returns the Unix seconds at which a process of ours took the run on; null unless it is RUNNING since. */
export function runningSince({ status, extra }: Run): number | null {
  const since = extra?.[key];
  return status === "RUNNING" && typeof since === "number" ? since : null;
}

/** Returns a run without the mark. */
export function withoutMark(run: Run): Run {
  const { extra: { [key]: _mark, ...others } = {}, ...rest } = run;
  return Object.keys(others).length === 0 ? rest : { ...rest, extra: others };
}
