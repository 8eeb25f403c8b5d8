import type { Component, RunScope } from "@sessiondb/turns";
import type { FollowUp } from "./follow-up.ts";
import { rememberAfter } from "./memories-after.ts";
import type { ModelComponentSettings } from "./model-component-options.ts";
import { makesSummaries } from "./prompt.ts";
import type { RunFollowUp } from "./run-in-progress.ts";
import { summarizeAfter } from "./summary-after.ts";

interface Place {
  readonly component: Component<object>;
  readonly settings: ModelComponentSettings;
  readonly scope: RunScope;
  /** The user who asked; null for nobody. */
  readonly asker: string | null;
  readonly followUp: FollowUp;
}

/** Returns what follows a run once it has completed, null for what is not wanted. */
export function followUpsOf({ component, settings, scope, asker: userId, followUp }: Place): {
  readonly summarize: RunFollowUp | null;
  readonly remember: RunFollowUp | null;
} {
  const { access, sessionType, keepsSessions } = component;
  const remembers = settings.updateMemoryOnRun === true && !settings.agenticMemory;
  return {
    summarize:
      keepsSessions && makesSummaries(settings)
        ? async (run) =>
            summarizeAfter(run, { settings, access, sessionType, scope, followUp, db: await component.getDb() })
        : null,
    remember:
      remembers && userId !== null
        ? async (run) =>
            rememberAfter(run, { settings, sessionType, scope, userId, followUp, db: await component.getDb() })
        : null,
  };
}
