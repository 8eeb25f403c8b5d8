import { DatabaseFullError, type AgentRun, type SessionDb } from "@sessiondb/core";
import { scriptedModel, type Answer } from "@sessiondb/testing/scripted-model";
import { jsonSchema, tool } from "ai";
import { describe, expect, test, vi } from "vitest";
import { Agent, Team, type Approval } from "@sessiondb/agent";
import { gate } from "./support/gate.ts";
import { localStores, type OpenStore } from "./support/stores.ts";

// Two calls are approved and one is denied, and then something fails. Whatever it is: nobody is asked again, no tool runs
// twice, nothing that a tool returned is lost, and the run goes on.

const kinds = ["agent", "team"] as const;
const calls = ["continueRun", "continueStream"] as const;
const places = [
  "before the tools",
  "in a tool",
  "after a tool",
  "in the model",
  "in the answer",
  "in the next tool",
  "at the end",
] as const;
const faults = ["an abort", "a model error", "a full disk", "a dead process"] as const;

interface Cell {
  readonly kind: (typeof kinds)[number];
  readonly call: (typeof calls)[number];
  readonly place: (typeof places)[number];
  readonly fault: (typeof faults)[number];
}

const placesOf: Readonly<Record<Cell["fault"], readonly Cell["place"][]>> = {
  "an abort": ["before the tools", "in a tool", "after a tool", "in the model", "in the answer", "in the next tool"],
  "a model error": ["in the model", "in the answer"],
  // From there on nothing can be written.
  "a full disk": ["before the tools", "in a tool", "after a tool", "in the next tool", "at the end"],
  "a dead process": ["in a tool", "after a tool", "in the model", "in the answer", "in the next tool"],
};

const cells: readonly Cell[] = kinds.flatMap((kind) =>
  calls.flatMap((call) => faults.flatMap((fault) => placesOf[fault].map((place) => ({ kind, call, place, fault })))),
);

const asks: Answer = {
  calls: [
    { name: "pay", id: "p1" },
    { name: "send", id: "s1" },
    { name: "drop", id: "d1" },
  ],
};
const approvals: readonly Approval[] = [
  { toolCallId: "p1", approved: true },
  { toolCallId: "s1", approved: true },
  { toolCallId: "d1", approved: false, reason: "Never" },
];
const looks: Answer = { calls: [{ name: "look", id: "l1" }] };
const inputSchema = jsonSchema<object>({ type: "object" });

/** What the tools have done, in whichever process. */
interface World {
  readonly done: string[];
  /** Called in a tool, which then waits for what is returned. */
  readonly within: (tool: string) => Promise<void> | null;
}

function componentOf(
  kind: Cell["kind"],
  db: SessionDb,
  { world, script }: { world: World; script: readonly Answer[] },
) {
  const model = scriptedModel((_call, index) => script[index] ?? "Done.");
  const doing = (name: string) => async () => {
    world.done.push(name);
    await world.within(name);
    return { did: name };
  };
  const tools = {
    pay: tool({ inputSchema, needsApproval: true, execute: doing("pay") }),
    send: tool({ inputSchema, needsApproval: true, execute: doing("send") }),
    drop: tool({ inputSchema, needsApproval: true, execute: doing("drop") }),
    look: tool({ inputSchema, execute: doing("look") }),
  };
  const options = { id: "one", model, db, tools, generation: { maxRetries: 0 } };
  const component =
    kind === "agent"
      ? new Agent(options)
      : new Team({ ...options, members: [new Agent({ id: "m", model: scriptedModel([]) })] });
  return { component, model };
}

const idle: World = { done: [], within: () => null };

async function stale(db: SessionDb, runId: string): Promise<void> {
  const longAgo = { sessiondb_running_since: 1, sessiondb_lease_until: 2 };
  await db.updateRun({ runId }, (run) =>
    run.status === "RUNNING" ? { ...run, extra: { ...run.extra, ...longAgo } } : run,
  );
}

/** The script of the run that fails. */
function scriptOf({ place, fault }: Cell, reach: () => void): readonly Answer[] {
  const stuck: Answer = { stuckAfter: place === "in the answer" ? "Half an" : "", whenStuck: reach };
  const last: Answer =
    fault === "a model error"
      ? place === "in the answer"
        ? { failsAfter: "Half an", error: new Error("overloaded") }
        : new Error("overloaded")
      : fault === "a full disk"
        ? "Lost."
        : stuck;
  return place === "in the next tool" ? [looks, last] : [last];
}

describe.each(Object.keys(localStores))("%s", (store) => {
  test.each(cells)("$kind, $call: $fault $place", async (cell) => {
    const { kind, call, place, fault } = cell;
    await using db = await (localStores[store] as OpenStore)();
    const controller = new AbortController();
    const end = gate();
    let isFull = false;
    let [hasFailed, isReached] = [false, false];
    const reach = (): void => {
      isReached = true;
      isFull = fault === "a full disk";
      if (fault === "an abort") {
        setImmediate(() => controller.abort(new Error("stop")));
      }
    };
    const upsertRun = db.upsertRun.bind(db);
    const updateRun = db.updateRun.bind(db);
    const refuse = (): void => {
      if (isFull) {
        hasFailed = true;
        throw new DatabaseFullError("The disk is full.");
      }
    };
    let isTaken = false;
    db.upsertRun = async (options) => {
      const { status } = options.run;
      if (place === "at the end" && status !== "RUNNING" && isTaken && !hasFailed) {
        reach();
      }
      refuse();
      return upsertRun(options);
    };
    db.updateRun = async (options, change) => {
      refuse();
      const written = await updateRun(options, change);
      if (place === "before the tools" && fault === "an abort" && isTaken && written?.status === "RUNNING") {
        controller.abort(new Error("stop"));
      }
      return written;
    };
    const done: string[] = [];
    const world: World = {
      done,
      within: (name) => {
        const isPlace =
          (place === "in a tool" && name === "send") ||
          (place === "after a tool" && name === "pay") ||
          (place === "in the next tool" && name === "look");
        if (!isPlace) {
          return null;
        }
        reach();
        // Deaf to the signal. A tool on a full disk ends, and cannot say so.
        return fault === "a full disk" || place === "after a tool" ? null : end.opened;
      },
    };
    const { runId } = await componentOf(kind, db, { world: idle, script: [asks] }).component.run("Do it", {
      sessionId: "s",
    });
    const options = { runId, sessionId: "s" };
    const failing = componentOf(kind, db, { world, script: scriptOf(cell, reach) }).component;
    [isTaken, isFull] = [true, fault === "a full disk" && place === "before the tools"];
    const first = (
      call === "continueRun"
        ? failing.continueRun({ ...options, approvals, signal: controller.signal })
        : failing.continueStream({ ...options, approvals, signal: controller.signal }).then(({ result }) => result)
    ).then(
      ({ status }) => status,
      (error: unknown) => error,
    );
    const isDead = fault === "a dead process";
    if (isDead) {
      await vi.waitUntil(() => isReached, { interval: 1 });
      const isKept = place !== "in a tool" && place !== "after a tool";
      await vi.waitUntil(
        async () => !isKept || JSON.stringify(await db.getRun({ runId })).includes('{\\"did\\":\\"send\\"}'),
        { interval: 1 },
      );
    }
    expect(await (isDead ? null : first)).not.toBe("COMPLETED");
    expect(hasFailed).toBe(fault === "a full disk");
    isFull = false;
    await stale(db, runId);

    // Nobody is asked again, unless nothing has begun.
    const isPaused = place === "before the tools";
    const before = (await db.getRun({ runId })) as AgentRun;
    expect(before.status).toBe(
      isPaused ? "PAUSED" : fault === "an abort" ? "CANCELLED" : fault === "a model error" ? "ERROR" : "RUNNING",
    );
    expect(done.filter((name) => name !== "look").toSorted()).toEqual(isPaused ? [] : ["pay", "send"]);

    // A second attempt fails too, and a third one comes to its end.
    const again = isPaused ? approvals : [];
    const attempt = (script: readonly Answer[], decisions: readonly Approval[]) => {
      const { component, model } = componentOf(kind, db, { world: { ...world, within: () => null }, script });
      const going =
        call === "continueRun"
          ? component.continueRun({ ...options, approvals: decisions })
          : component.continueStream({ ...options, approvals: decisions }).then(({ result }) => result);
      return { going, model };
    };
    await expect(attempt([new Error("overloaded")], again).going).rejects.toThrow("overloaded");
    const { going, model } = attempt([], []);
    const result = await going;
    // What the dead process was doing ends too late.
    controller.abort(new Error("over"));
    end.open();
    await first;

    expect(result).toMatchObject({ status: "COMPLETED", text: "Done." });
    const { tools, messages, status } = (await db.getRun({ runId })) as AgentRun;
    expect(status).toBe("COMPLETED");
    expect(done.filter((name) => name !== "look").toSorted()).toEqual(["pay", "send"]);
    expect(done.filter((name) => name === "look").length).toBeLessThanOrEqual(1);
    // Each call has one outcome in the row, and the model was told of it.
    const told = JSON.stringify(model.prompts.at(-1));
    const answered = (messages ?? []).flatMap(({ role, toolCallId }) => (role === "tool" ? [toolCallId] : []));
    expect(new Set(answered).size).toBe(answered.length);
    for (const [id, name] of [
      ["p1", "pay"],
      ["s1", "send"],
    ]) {
      const outcome = tools?.find(({ toolCallId }) => toolCallId === id)?.result;
      expect([`{"did":"${name}"}`, "The run ended while this tool was running. Its outcome is unknown."]).toContain(
        outcome,
      );
      expect(answered).toContain(id);
      expect(told.includes(`"did":"${name}"`) || told.includes("outcome is unknown")).toBe(true);
    }
    expect(tools?.find(({ toolCallId }) => toolCallId === "d1")).toMatchObject({ confirmed: false, result: "Never" });
    // What was written is not unknown.
    const isUnknown = fault === "a full disk" || ["in a tool", "after a tool", "in the next tool"].includes(place);
    expect(!isUnknown && told.includes("unknown")).toBe(false);
  });
});

test.each(kinds)("%s: the same answers of the AI SDK's agent go on, however often it fails", async (kind) => {
  await using db = await (localStores["sqlite"] as OpenStore)();
  const world = { done: [] as string[], within: () => null };
  const paused = await componentOf(kind, db, { world, script: [asks] }).component.run("Do it", { sessionId: "s" });
  const answers = (paused.run.tools ?? []).map(({ approvalId, toolCallId }) => ({
    type: "tool-approval-response" as const,
    approvalId: approvalId ?? "",
    approved: toolCallId !== "d1",
  }));
  const messages = [
    { role: "user" as const, content: "Do it" },
    { role: "tool" as const, content: answers },
  ];
  const attempt = async (...script: Answer[]) => {
    const { component } = componentOf(kind, db, { world, script });
    return (component as Agent).forSession({ sessionId: "s" }).generate({ messages });
  };
  await expect(attempt(new Error("overloaded"))).rejects.toThrow("overloaded");
  await expect(attempt(new Error("overloaded again"))).rejects.toThrow("overloaded again");
  expect(await attempt()).toMatchObject({ text: "Done." });
  expect(world.done.toSorted()).toEqual(["pay", "send"]);
});
