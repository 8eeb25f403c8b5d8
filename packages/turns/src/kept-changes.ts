import type { JsonObject, Run } from "@sessiondb/core";
import { isJsonObject } from "@sessiondb/core/adapter";
import { jsonOf } from "./outside-values.ts";
import type { RunState } from "./run-state.ts";
import { applyPatch, type Patch } from "./state-patch.ts";

// The session's state is written when a run ends. Until then the row of the run keeps what its steps changed, so that a run
// whose process died goes on with the state that it had.

/** Agno ignores it. */
const changesKey = "sessiondb_state_changes";

/** Returns what a run has changed so far, for the `extra` of its row. The end of the run reports a state that is not JSON. */
export function changesKept(state: RunState): JsonObject {
  try {
    const patch = jsonOf(state.patch);
    return isJsonObject(patch) && Object.keys(patch).length > 0 ? { [changesKey]: patch } : {};
  } catch {
    return {};
  }
}

/** Makes the changes of a run that goes on, and whose process died before it stored them. */
export function makeKeptChanges({ extra }: Run, state: RunState): void {
  const patch = extra?.[changesKey];
  if (isJsonObject(patch)) {
    state.update((values) => applyPatch(values, patch as Patch));
  }
}

/** Returns a run without them. */
export function withoutChanges<Any extends Run>(run: Any): Any {
  const { extra: { [changesKey]: _changes, ...extra } = {}, ...rest } = run;
  return (Object.keys(extra).length === 0 ? rest : { ...rest, extra }) as Any;
}
