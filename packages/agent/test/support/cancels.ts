import * as here from "@sessiondb/agent";
import type { AgentRun, Run, SessionDb, TeamRun } from "@sessiondb/core";
import { scriptedModel, shown, type Answer } from "@sessiondb/testing/scripted-model";
import { jsonSchema, tool } from "ai";
import { describe, test, vi, type ExpectStatic } from "vitest";
import { gate } from "./gate.ts";
import type { OpenStore } from "./stores.ts";

// A run may be cancelled anywhere, from anywhere. Whatever the place: its row is CANCELLED at once and for good, what it
// said and did is in it, and its caller learns why it ended.

const kinds = ["agent", "leader", "member", "step", "function"] as const;
const calls = ["run", "stream", "continueRun", "continueStream"] as const;
const places = [
  "before the first row",
  "while the model is silent",
  "in the middle of the answer",
  "in a tool",
  "between steps",
  "while the end is written",
  "after the end",
] as const;
const origins = ["here", "elsewhere"] as const;

export interface Cell {
  readonly kind: (typeof kinds)[number];
  readonly call: (typeof calls)[number];
  readonly place: (typeof places)[number];
  readonly origin: (typeof origins)[number];
}

const continues = (call: Cell["call"]): boolean => call.startsWith("continue");
const streams = (call: Cell["call"]): boolean => call.toLowerCase().endsWith("stream");

/** What cannot be. */
function exists({ kind, call, place }: Cell): boolean {
  return (
    (!continues(call) || ((kind === "agent" || kind === "leader") && place !== "before the first row")) &&
    (kind !== "function" || (place !== "while the model is silent" && place !== "in the middle of the answer")) &&
    (streams(call) || place !== "in the middle of the answer")
  );
}

const cells: readonly Cell[] = kinds.flatMap((kind) =>
  calls.flatMap((call) =>
    places.flatMap((place) => origins.map((origin) => ({ kind, call, place, origin })).filter(exists)),
  ),
);

type Package = typeof here;

/** A second copy of the packages. It knows no run of the first, as another process would not. */
export async function secondCopy(): Promise<Package> {
  vi.resetModules();
  return import("@sessiondb/agent");
}

const elsewhere = secondCopy();

const receipt = '{"receipt":42}';
const acts: Answer = { calls: [{ name: "act", id: "c1" }], text: "I act. " };
const delegates: Answer = {
  calls: [{ name: "delegate_task_to_member", id: "d1", input: { member_id: "a", task: "Do it" } }],
};

interface Acting {
  readonly db: SessionDb;
  readonly script: readonly Answer[];
  readonly needsApproval: boolean;
  /** Whether it looks each second whether it is cancelled, and not after 20. */
  readonly looks: boolean;
  readonly act: (signal: AbortSignal | undefined) => Promise<unknown>;
  readonly onRun: (runId: string) => void;
}

/** Makes what is run and cancelled, around what acts. */
function componentOf(kind: Cell["kind"], { Agent, Team, Workflow }: Package, acting: Acting) {
  const { db, script, needsApproval, looks, act, onRun } = acting;
  const model = scriptedModel((_call, index) => script[index] ?? "Next.");
  const tools = {
    act: tool({
      inputSchema: jsonSchema({ type: "object" }),
      needsApproval,
      execute: (_input, { abortSignal }) => act(abortSignal),
    }),
  };
  const outer = { db, ...(looks && { staleAfter: 3 }) };
  const noting = (context: { readonly runId: string }): string => {
    onRun(context.runId);
    return "Act.";
  };
  const actor = { id: "a", model, tools };
  const leader = scriptedModel([delegates, "Led.", "Next."]);
  const first = ({ runId }: { readonly runId: string }): string => noting({ runId });
  const component = {
    agent: () => new Agent({ ...outer, ...actor, instructions: noting }),
    leader: () =>
      new Team({
        ...outer,
        ...actor,
        instructions: noting,
        members: [new Agent({ id: "m", model: scriptedModel([]) })],
      }),
    member: () => new Team({ ...outer, id: "t", model: leader, instructions: noting, members: [new Agent(actor)] }),
    step: () => new Workflow({ ...outer, id: "w", steps: [first, new Agent(actor)] }),
    function: () => {
      let isFirst = true;
      const work = async ({ signal }: { readonly signal: AbortSignal }) => {
        const done = isFirst ? await act(signal) : "Next.";
        isFirst = false;
        return done as string;
      };
      return new Workflow({ ...outer, id: "w", steps: [first, work, () => "Done."] });
    },
  }[kind]();
  return { component, model: kind === "member" ? leader : model };
}

function runsIn(run: Run): Run[] {
  const inside = run.runType === "workflow" ? run.stepExecutorRuns : run.runType === "team" ? run.memberResponses : [];
  return [run, ...(inside ?? []).flatMap(runsIn)];
}

/** What tools did, as it is stored. */
function resultsIn(runs: readonly Run[]): unknown[] {
  return runs
    .flatMap(runsIn)
    .filter((run): run is AgentRun | TeamRun => run.runType !== "workflow")
    .flatMap(({ tools }) => (tools ?? []).flatMap(({ toolName, result }) => (toolName === "act" ? [result] : [])));
}

async function check(cell: Cell, db: SessionDb, given: ExpectStatic): Promise<void> {
  const { kind, call, place, origin } = cell;
  const [reached, cancelled, over] = [gate(), gate(), gate()];
  let [runId, isGoing] = ["", false];
  let signalOfTool: AbortSignal | undefined;
  let acted = 0;
  const upsertRun = db.upsertRun.bind(db);
  db.upsertRun = async (options) => {
    const { status, parentRunId = null } = options.run;
    const isHeld = status === "RUNNING" ? place === "before the first row" : place === "while the end is written";
    if (isGoing && parentRunId === null && isHeld) {
      reached.open();
      await cancelled.opened;
    }
    return upsertRun(options);
  };
  const act = async (signal: AbortSignal | undefined): Promise<unknown> => {
    acted += 1;
    signalOfTool = signal;
    if (place === "in a tool" || place === "between steps") {
      reached.open();
      // Deaf to the signal, as most tools are.
      await (place === "in a tool" ? over : cancelled).opened;
    }
    return { receipt: 42 };
  };
  const stuck: Answer = {
    stuckAfter: place === "in the middle of the answer" ? "Half an" : "",
    whenStuck: () => reached.open(),
  };
  const script =
    place === "while the model is silent" || place === "in the middle of the answer" ? [acts, stuck] : [acts, "Done."];
  const acting = {
    db,
    script,
    act,
    needsApproval: continues(call),
    looks: origin === "elsewhere",
    onRun: (id: string) => (runId = isGoing ? id : runId),
  };
  const { component, model } = componentOf(kind, here, acting);
  const canceller = componentOf(kind, origin === "here" ? here : await elsewhere, {
    ...acting,
    onRun: () => {},
  }).component;

  const paused = continues(call) ? await component.run("Do it", { sessionId: "s" }) : null;
  isGoing = true;
  const started = async (): Promise<unknown> => {
    if (paused !== null && "continueRun" in component) {
      ({ runId } = paused);
      const options = { sessionId: "s", runId, approvals: [{ toolCallId: "c1", approved: true }] };
      return call === "continueRun" ? component.continueRun(options) : (await component.continueStream(options)).result;
    }
    return call === "run"
      ? component.run("Do it", { sessionId: "s" })
      : (await component.stream("Do it", { sessionId: "s" })).result;
  };
  const outcome = started().catch((error: unknown) => error);
  await (place === "after the end" ? outcome : reached.opened);
  const rows = async () => (await db.getRuns({ sessionId: "s" })).runs;
  const row = () => db.getRun({ runId });
  if (place !== "before the first row" && place !== "while the end is written" && place !== "after the end") {
    // What was done before is stored, in the background.
    const isDone = place !== "in a tool" && place !== "between steps";
    await given.poll(row, { interval: 1 }).toMatchObject({ status: "RUNNING" });
    await given
      .poll(async () => resultsIn(await rows()).filter(Boolean), { interval: 1 })
      .toEqual(isDone ? [receipt] : []);
  }

  const wins = place !== "after the end" && (place !== "before the first row" || origin === "here");
  given(await canceller.cancelRun({ runId })).toBe(wins);
  if (wins && place !== "before the first row") {
    given(await row()).toMatchObject({ status: "CANCELLED" });
    given((await rows()).flatMap(runsIn).filter(({ status }) => status === "RUNNING")).toEqual([]);
    given(await canceller.cancelRun({ runId })).toBe(false);
  }
  given(await canceller.getRunningRuns()).toEqual([]);
  cancelled.open();

  const ended = await outcome;
  given(ended).toMatchObject(
    !wins ? { status: "COMPLETED" } : streams(call) ? { status: "CANCELLED", runId } : { code: "RUN_CANCELLED", runId },
  );
  if (place === "in a tool") {
    given(signalOfTool?.reason).toMatchObject({ code: "RUN_CANCELLED" });
  }
  over.open();
  // What a tool did is stored, also where it ends later.
  const isActing = acted > 0 && kind !== "function";
  await given.poll(async () => resultsIn(await rows()), { interval: 1 }).toEqual(isActing ? [receipt] : []);
  given(await row()).toMatchObject({ status: wins ? "CANCELLED" : "COMPLETED" });
  const stored = (await rows()).flatMap(runsIn);
  given(stored.filter(({ status }) => status === "RUNNING")).toEqual([]);
  given(JSON.stringify(stored)).not.toMatch(/sessiondb_(running|lease)/);
  if (place === "in the middle of the answer" && (kind === "agent" || kind === "leader")) {
    given(JSON.stringify(await row())).toContain("Half an");
  }
  if (kind === "function" && wins && place === "in a tool") {
    await given.poll(async () => JSON.stringify(await row()), { interval: 1 }).toContain("receipt");
  }

  // The next turn is told nothing of it.
  db.upsertRun = upsertRun;
  await component.run("Next", { sessionId: "s" });
  if (kind === "agent" || kind === "leader" || kind === "member") {
    given(
      shown(model.prompts.at(-1) ?? [])
        .join("\n")
        .includes("Do it"),
    ).toBe(!wins);
  }
}

/** The cases of every place where a run can be cancelled. */
export function describeCancels(open: OpenStore, which: (cell: Cell) => boolean = () => true): void {
  describe.concurrent.each(cells.filter(which))("$kind, $call, cancelled $place from $origin", (cell) => {
    test.concurrent("is CANCELLED for good, and keeps what it did", async ({ expect: given }) => {
      await using db = await open();
      await check(cell, db, given);
    });
  });
}
