import { InMemorySessionDb, type AgentRun } from "@sessiondb/core";
import { jsonSchema, tool, type ToolCallOptions } from "ai";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Agent, Team } from "@sessiondb/agent";
import { agentFields, list, teamFields, text } from "./support/complete-models.ts";
import { gate } from "./support/gate.ts";
import { scriptedModel, type Answer } from "@sessiondb/testing/scripted-model";
import { watched } from "./support/watched-db.ts";

const pay = tool({ inputSchema: jsonSchema<object>({ type: "object" }), needsApproval: true, execute: () => "Paid" });
const asks = (id: string): Answer => ({ calls: [{ name: "pay", id }], text: "I will pay." });
const approvals = [{ toolCallId: "c1", approved: true }];

/** How a run goes on, and the status it has then. */
const outcomes: readonly (readonly [Answer, string])[] = [
  ["Done.", "COMPLETED"],
  [asks("c2"), "PAUSED"],
  [new Error("out of order"), "ERROR"],
  [new Error("aborted"), "CANCELLED"],
];

/** What happens when a model is asked to go on. */
const aborting = new Set<() => unknown>();

const member = new Agent({ id: "member", model: scriptedModel([]) });

function componentOf(kind: "agent" | "team", options: { db: InMemorySessionDb; answers: readonly Answer[] }) {
  const common = {
    id: "one",
    model: scriptedModel((_call, index) => {
      aborting.forEach((abort) => abort());
      return options.answers[index] ?? new Error("There is no such answer");
    }),
    db: options.db,
    tools: { pay },
    generation: { maxRetries: 0 },
    // Whoever began the run.
    access: "shared" as const,
    storeMemberResponses: true,
  };
  return kind === "agent" ? new Agent(common) : new Team({ ...common, members: [member] });
}

/** The data of the provider that a run does not write itself. */
function ofOthers({ modelProviderData }: AgentRun): object {
  const { finish_reason: _reason, steps: _steps, ...others } = modelProviderData ?? {};
  return others;
}

describe.each([
  ["agent", fc.record(agentFields, { requiredKeys: [] }), Object.keys(agentFields)],
  ["team", fc.record(teamFields, { requiredKeys: [] }), Object.keys(teamFields)],
] as const)("a paused run: %s", (kind, given, kept) => {
  test.each(outcomes)("keeps what others wrote in the run: %o → %s", { timeout: 30_000 }, async (answer, status) => {
    await fc.assert(
      fc.asyncProperty(given, list(text), async (fields, toolNames) => {
        const db = new InMemorySessionDb();
        const component = componentOf(kind, { db, answers: [asks("c1"), answer] });
        const { runId } = await component.run("Pay", { sessionId: "s", userId: "ada" });
        const written = await db.updateRun({ runId }, (run) => {
          const paused = run as AgentRun;
          const tools = [...toolNames.map((toolName) => ({ toolName, result: "Earlier" })), ...(paused.tools ?? [])];
          return { ...paused, ...(fields as Partial<AgentRun>), reasoningContent: "Earlier", tools };
        });
        const before = written as AgentRun;

        const controller = new AbortController();
        const options = { runId, sessionId: "s", userId: "ada", approvals, signal: controller.signal };
        aborting.add(() => status === "CANCELLED" && controller.abort(new Error("aborted")));
        const ended = await component.continueRun(options).then(
          ({ status: reached }) => reached,
          () => status,
        );
        aborting.clear();
        expect(ended).toBe(status);

        const after = (await db.getRun({ runId })) as AgentRun;
        expect(after.status).toBe(status);
        for (const key of kept.filter((each) => each !== "modelProviderData") as (keyof AgentRun)[]) {
          expect({ [key]: after[key] }).toEqual({ [key]: before[key] });
        }
        expect(ofOthers(after)).toEqual(ofOthers(before));
        expect(after.reasoningContent).toBe("Earlier");
        expect(after.messages?.slice(0, before.messages?.length)).toEqual(before.messages);
        expect(after.tools?.slice(0, toolNames.length)).toEqual(before.tools?.slice(0, toolNames.length));
        // As Agno keeps them: what was decided, then what waits now.
        expect(after.requirements).toMatchObject([
          { confirmation: true, tool_execution: { tool_call_id: "c1", confirmed: true, result: "Paid" } },
          ...(status === "PAUSED" ? [{ tool_execution: { tool_call_id: "c2" } }] : []),
        ]);
      }),
      { numRuns: 25 },
    );
  });
});

describe("a paused run", () => {
  test("is stored as ERROR with its decisions and results when its outcome is too large, and can be continued", async () => {
    const db = new InMemorySessionDb({ maxPayloadBytes: 20_000 });
    const agent = componentOf("agent", { db, answers: [asks("c1"), "x".repeat(30_000)] });
    const { runId } = await agent.run("Pay", { sessionId: "s" });
    const before = await db.updateRun({ runId }, (run) => ({ ...run, metadata: { trace: 1 } }));
    await expect(agent.continueRun({ runId, sessionId: "s", approvals })).rejects.toMatchObject({
      code: "PAYLOAD_TOO_LARGE",
    });
    expect(await db.getRun({ runId })).toEqual({
      ...before,
      status: "ERROR",
      content: expect.stringContaining("could not be stored"),
      messages: [...((before as AgentRun).messages ?? []), expect.objectContaining({ role: "tool", content: "Paid" })],
      tools: [expect.objectContaining({ toolCallId: "c1", confirmed: true, result: "Paid" })],
      requirements: [expect.objectContaining({ confirmation: true })],
    });
    const again = componentOf("agent", { db, answers: ["Done."] });
    expect(await again.continueRun({ runId, sessionId: "s", approvals: [] })).toMatchObject({ text: "Done." });
  });

  test("that pauses again is not put back by a call that read the first pause", async () => {
    const db = new InMemorySessionDb();
    const paid: string[] = [];
    const tools = { pay: { ...pay, execute: (_: unknown, { toolCallId }: ToolCallOptions) => paid.push(toolCallId) } };
    const options = { id: "a", db, tools, sessionId: "s" };
    const agent = new Agent({ ...options, model: scriptedModel([asks("c1"), asks("c2")]) });
    const { runId } = await agent.run("Pay");
    const given = { runId, sessionId: "s", approvals };
    const [hasRead, isPaused] = [gate(), gate()];
    const instructions = async () => {
      hasRead.open();
      await isPaused.opened;
      return "Pay.";
    };
    const late = new Agent({ ...options, model: scriptedModel(["Done."]), instructions }).continueRun(given);
    await hasRead.opened;
    const { pendingApprovals } = await agent.continueRun(given);
    expect(pendingApprovals).toMatchObject([{ toolCallId: "c2" }]);
    isPaused.open();
    await expect(late).rejects.toMatchObject({ code: "INVALID_ARGUMENT", argument: "runId" });
    expect(paid).toEqual(["c1"]);
    expect((await agent.getSession())?.runs).toMatchObject([{ status: "PAUSED" }]);
  });

  test("is continued by one of many concurrent calls, each of which writes at most once before the model is asked", async () => {
    const { db, calls } = watched(new InMemorySessionDb());
    let payments = 0;
    const tools = { pay: { ...pay, execute: () => `Paid ${(payments += 1)}` } };
    const agent = new Agent({ model: scriptedModel([asks("c1"), "Done.", "Again."]), db, tools, sessionId: "s" });
    const { runId } = await agent.run("Pay");
    calls.length = 0;
    const settled = await Promise.allSettled(
      Array.from({ length: 10 }, () => agent.continueRun({ runId, sessionId: "s", approvals })),
    );
    expect(settled.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    const reasons = settled.flatMap((result) => (result.status === "rejected" ? [result.reason as unknown] : []));
    expect(reasons).toEqual(Array(9).fill(expect.objectContaining({ code: "INVALID_ARGUMENT", argument: "runId" })));
    expect(payments).toBe(1);
    // One of them stores the payment.
    expect(calls.filter((name) => name === "updateRun")).toHaveLength(11);
    expect(calls.filter((name) => name === "upsertRun")).toHaveLength(1);
    expect(calls.filter((name) => name === "getRun")).toHaveLength(10);
    expect((await agent.getSession())?.runs).toMatchObject([{ status: "COMPLETED", content: "Done." }]);
    expect((await agent.getSession())?.runs[0]?.metadata).toBeUndefined();
  });

  test.each(["agent", "team"] as const)(
    "keeps everything when the process that continues it dies: %s",
    { timeout: 30_000 },
    async (kind) => {
      const fields = kind === "agent" ? fc.record(agentFields) : fc.record(teamFields);
      await fc.assert(
        fc.asyncProperty(fields, async (given) => {
          const stored = new InMemorySessionDb();
          const { runId } = await componentOf(kind, { db: stored, answers: [asks("c1")] }).run("Pay", {
            sessionId: "s",
          });
          const before = await stored.updateRun({ runId }, (run) => {
            const paused = run as AgentRun;
            return { ...paused, ...(given as Partial<AgentRun>) };
          });
          // The store takes one write more, as if the process ended then.
          const { db, failing } = watched(stored);
          aborting.add(() => failing.add("upsertRun"));
          const component = componentOf(kind, { db: db as InMemorySessionDb, answers: ["Done."] });
          await component.continueRun({ runId, sessionId: "s", approvals }).catch(() => null);
          aborting.clear();
          const { extra, ...after } = (await stored.getRun({ runId })) as AgentRun;
          const { extra: _none, ...kept } = before as AgentRun;
          expect(after).toEqual({
            ...kept,
            status: "RUNNING",
            messages: [...(kept.messages ?? []), expect.objectContaining({ role: "tool", content: "Paid" })],
            tools: [expect.objectContaining({ toolCallId: "c1", confirmed: true, result: "Paid" })],
            requirements: [expect.objectContaining({ confirmation: true })],
          });
          const mark = { sessiondb_running_since: expect.any(Number), sessiondb_lease_until: expect.any(Number) };
          expect(extra).toEqual({ ...before?.extra, ...mark });
        }),
        { numRuns: 10 },
      );
    },
  );

  test("of a member cannot be continued by the team", async () => {
    const db = new InMemorySessionDb();
    const session = { sessionType: "team", sessionId: "s", teamId: "one" } as const;
    const run = { runType: "agent", runId: "r", agentId: "member", status: "PAUSED", parentRunId: "p" } as const;
    await db.upsertRun({ session, run });
    const team = componentOf("team", { db, answers: [] });
    await expect(team.continueRun({ sessionId: "s", runId: "r", approvals: [] })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      argument: "runId",
    });
    expect(await db.getRun({ runId: "r" })).toMatchObject(run);
  });

  test("keeps a copy of the history only once", async () => {
    const db = new InMemorySessionDb();
    const model = scriptedModel(["Hello", asks("c1"), "Done."]);
    const agent = new Agent({ model, db, tools: { pay }, sessionId: "s", storeHistoryMessages: true });
    await agent.run("Hi");
    const { runId } = await agent.run("Pay");
    const { run } = await agent.continueRun({ runId, sessionId: "s", approvals });
    expect(run.messages?.filter(({ fromHistory }) => fromHistory === true)).toHaveLength(2);
  });
});
