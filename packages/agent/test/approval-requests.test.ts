import type { Run, SessionDb } from "@sessiondb/core";
import { scriptedModel, type Answer } from "@sessiondb/testing/scripted-model";
import { jsonSchema, tool } from "ai";
import { describe, expect, test } from "vitest";
import { Agent, Team, type ApprovalRequest, type SessionAccess } from "@sessiondb/agent";
import { agnoPauses, pausedDatabase } from "./support/agno-pauses.ts";
import { localStores, type OpenStore } from "./support/stores.ts";
import { watched } from "./support/watched-db.ts";

const inputSchema = jsonSchema<object>({ type: "object" });
const tools = {
  pay: tool({ inputSchema, needsApproval: true, execute: () => "Paid" }),
  locate: tool({ inputSchema, outputSchema: jsonSchema<string>({ type: "string" }) }),
};
const asks: Answer = {
  calls: [
    { name: "pay", id: "p1", input: { sum: 7 } },
    { name: "locate", id: "l1" },
  ],
};

const kinds = ["agent", "team"] as const;

interface Options {
  readonly kind: (typeof kinds)[number];
  readonly db: SessionDb;
  readonly id?: string;
  readonly access?: SessionAccess;
  readonly answers?: readonly Answer[];
}

function componentOf({ kind, db, id = "one", access = "owner", answers }: Options) {
  const model = scriptedModel((_call, index) => (answers ?? [asks])[index] ?? "Done.");
  const options = { id, model, db, tools, access, generation: { maxRetries: 0 } };
  return kind === "agent"
    ? new Agent(options)
    : new Team({ ...options, members: [new Agent({ id: "m", model: scriptedModel([]) })] });
}

const idsOf = (approvals: readonly ApprovalRequest[]): string[] =>
  approvals.map(({ sessionId, userId, toolCallId }) => `${sessionId} ${userId} ${toolCallId}`);

const cases = kinds.flatMap((kind) => Object.keys(localStores).map((store) => ({ kind, store })));

describe.each(cases)("$kind, $store", ({ kind, store }) => {
  const open = localStores[store] as OpenStore;

  test("a list has what waits, for whom it waits, and since when", async () => {
    await using db = await open();
    const begun = Math.floor(Date.now() / 1000);
    const { runId } = await componentOf({ kind, db }).run("Pay", { sessionId: "s", userId: "ada" });
    const page = await componentOf({ kind, db }).getPendingApprovals({ userId: "ada" });
    const common = {
      runId,
      sessionId: "s",
      userId: "ada",
      since: expect.any(Number),
      userInputSchema: null,
      member: null,
      canContinue: true,
    };
    expect(page).toEqual({
      approvals: [
        { ...common, toolCallId: "p1", toolName: "pay", input: { sum: 7 }, kind: "confirmation" },
        { ...common, toolCallId: "l1", toolName: "locate", input: {}, kind: "externalExecution" },
      ],
      nextCursor: null,
      unreadable: [],
    });
    expect(page.approvals.every(({ since }) => since >= begun && since <= begun + 60)).toBe(true);
    // What is listed is what continueRun takes.
    const approvals = page.approvals.map(({ toolCallId, kind: waits }) => ({
      toolCallId,
      approved: true,
      ...(waits === "externalExecution" && { result: "Here" }),
    }));
    const going = componentOf({ kind, db, answers: [] });
    expect(await going.continueRun({ runId, sessionId: "s", userId: "ada", approvals })).toMatchObject({
      text: "Done.",
    });
    expect((await going.getPendingApprovals()).approvals).toEqual([]);
  });

  test.each(["owner", "shared"] as const)("everybody sees what waits for them: %s", async (access) => {
    await using db = await open();
    const run = (sessionId: string, userId?: string, options: Partial<Options> = {}) =>
      componentOf({ kind, db, access, ...options }).run("Pay", { sessionId, ...(userId !== undefined && { userId }) });
    await run("a1", "ada");
    await run("a2", "ada");
    await run("e1", "eve");
    await run("n1");
    await run("x1", "ada", { id: "two" });
    await run("y1", "ada", { kind: kind === "agent" ? "team" : "agent" });
    if (access === "shared") {
      await run("a1", "eve");
    }
    const component = componentOf({ kind, db, access });
    const listed = async (options: object): Promise<string[]> =>
      idsOf((await component.getPendingApprovals(options)).approvals)
        .filter((id) => id.endsWith("p1"))
        .toSorted();
    const shared = access === "shared" ? ["a1 eve p1"] : [];
    expect(await listed({ userId: "ada" })).toEqual(["a1 ada p1", "a2 ada p1"]);
    expect(await listed({ userId: "eve" })).toEqual([...shared, "e1 eve p1"]);
    expect(await listed({ userId: "bob" })).toEqual([]);
    expect(await listed({ userId: "ada", sessionId: "a1" })).toEqual(["a1 ada p1"]);
    expect(await listed({ userId: "ada", sessionId: "e1" })).toEqual([]);
    expect(await listed({})).toEqual(["a1 ada p1", ...shared, "a2 ada p1", "e1 eve p1", "n1 null p1"]);
    await expect(component.getPendingApprovals({ userId: undefined as never })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      argument: "userId",
    });
  });

  test("a run that a stranger wrote into the owner's session waits for nobody", async () => {
    await using db = await open();
    await componentOf({ kind, db }).run("Pay", { sessionId: "s", userId: "ada" });
    const [own] = (await db.getRuns({ sessionId: "s" })).runs;
    await db.upsertRun({
      session: { sessionType: kind, sessionId: "s", userId: "ada", [`${kind}Id`]: "one" },
      run: { ...own, runId: "strange", userId: "eve" } as Run,
    });
    const { approvals } = await componentOf({ kind, db }).getPendingApprovals({ userId: "ada" });
    expect(new Set(approvals.map(({ runId }) => runId))).toEqual(new Set([own?.runId]));
  });

  test("pages list every run once, the oldest first, and read no run that does not wait", async () => {
    await using db = await open();
    for (let index = 0; index < 7; index += 1) {
      await componentOf({ kind, db }).run("Pay", { sessionId: `s${index}`, userId: "ada" });
      await componentOf({ kind, db, answers: ["Yes."] }).run("Hi", { sessionId: `s${index}`, userId: "ada" });
    }
    const { db: counted, calls } = watched(db);
    const component = componentOf({ kind, db: counted });
    const runIds: string[] = [];
    let cursor: string | null = null;
    let pages = 0;
    do {
      const page: Awaited<ReturnType<typeof component.getPendingApprovals>> = await component.getPendingApprovals({
        userId: "ada",
        limit: 3,
        ...(cursor !== null && { cursor }),
      });
      runIds.push(...new Set(page.approvals.map(({ runId }) => runId)));
      cursor = page.nextCursor;
      pages += 1;
    } while (cursor !== null);
    const { runs } = await db.getRuns({ status: "PAUSED" });
    expect(runIds).toEqual(runs.map(({ runId }) => runId));
    expect(pages).toBe(3);
    expect(calls.filter((name) => name.startsWith("get"))).toEqual(["getRuns", "getRuns", "getRuns"]);
  });

  test("what no longer waits is not listed", async () => {
    await using db = await open();
    const component = componentOf({ kind, db, answers: [asks, asks, new Error("overloaded")] });
    const { runId } = await component.run("Pay", { sessionId: "s" });
    expect(await component.cancelRun({ runId })).toBe(true);
    expect((await component.getPendingApprovals()).approvals).toEqual([]);
    const second = await component.run("Pay", { sessionId: "s" });
    const approvals = [
      { toolCallId: second.pendingApprovals[0]?.toolCallId ?? "", approved: true },
      { toolCallId: second.pendingApprovals[1]?.toolCallId ?? "", approved: true, result: "Here" },
    ];
    await expect(component.continueRun({ runId: second.runId, sessionId: "s", approvals })).rejects.toThrow(
      "overloaded",
    );
    expect((await component.getPendingApprovals()).approvals).toEqual([]);
  });
});

test("a member of ours that cannot wait is not listed", async () => {
  await using db = await (localStores["memory"] as OpenStore)();
  const member = new Agent({ id: "m", model: scriptedModel([asks]), tools });
  const delegates: Answer = {
    calls: [{ name: "delegate_task_to_member", id: "d1", input: { member_id: "m", task: "Pay" } }],
  };
  const team = new Team({ id: "t", db, model: scriptedModel([delegates, "It did not work."]), members: [member] });
  expect(await team.run("Pay")).toMatchObject({ status: "COMPLETED" });
  expect((await team.getPendingApprovals()).approvals).toEqual([]);
  expect((await new Agent({ id: "m", db, model: "test/model" }).getPendingApprovals()).approvals).toEqual([]);
});

const agnos = Object.keys(agnoPauses).filter((pause) => /^(agent|team|member):/.test(pause));

test.each(agnos)("what Agno paused is listed: %s", async (pause) => {
  using paused = await pausedDatabase(pause);
  await using db = paused.open();
  const kind = pause.startsWith("agent") ? "agent" : "team";
  const { approvals } = await componentOf({ kind, db, id: "bot" }).getPendingApprovals({ userId: "ada" });
  const isMember = pause.startsWith("member");
  const waiting = paused.rows
    .filter(({ parent_run_id: parent }) => (parent !== null) === isMember)
    .flatMap(({ run_data: data }) => data["tools"] as Readonly<Record<string, unknown>>[])
    .filter(({ result }) => (result ?? null) === null);
  expect(approvals).toHaveLength(waiting.length);
  const kindOf = (call: Readonly<Record<string, unknown>>): string =>
    call["requires_confirmation"] === true
      ? "confirmation"
      : call["external_execution_required"] === true
        ? "externalExecution"
        : "userInput";
  expect(approvals).toMatchObject(
    waiting.map((call) => ({
      runId: paused.runId,
      sessionId: pause,
      userId: "ada",
      toolCallId: call["tool_call_id"],
      toolName: call["tool_name"],
      input: call["tool_args"],
      kind: kindOf(call),
      since: 1_700_000_000,
      canContinue: /^(agent|team): (?!an |feedback)/.test(pause),
    })),
  );
  expect(approvals.every(({ member }) => (member === null) === !isMember)).toBe(true);
});
