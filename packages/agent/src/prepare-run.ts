import { untilAborted } from "@sessiondb/core/adapter";
import { runContext, type Component, type PendingWork } from "@sessiondb/turns";
import type { ToolSet } from "ai";
import type { GenerationRequest } from "./generation.ts";
import { Guardrails, withoutUnchecked } from "./guardrails.ts";
import { tolerantOfHistory } from "./history-media.ts";
import { systemText } from "./prompt.ts";
import { RunObserver } from "./run-hooks.ts";
import type { PreparedRun } from "./run-in-progress.ts";
import { agenticTools, memoriesParagraph } from "./run-memories.ts";
import { RunRecord } from "./run-record.ts";
import type { RunOwner, RunSetup } from "./run-setup.ts";
import { checkToolNames, sessionTools } from "./session-tools.ts";
import { ToolWatch } from "./tool-watch.ts";

/** The agent or team that runs. */
interface Host {
  readonly component: Component<object> & { readonly sessionType: "agent" | "team" };
  /** Its fields in a run. */
  readonly owner: RunOwner;
  /** The tools and the system message's paragraphs that its kind adds. */
  readonly added: { readonly tools: ToolSet; readonly instructions: readonly string[] };
  /** Takes the hooks that are under way. */
  readonly hooks: PendingWork;
}

/** Makes a run ready to ask the model: its tools, its system message, and what watches over it. */
export async function prepareRun(setup: RunSetup, { component, owner, added, hooks }: Host): Promise<PreparedRun> {
  const { scope, settings, tools, input, history, otherSessions, memories, resumed, call } = setup;
  const { signal } = scope;
  const { sessionType, id, name } = component;
  const { model, generation } = settings;
  const context = runContext(scope);
  const ofLibrary = {
    ...sessionTools(settings, { component, context, access: scope.access }),
    ...agenticTools(memories, {
      settings,
      maker: sessionType === "agent" ? { agentId: id } : { teamId: id },
      said: resumed?.before.messages ?? input,
      signal,
    }),
    ...added.tools,
  };
  checkToolNames(tools, Object.keys(ofLibrary));
  const all = { ...ofLibrary, ...tools };
  const record = new RunRecord(owner, setup, settings);
  const observer = new RunObserver(settings.hooks, {
    event: {
      context,
      component: { sessionType, id, name },
      parentRunId: scope.parent?.runId ?? null,
      isContinued: resumed !== null,
    },
    pending: hooks,
  });
  const watch = new ToolWatch({
    context,
    resumed,
    observer,
    signal,
    awaited: Object.keys(added.tools),
    store: (result) =>
      scope.settle(scope.runId, (run) => (run.runType === "workflow" ? run : record.withResult(run, result))),
  });
  watch.check(all);
  const summary = scope.session?.getSummary() ?? null;
  const request: GenerationRequest = {
    ...tolerantOfHistory({
      model,
      settings: { ...generation, ...call.settings },
      history: history.messages,
      input,
      signal,
    }),
    signal,
    prices: scope.prices,
    callbacks: call.callbacks,
    system: await untilAborted(
      systemText(settings, {
        context,
        added: added.instructions,
        memories: memoriesParagraph(memories, settings),
        summary,
        otherSessions,
      }),
      signal,
    ).catch((error: unknown) => {
      if (!signal.aborted) {
        throw error;
      }
      // The run ends before the model is asked.
      return null;
    }),
    messages: [...history.messages, ...input],
    tools: all,
    watch,
    checkpoint: (soFar) => scope.checkpoint(scope.runId, () => record.progress(withoutUnchecked(soFar(), settings))),
    observer,
  };
  const [message] = input;
  return {
    scope,
    record,
    request,
    ownTools: tools,
    denied: resumed?.denied ?? [],
    before: resumed?.before ?? null,
    guardrails: new Guardrails(settings, {
      runId: scope.runId,
      context,
      signal,
      request,
      input: resumed === null && message?.role === "user" ? message.content : null,
    }),
    observer,
  };
}
