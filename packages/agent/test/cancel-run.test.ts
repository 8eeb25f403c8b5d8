import * as here from "@sessiondb/agent";
import { InMemorySessionDb, type Run, type SessionDb } from "@sessiondb/core";
import { scriptedModel, type Answer } from "@sessiondb/testing/scripted-model";
import { jsonSchema, tool } from "ai";
import { describe, expect, test } from "vitest";
import { secondCopy } from "./support/cancels.ts";
import { localStores } from "./support/stores.ts";

const { Agent, Team, Workflow } = here;
const kinds = ["agent", "team", "workflow"] as const;
type Kind = (typeof kinds)[number];

const acts: Answer = { calls: [{ name: "act", id: "c1" }] };
const approvals = [{ toolCallId: "c1", approved: true }];

interface Options {
  readonly id?: string;
  readonly access?: "owner" | "shared";
  readonly userId?: string;
  readonly answers?: readonly Answer[];
  readonly whenStuck?: () => void;
}

/** A component whose runs never end by themselves, unless there are other answers. */
function componentOf(
  kind: Kind,
  db: SessionDb,
  { id = "x", access = "owner", userId, answers, whenStuck = () => {} }: Options = {},
) {
  const common = { id, db, access, ...(userId !== undefined && { userId }) };
  const model = scriptedModel((_call, index) =>
    answers === undefined ? { stuckAfter: "", whenStuck } : (answers[index] ?? "Next."),
  );
  const act = tool({ inputSchema: jsonSchema({ type: "object" }), needsApproval: true, execute: () => "done" });
  const members = [new Agent({ id: "m", model: scriptedModel([]) })];
  return {
    agent: () => new Agent({ ...common, model, tools: { act } }),
    team: () => new Team({ ...common, model, tools: { act }, members }),
    workflow: () =>
      new Workflow({
        ...common,
        steps: [
          async () => {
            whenStuck();
            return answers === undefined ? new Promise<string>(() => {}) : "Done.";
          },
        ],
      }),
  }[kind]();
}

/** Starts a run that does not end, and returns its id and its outcome. */
async function begun(
  kind: Kind,
  db: SessionDb,
  options: Options & { readonly sessionId?: string; readonly of?: string },
) {
  const { sessionId = "s", of, ...more } = options;
  let reached = (): void => {};
  const isReached = new Promise<void>((resolve) => {
    reached = resolve;
  });
  const component = componentOf(kind, db, { ...more, whenStuck: () => reached() });
  const outcome = component
    .run("Do it", { sessionId, ...(of !== undefined && { userId: of }) })
    .catch((error: unknown) => error);
  await isReached;
  const running = async () => (await db.getRuns({ sessionId, status: "RUNNING" })).runs;
  await expect.poll(running, { interval: 1 }).toHaveLength(1);
  return { runId: (await running())[0]?.runId ?? "", outcome };
}

describe.each(Object.entries(localStores))("%s", (_name, open) => {
  const callers = kinds.flatMap((kind) =>
    (["owner", "shared"] as const).flatMap((access) =>
      kinds.flatMap((by) =>
        ["x", "y"].flatMap((id) =>
          [undefined, "s", "other"].flatMap((sessionId) =>
            [undefined, "ada", "bob"].map((userId) => ({ kind, access, by, id, sessionId, userId })),
          ),
        ),
      ),
    ),
  );
  describe.each(kinds)("a run of a %s", (kind) => {
    test("is cancelled by callers of its component, session and user alone", async () => {
      await using db = await open();
      for (const { access, by, id, sessionId, userId } of callers.filter((caller) => caller.kind === kind)) {
        const { runId, outcome } = await begun(kind, db, { access, of: "ada" });
        const caller = componentOf(by, db, { id, access });
        const scope = { ...(sessionId !== undefined && { sessionId }), ...(userId !== undefined && { userId }) };
        const isAllowed =
          by === kind && id === "x" && sessionId !== "other" && (userId !== "bob" || access === "shared");
        const isUsers = userId === undefined || userId === "ada";
        expect((await caller.getRunningRuns(scope)).map((run) => run.runId)).toEqual(
          by === kind && id === "x" && sessionId !== "other" && isUsers ? [runId] : [],
        );
        expect([by, id, sessionId, userId, await caller.cancelRun({ runId, ...scope })]).toEqual([
          by,
          id,
          sessionId,
          userId,
          isAllowed,
        ]);
        expect((await db.getRun({ runId }))?.status).toBe(isAllowed ? "CANCELLED" : "RUNNING");
        await componentOf(kind, db, { access }).cancelRun({ runId });
        expect(await outcome).toMatchObject({ code: "RUN_CANCELLED", runId });
      }
    });

    test("has no lists or cancels without a user, a session or a store that were meant", async () => {
      await using db = await open();
      const component = componentOf(kind, db);
      for (const lost of [{ userId: undefined }, { sessionId: undefined }, { userId: "" }, { runId: "" }] as object[]) {
        await expect(component.cancelRun({ runId: "r", ...lost })).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
        await expect(component.getRunningRuns({ ...lost })).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
      }
      expect(await component.cancelRun({ runId: "none" })).toBe(false);
      const { id } = component;
      const storeless =
        kind === "workflow" ? new Workflow({ id, steps: [() => ""] }) : new Agent({ id, model: scriptedModel([]) });
      await expect(storeless.cancelRun({ runId: "r" })).rejects.toMatchObject({ code: "STORAGE_DISABLED" });
      await expect(storeless.getRunningRuns()).rejects.toMatchObject({ code: "STORAGE_DISABLED" });
    });

    test("is cancelled once, whoever tries at once", async () => {
      await using db = await open();
      const { runId, outcome } = await begun(kind, db, {});
      const cancels = await Promise.all([1, 2, 3].map(() => componentOf(kind, db).cancelRun({ runId })));
      expect(cancels.filter(Boolean)).toEqual([true]);
      expect(await outcome).toMatchObject({ code: "RUN_CANCELLED" });
      expect(await db.getRun({ runId })).toMatchObject({ status: "CANCELLED" });
    });

    test("ends at once if it is cancelled here too, after elsewhere", async () => {
      await using db = await open();
      const { runId, outcome } = await begun(kind, db, {});
      await db.updateRun({ runId }, ({ extra: _mark, ...run }) => ({ ...run, status: "CANCELLED" }));
      expect(await componentOf(kind, db).cancelRun({ runId })).toBe(false);
      expect(await outcome).toMatchObject({ code: "RUN_CANCELLED", runId });
    });

    test("is listed while its lease is alive", async () => {
      await using db = await open();
      const component = componentOf(kind, db);
      expect(await component.getRunningRuns()).toEqual([]);
      const one = await begun(kind, db, { sessionId: "one", of: "ada" });
      const two = await begun(kind, db, { sessionId: "two", of: "bob" });
      const listed = await component.getRunningRuns();
      const about = { createdAt: expect.any(Number), aliveAt: expect.any(Number) };
      expect(listed.toSorted((a, b) => (a.sessionId < b.sessionId ? -1 : 1))).toEqual([
        { runId: one.runId, sessionId: "one", userId: "ada", ...about },
        { runId: two.runId, sessionId: "two", userId: "bob", ...about },
      ]);
      expect(Math.abs((listed[0]?.aliveAt ?? 0) - Date.now() / 1000)).toBeLessThan(10);
      const longAgo = { sessiondb_running_since: 1, sessiondb_lease_until: 2 };
      await db.updateRun({ runId: one.runId }, (run) => ({ ...run, extra: longAgo }));
      expect((await component.getRunningRuns()).map(({ runId }) => runId)).toEqual([two.runId]);
      // What a dead process left can be cancelled too.
      expect(await component.cancelRun({ runId: one.runId })).toBe(true);
      expect(await component.cancelRun({ runId: two.runId })).toBe(true);
      expect([await one.outcome, await two.outcome]).toMatchObject([
        { code: "RUN_CANCELLED" },
        { code: "RUN_CANCELLED" },
      ]);
    });

    test("is not touched if it is another program's, or has ended", async () => {
      await using db = await open();
      const ids = { agent: { agentId: "x" }, team: { teamId: "x" }, workflow: { workflowId: "x" } }[kind];
      const session = { sessionType: kind, sessionId: "s", [`${kind}Id`]: "x" } as const;
      const rows: Partial<Run>[] = [
        { status: "RUNNING" },
        { status: "RUNNING", extra: { worker: "w1" } },
        { status: "PENDING" },
        { status: "COMPLETED" },
        { status: "ERROR" },
        { status: "CANCELLED" },
        // A member's run ends with that of its leader.
        { status: "PAUSED", parentRunId: "r0" },
      ];
      for (const [index, row] of rows.entries()) {
        await db.upsertRun({ session, run: { runType: kind, ...ids, runId: `r${index}`, ...row } as Run });
      }
      const before = await db.getRuns({ sessionId: "s" });
      const component = componentOf(kind, db);
      for (const { runId } of before.runs) {
        expect(await component.cancelRun({ runId })).toBe(false);
      }
      expect(await db.getRuns({ sessionId: "s" })).toEqual(before);
      expect(await component.getRunningRuns()).toEqual([]);
    });
  });

  describe.each(["agent", "team"] as const)("a paused run of a %s", (kind) => {
    const answers = [acts, "Done."];

    test("that is cancelled waits for nobody, and cannot go on", async () => {
      await using db = await open();
      const component = componentOf(kind, db, { answers }) as here.Agent;
      const { runId } = await component.run("Do it", { sessionId: "s" });
      const before = await db.getRun({ runId });
      expect(before).toMatchObject({ status: "PAUSED" });
      expect(await component.cancelRun({ runId })).toBe(true);
      expect(await component.cancelRun({ runId })).toBe(false);
      for (const decisions of [approvals, []]) {
        const going = { runId, sessionId: "s", approvals: decisions };
        await expect(component.continueRun(going)).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
        await expect(component.continueStream(going)).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
      }
      expect(await db.getRun({ runId })).toEqual({ ...before, status: "CANCELLED" });
    });

    test("is either cancelled or continued", async () => {
      const other = await secondCopy();
      for (let round = 0; round < 20; round += 1) {
        await using db = await open();
        const component = componentOf(kind, db, { answers }) as here.Agent;
        const { runId } = await component.run("Do it", { sessionId: "s" });
        const members = [new other.Agent({ id: "m", model: scriptedModel([]) })];
        const model = scriptedModel([]);
        const elsewhere = {
          agent: () => new other.Agent({ id: "x", db, model }),
          team: () => new other.Team({ id: "x", db, model, members }),
        }[kind]();
        const continued = component.continueRun({ runId, sessionId: "s", approvals }).then(
          () => "COMPLETED",
          (error: { code?: string }) => error.code,
        );
        // It is cancelled earlier or later in the course of the continuation.
        for (let turn = 0; turn < round; turn += 1) {
          await Promise.resolve();
        }
        const isCancelled = await (round % 2 === 0 ? component : elsewhere).cancelRun({ runId });
        const outcome = await continued;
        expect(isCancelled ? ["INVALID_ARGUMENT", "RUN_CANCELLED"] : ["COMPLETED"]).toContain(outcome);
        expect(await db.getRun({ runId })).toMatchObject({ status: isCancelled ? "CANCELLED" : "COMPLETED" });
      }
    });
  });
});

describe("what readers of a cancelled stream get", () => {
  const types = async (stream: ReadableStream<{ readonly type: string }>): Promise<string[]> => {
    const found: string[] = [];
    for await (const { type } of stream as unknown as AsyncIterable<{ readonly type: string }>) {
      found.push(type);
    }
    return found;
  };

  /** Streams an answer, and cancels the run in the middle of it, or while its end is written. */
  async function cancelled(answer: Answer): Promise<here.RunStream> {
    const db = new InMemorySessionDb();
    const upsertRun = db.upsertRun.bind(db);
    const agent = new Agent({ id: "x", db, model: scriptedModel([answer]) });
    const isStuck = typeof answer === "object";
    db.upsertRun = async (options) => {
      const { runId, status } = options.run;
      if (status === "COMPLETED") {
        await agent.cancelRun({ runId });
      }
      const written = await upsertRun(options);
      if (isStuck) {
        // Not before the readers have begun.
        setTimeout(() => void agent.cancelRun({ runId }), 50);
      }
      return written;
    };
    return agent.stream("Hi", { sessionId: "s" });
  }

  test.each([
    ["in the middle", { stuckAfter: "Half an" }],
    ["while its end is written", "Done."],
  ] as const)("%s: an abort, and no finish", async (_place, answer) => {
    const stream = await cancelled(answer);
    const read = await Promise.all([types(stream.fullStream), types(stream.toUIMessageStream())]);
    expect(await stream.result).toMatchObject({ status: "CANCELLED", pendingApprovals: [] });
    const ends = ["abort", "finish", "error"];
    expect(read.map((found) => found.filter((type) => ends.includes(type)))).toEqual([["abort"], ["abort"]]);
  });

  test("a pause that is cancelled while it is written asks for nothing", async () => {
    const db = new InMemorySessionDb();
    const upsertRun = db.upsertRun.bind(db);
    const agent = componentOf("agent", db, { answers: [acts] });
    db.upsertRun = async (options) => {
      if (options.run.status === "PAUSED") {
        await agent.cancelRun({ runId: options.run.runId });
      }
      return upsertRun(options);
    };
    const { result } = await (agent as here.Agent).stream("Hi", { sessionId: "s" });
    expect(await result).toMatchObject({ status: "CANCELLED", pendingApprovals: [], run: { status: "CANCELLED" } });
  });

  test("a summary is not made of it", async () => {
    const db = new InMemorySessionDb();
    const upsertRun = db.upsertRun.bind(db);
    const summaries = scriptedModel([]);
    const sessionSummaryManager = new here.SessionSummaryManager({ model: summaries });
    const agent = new Agent({ id: "x", db, model: scriptedModel(["Done."]), sessionSummaryManager });
    db.upsertRun = async (options) => {
      if (options.run.status === "COMPLETED") {
        await agent.cancelRun({ runId: options.run.runId });
      }
      return upsertRun(options);
    };
    await expect(agent.run("Hi", { sessionId: "s" })).rejects.toMatchObject({ code: "RUN_CANCELLED" });
    expect(summaries.prompts).toEqual([]);
  });
});
