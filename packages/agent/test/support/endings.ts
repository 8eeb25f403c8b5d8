import { Agent, Team, unstoredResultOf, Workflow } from "@sessiondb/agent";
import { DatabaseFullError, type AgentRun, type Run, type SessionDb, type TeamRun } from "@sessiondb/core";
import { scriptedModel, shown, type Answer } from "@sessiondb/testing/scripted-model";
import { jsonSchema, tool, type ToolSet } from "ai";
import { describe, expect, test, type ExpectStatic } from "vitest";
import { gate } from "./gate.ts";
import type { OpenStore } from "./stores.ts";

// A run may end anywhere and for any reason. Whatever the place and the cause: its row is final, what had arrived is in
// it, and an action that was carried out is there with its result, once, and is not asked for again.

const calls = ["run", "stream", "continueRun", "continueStream"] as const;
const places = [
  "before the run",
  "before the model",
  "in the first answer",
  "in a tool",
  "after a tool",
  "in the second answer",
  "while storing",
] as const;
const causes = [
  "signal",
  "disconnect",
  "timeout",
  "model error",
  "tool error",
  "storage error",
  "dead process",
] as const;
/** Who does it: an agent, the leader of a team, a member of one, or a step of a workflow. */
const kinds = ["agent", "leader", "member", "step"] as const;

export interface Cell {
  readonly call: (typeof calls)[number];
  readonly place: (typeof places)[number];
  readonly cause: (typeof causes)[number];
  readonly kind: (typeof kinds)[number];
}

const isInside = (kind: Cell["kind"]): boolean => kind === "member" || kind === "step";

/** Where each cause can be. */
const placesOf: Readonly<Record<Cell["cause"], readonly Cell["place"][]>> = {
  signal: [
    "before the run",
    "before the model",
    "in the first answer",
    "in a tool",
    "after a tool",
    "in the second answer",
  ],
  disconnect: ["in the first answer", "in a tool", "after a tool", "in the second answer"],
  timeout: ["in the first answer", "in a tool", "after a tool", "in the second answer"],
  "model error": ["in the first answer", "after a tool", "in the second answer"],
  "tool error": ["in a tool"],
  "storage error": ["before the model", "while storing"],
  "dead process": ["in the first answer", "in a tool", "after a tool", "in the second answer"],
};

const continues = (call: Cell["call"]): boolean => call === "continueRun" || call === "continueStream";
const streams = (call: Cell["call"]): boolean => call === "stream" || call === "continueStream";

/** What cannot be. */
function exists({ call, place, cause, kind }: Cell): boolean {
  return (
    placesOf[cause].includes(place) &&
    // Only a stream has a reader who can leave.
    (cause !== "disconnect" || streams(call)) &&
    // A run that continues has its first answer, and its first row; one inside another does not pause.
    (!continues(call) ||
      (place !== "in the first answer" &&
        !isInside(kind) &&
        !(cause === "storage error" && place === "before the model")))
  );
}

const cells: readonly Cell[] = kinds.flatMap((kind) =>
  calls.flatMap((call) =>
    places.flatMap((place) => causes.map((cause) => ({ call, place, cause, kind })).filter(exists)),
  ),
);

const receipt = '{"receipt":42}';
const acts: Answer = { calls: [{ name: "act", id: "c1" }], text: "I act. " };
const delegates: Answer = {
  calls: [{ name: "delegate_task_to_member", id: "d1", input: { member_id: "a", task: "Do it" } }],
};
const approvals = [{ toolCallId: "c1", approved: true }];

/** Whether the tool is called, in the run or in what continues it. */
const isActing = ({ place }: Cell): boolean =>
  place === "in a tool" || place === "after a tool" || place === "in the second answer" || place === "while storing";

/** The answers of the model that acts. */
function scriptOf(cell: Cell, whenStuck: () => void): readonly Answer[] {
  const { call, place, cause } = cell;
  if (cause === "signal" && place.startsWith("before")) {
    return continues(call) ? [acts] : [];
  }
  const text = place === "after a tool" ? "" : "Half an";
  const last: Answer =
    cause === "model error"
      ? text === ""
        ? new Error("overloaded")
        : { failsAfter: text, error: new Error("overloaded") }
      : cause === "tool error" || place === "while storing"
        ? "Done."
        : { stuckAfter: text, whenStuck };
  const isAbandoned = place === "in a tool" && cause !== "tool error";
  return [...(isActing(cell) || continues(call) ? [acts] : []), ...(isAbandoned ? [] : [last])];
}

/** What the caller gets: the result of a stream that was cancelled, the answer of those around, and else an error. */
function outcomeOf({ call, place, cause, kind }: Cell): object {
  switch (cause) {
    case "signal":
      return streams(call) && place !== "before the run" && (place !== "before the model" || isInside(kind))
        ? { status: "CANCELLED" }
        : { message: "stop" };
    case "disconnect":
      return { status: "CANCELLED" };
    case "timeout":
    case "model error":
      return kind === "member"
        ? { status: "COMPLETED", text: "Led." }
        : kind === "step"
          ? { message: expect.stringContaining("a did not finish") }
          : cause === "timeout"
            ? { name: "TimeoutError" }
            : { message: "overloaded" };
    case "tool error":
      return { status: "COMPLETED" };
    case "storage error":
      return { code: "DATABASE_FULL" };
    case "dead process":
      return {};
  }
}

/** The stored status of the run; undefined if it is not stored. */
function statusOf({ call, place, cause, kind }: Cell): string | undefined {
  switch (cause) {
    case "signal":
    case "disconnect":
      return continues(call) && place.startsWith("before")
        ? "PAUSED"
        : place === "before the run"
          ? undefined
          : "CANCELLED";
    case "timeout":
    case "model error":
      return kind === "member" ? "COMPLETED" : "ERROR";
    case "tool error":
      return "COMPLETED";
    case "storage error":
      return place === "while storing" ? "RUNNING" : undefined;
    case "dead process":
      return "RUNNING";
  }
}

interface Stage {
  readonly db: SessionDb;
  /** The answers of the one that acts. */
  readonly script: readonly Answer[];
  /** The answers of the leader around it. */
  readonly led: readonly Answer[];
  readonly tools: ToolSet;
  readonly timeout: number | null;
  /** Called when the one that acts is about to ask its model. */
  readonly whenReady: () => void;
}

/** Makes what is run, around the one that acts. Its prompts are those of the outer model, if there is one. */
function stageOf(kind: Cell["kind"], { db, script, led, tools, timeout, whenReady }: Stage) {
  const model = scriptedModel((_call, index) => script[index] ?? "Next.");
  const actor = {
    id: "a",
    model,
    tools,
    instructions: () => {
      whenReady();
      return "Act.";
    },
    generation: { maxRetries: 0, ...(timeout !== null && { timeout }) },
  };
  const leader = scriptedModel((_call, index) => led[index] ?? "Next.");
  const component = {
    agent: () => new Agent({ ...actor, db }),
    leader: () => new Team({ ...actor, db, members: [new Agent({ id: "m", model: scriptedModel([]) })] }),
    member: () => new Team({ id: "t", db, model: leader, members: [new Agent(actor)] }),
    step: () => new Workflow({ id: "w", db, steps: [new Agent(actor)], addWorkflowHistoryToSteps: true }),
  }[kind]();
  return { component, prompts: kind === "member" ? leader.prompts : model.prompts, asked: model.prompts };
}

/** Returns the run of the one that acts, wherever it is stored. */
function actingRun(runs: readonly Run[]): AgentRun | TeamRun | undefined {
  for (const run of runs) {
    const isIt = (run.runType === "agent" && run.agentId === "a") || (run.runType === "team" && run.teamId === "a");
    const found = isIt ? run : run.runType === "workflow" ? actingRun(run.stepExecutorRuns ?? []) : undefined;
    if (found !== undefined) {
      return found;
    }
  }
  return undefined;
}

/** The results of the calls, and what the model would be told of them. */
function resultsOf(run: AgentRun | TeamRun | undefined): unknown {
  return {
    results: (run?.tools ?? []).flatMap(({ result }) => result ?? []),
    // Version 7 of the AI SDK names the kind of an error.
    told: (run?.messages ?? []).flatMap(({ role, content }) =>
      role === "tool" && typeof content === "string" ? content.replace(/^Error: /, "") : [],
    ),
  };
}

async function check(cell: Cell, db: SessionDb, given: ExpectStatic): Promise<void> {
  const { call, place, cause, kind } = cell;
  const controller = new AbortController();
  const [reached, end] = [gate(), gate()];
  let acted = 0;
  let isFull = false;
  let isReady = false;
  let leave = (): void => {};
  const interrupt = (): void => {
    reached.open();
    setImmediate(() => {
      if (cause === "signal") {
        controller.abort(new Error("stop"));
      } else if (cause === "disconnect") {
        leave();
      }
    });
  };
  const upsertRun = db.upsertRun.bind(db);
  db.upsertRun = async (options) => {
    if (isFull && (place !== "while storing" || options.run.status !== "RUNNING")) {
      throw new DatabaseFullError("The disk is full.");
    }
    return upsertRun(options);
  };
  const act = tool({
    inputSchema: jsonSchema({ type: "object" }),
    needsApproval: continues(call),
    execute: async () => {
      acted += 1;
      if (cause === "tool error") {
        throw new Error("broken");
      }
      if (place === "in a tool") {
        interrupt();
        // Deaf to the signal, as most tools are.
        await end.opened;
      }
      return { receipt: 42 };
    },
  });
  const stage = {
    db,
    script: scriptOf(cell, interrupt),
    led: place === "before the run" ? [] : [delegates, "Led."],
    tools: { act },
    timeout: cause === "timeout" ? 300 : null,
    whenReady: () => {
      if (isReady && place === "before the model" && cause === "signal") {
        controller.abort(new Error("stop"));
      }
    },
  };
  const { component, prompts, asked } = stageOf(kind, stage);
  const paused = continues(call) ? await component.run("Do it", { sessionId: "s" }) : null;
  const before = asked.length;
  [isReady, isFull] = [true, cause === "storage error"];
  if (place === "before the run") {
    controller.abort(new Error("stop"));
  }

  const options = { sessionId: "s", signal: controller.signal };
  const started = async (): Promise<unknown> => {
    if (paused !== null && call === "continueRun" && "continueRun" in component) {
      return component.continueRun({ ...options, runId: paused.runId, approvals });
    }
    if (call === "run") {
      return component.run("Do it", options);
    }
    const stream =
      paused !== null && "continueStream" in component
        ? await component.continueStream({ ...options, runId: paused.runId, approvals })
        : await component.stream("Do it", options);
    if ("textStream" in stream) {
      const reader = stream.textStream.getReader();
      leave = () => void reader.cancel();
    } else {
      const events = stream[Symbol.asyncIterator]();
      leave = () => void events.return?.();
      await events.next();
    }
    return stream.result;
  };
  const outcome = started().catch((error: unknown) => error);
  /** The run as it is stored, and that of the one that acts. */
  const found = async () => {
    const runs = (await db.getSession({ sessionId: "s" }))?.runs ?? [];
    const outer = runs.find(({ parentRunId }) => (parentRunId ?? null) === null);
    const acting = actingRun(runs.filter((run) => run === outer || run.parentRunId === outer?.runId));
    return { outer, acting };
  };
  const hasActed = isActing(cell);
  const isAbandoned = place === "in a tool" && cause !== "tool error";
  const done = cause === "tool error" ? "broken" : receipt;

  if (cause === "dead process") {
    await reached.opened;
    const isKept = hasActed && place !== "in a tool";
    await given.poll(async () => (await found()).outer?.status, { interval: 1 }).toBe("RUNNING");
    await given
      .poll(async () => resultsOf((await found()).acting), { interval: 1 })
      .toEqual(isKept ? { results: [receipt], told: [receipt] } : { results: [], told: [] });
    const { runId = "" } = (await found()).outer ?? {};
    const longAgo = { sessiondb_running_since: 1, sessiondb_lease_until: 2 };
    await db.updateRun({ runId }, (run) => ({ ...run, extra: { ...run.extra, ...longAgo } }));
  } else {
    given(await outcome).toMatchObject(outcomeOf(cell));
    isFull = false;
    end.open();
  }
  given(acted).toBe(hasActed ? 1 : 0);
  // An approved tool runs before the model is asked.
  const isEarly = (cause === "signal" && place.startsWith("before")) || (continues(call) && isAbandoned);
  given(asked.length > before).toBe(!isEarly);

  // What is kept.
  const unstored = unstoredResultOf(await (cause === "storage error" ? outcome : null))?.run;
  if (cause !== "dead process" && !(cause === "storage error" && isInside(kind))) {
    const kept = async () => unstored ?? (await found()).acting;
    const results = hasActed ? [done] : [];
    await given.poll(async () => resultsOf(await kept()), { interval: 1 }).toEqual({ results, told: results });
    const run = await kept();
    const isDone = cause === "tool error" || place === "while storing";
    // A member is not streamed; a step is, when its workflow is.
    const isHalf = place.endsWith("answer") && streams(call) && kind !== "member";
    const isTorn = isHalf || (cause === "storage error" && place === "before the model" && streams(call));
    const began = hasActed || continues(call);
    given((run?.messages ?? []).filter(({ role }) => role === "assistant").map(({ content }) => content)).toEqual([
      ...(began ? ["I act. "] : []),
      ...(isDone ? ["Done."] : isTorn ? ["Half an"] : []),
    ]);
    const tokens = (began ? 15 : 0) + (isDone ? 15 : 0);
    given(run?.metrics?.totalTokens ?? 0).toBe(tokens);
    const isStored = cause !== "storage error" || continues(call);
    const leaders = kind === "member" && place !== "before the run" ? (statusOf(cell) === "COMPLETED" ? 30 : 15) : 0;
    const session = await db.getSession({ sessionId: "s" });
    const stored = session?.sessionData["session_metrics"] as { total_tokens?: number } | undefined;
    given(stored?.total_tokens ?? 0).toBe(isStored ? tokens + leaders - (cause === "storage error" ? 15 : 0) : 0);
    if (isInside(kind) && place !== "before the run") {
      const ends = { signal: "CANCELLED", disconnect: "CANCELLED", "tool error": "COMPLETED" } as const;
      given(run?.status).toBe(ends[cause as keyof typeof ends] ?? "ERROR");
    }
  }
  given((await found()).outer?.status).toBe(statusOf(cell));

  // What the next turn is shown, here or in the process that took over.
  const next =
    cause === "dead process" ? stageOf(kind, { ...stage, script: [], led: [], timeout: null }) : { component, prompts };
  await next.component.run("Next", { sessionId: "s" });
  const told = shown(next.prompts.at(-1) ?? []).filter((message) => !message.startsWith("system:"));
  given(told.at(-1)).toMatch(/Next$/);
  given(told.join("\n").includes("Do it")).toBe(statusOf(cell) === "COMPLETED");
  if (cause === "dead process") {
    const { outer, acting } = await found();
    given([outer?.status, acting?.status ?? "ERROR"]).toEqual(["ERROR", "ERROR"]);
    given(JSON.stringify([outer, acting])).not.toMatch(/sessiondb_(running|lease)/);
  }

  // A run that was paused goes on, and does nothing twice.
  if (
    paused !== null &&
    "continueRun" in next.component &&
    statusOf(cell) !== "COMPLETED" &&
    cause !== "storage error"
  ) {
    const decisions = statusOf(cell) === "PAUSED" ? approvals : [];
    const { runId } = paused;
    const went = await next.component.continueRun({ sessionId: "s", runId, approvals: decisions });
    given(went).toMatchObject({ status: "COMPLETED" });
    given(acted).toBe(1);
    const again = JSON.stringify(next.prompts.at(-1));
    given(again).toContain(cause === "dead process" && isAbandoned ? "outcome is unknown" : "receipt");
  }
  controller.abort(new Error("over"));
  end.open();
  await outcome;
}

/** The cases of every way in which a run can end. */
export function describeEndings(open: OpenStore, which: (cell: Cell) => boolean = () => true): void {
  describe.concurrent.each(cells.filter(which))("$kind, $call: a $cause $place", (cell) => {
    test.concurrent("keeps what had arrived, and what was done", async ({ expect: given }) => {
      await using db = await open();
      await check(cell, db, given);
    });
  });
}
