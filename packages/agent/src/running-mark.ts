import { unixSeconds } from "@sessiondb/core/adapter";
import type { Run } from "@sessiondb/core";

/** In the JSON of a run that is under way here; Agno does not read it, and a run that has ended does not have it. */
const key = "sessiondb_running_since";

/** A run as RUNNING in this process. Rows without the mark are those of other programs, which may keep them RUNNING. */
export function running(run: Run): Run {
  return { ...run, status: "RUNNING", extra: { ...run.extra, [key]: unixSeconds() } };
}

/** When a process of ours took the run on, in Unix seconds; null unless it is still RUNNING from then. */
export function runningSince({ status, extra }: Run): number | null {
  const since = extra?.[key];
  return status === "RUNNING" && typeof since === "number" ? since : null;
}

/** A run without the mark, as it is when it has ended. */
export function withoutMark(run: Run): Run {
  const { extra: { [key]: _mark, ...others } = {}, ...rest } = run;
  return Object.keys(others).length === 0 ? rest : { ...rest, extra: others };
}
