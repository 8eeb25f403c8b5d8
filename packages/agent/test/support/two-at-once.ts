import { setTimeout } from "node:timers/promises";
import type { SessionDb } from "@sessiondb/core";
import { describe, expect, test } from "vitest";
import { Agent, SessionSummaryManager, Team, Workflow } from "@sessiondb/agent";
import { scriptedModel, shown } from "@sessiondb/testing/scripted-model";
import { jsonSchema, tool } from "ai";
import type { OpenStore } from "./stores.ts";

const kinds = ["agent", "team", "workflow"] as const;
type Kind = (typeof kinds)[number];

/** Everything that an answer to a first turn may be kept with. */
const settings = { plain: {}, introduction: { introduction: "Welcome." }, state: { sessionState: { of: "it" } } };

function componentOf(kind: Kind, id: string, { db, ...more }: { db: SessionDb; access: "owner" | "shared" }) {
  const model = scriptedModel(() => `of ${id}`);
  const member = new Agent({ id: "member", model: scriptedModel([]) });
  const component = {
    agent: () => new Agent({ id, db, model, ...more }),
    team: () => new Team({ id, db, model, members: [member], ...more }),
    workflow: () => new Workflow({ id, db, access: more.access, steps: [() => `of ${id}`] }),
  }[kind]();
  return { component, model };
}

/** The cases of two calls at once whose outcome the store decides. */
export function describeTwoAtOnce(open: OpenStore): void {
  describe.each(kinds.flatMap((one) => kinds.map((other) => [one, other] as const)))(
    "two components begin one session: %s and %s",
    (one, other) => {
      const cases = Object.entries(settings).flatMap(([name, given]) =>
        (["owner", "shared"] as const).map((access) => [name, access, given] as const),
      );
      test.each(cases)("%s, %s", async (_name, access, given) => {
        await using db = await open();
        const both = [
          componentOf(one, "x", { db, access, ...given }),
          componentOf(other, "y", { db, access, ...given }),
        ];
        const settled = await Promise.allSettled(
          both.map(({ component }) => component.run("Hi", { sessionId: "s", userId: "ada" })),
        );
        expect(settled.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
        const [winner, loser] = settled[0]?.status === "fulfilled" ? both : both.toReversed();
        const refusal = settled.find(({ status }) => status === "rejected");
        expect(refusal).toMatchObject({
          reason: { code: one === other ? "SESSION_COMPONENT_MISMATCH" : "SESSION_TYPE_MISMATCH", sessionId: "s" },
        });
        const { runs } = await db.getRuns({ sessionId: "s" });
        const id = winner?.component.id;
        expect(new Set(runs.map((run) => (run.runType === "workflow" ? run.workflowId : ownerOf(run))))).toEqual(
          new Set([id]),
        );
        expect((await db.getSession({ sessionId: "s" }))?.componentId).toBe(id);
        await winner?.component.run("Again", { sessionId: "s", userId: "ada" });
        expect(JSON.stringify(winner?.model.prompts)).not.toContain(`of ${loser?.component.id}`);
        await expect(loser?.component.run("Again", { sessionId: "s", userId: "ada" })).rejects.toThrow('"s"');
      });
    },
  );

  test("two components adopt a session that was created by its id alone", async () => {
    await using db = await open();
    await db.upsertSession({ sessionType: "agent", sessionId: "s" });
    const both = ["x", "y"].map((id) => componentOf("agent", id, { db, access: "owner" }).component);
    const settled = await Promise.allSettled(both.map((each) => each.run("Hi", { sessionId: "s" })));
    expect(settled.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
    expect((await db.getRuns({ sessionId: "s" })).runs).toHaveLength(1);
  });

  test.each([
    ["built on the one before", { incremental: true }, ["one", "two", "three"]],
    ["built on the one before, many", { incremental: true }, ["one", "two", "three", "four", "five", "six"]],
    ["of the whole session", { incremental: false }, ["one", "two", "three"]],
    ["of the newest runs", { lastNRuns: 4 }, ["one", "two", "three"]],
  ] as const)("turns at once lose nothing of the summary: %s", async (_name, options, said) => {
    await using db = await open();
    // A summary is everything that its prompt shows; the first turn's takes the longest.
    const summaries = scriptedModel(async (call) => {
      const text = shown(call.prompt).join(" ");
      const words = ["zero", ...said].filter((word) => text.includes(`word ${word}.`));
      await setTimeout(words.includes("one") ? 40 : 5);
      return JSON.stringify({ summary: words.map((word) => `word ${word}.`).join(" "), topics: [] });
    });
    const sessionSummaryManager = new SessionSummaryManager({ model: summaries, ...options });
    const agent = summarizing(db, sessionSummaryManager);
    await agent.run("word zero.");
    const results = await Promise.all(said.map((word) => agent.run(`word ${word}.`)));
    expect(results.map(({ summaryError }) => summaryError)).toEqual(said.map(() => null));
    const { summary = "" } = (await agent.getSessionSummary()) ?? {};
    expect(["zero", ...said].filter((word) => !summary.includes(`word ${word}.`))).toEqual([]);
  });

  test("a summary that others always overtake is given up after some tries", async () => {
    await using db = await open();
    let made = 0;
    const summaries = scriptedModel(async () => {
      made += 1;
      await db.updateSession({ sessionId: "s" }, { summary: { summary: `Of others ${made}` } });
      return JSON.stringify({ summary: "Mine", topics: [] });
    });
    const sessionSummaryManager = new SessionSummaryManager({ model: summaries });
    const agent = summarizing(db, sessionSummaryManager);
    const { status, summaryError } = await agent.run("Hi");
    expect([status, made]).toEqual(["COMPLETED", 10]);
    expect(summaryError).toMatchObject({ code: "DATABASE_ERROR" });
    expect((await agent.getSessionSummary())?.summary).toBe("Of others 10");
  });

  describe.each(kinds.flatMap((kind) => (["run", "stream"] as const).map((call) => [kind, call] as const)))(
    "a session of nobody that a user takes over during a %s's %s",
    (kind, call) => {
      test("shows the user nothing of it, and its run ends", async () => {
        await using db = await open();
        const ofKind = (work: () => Promise<string>): Agent | Team | Workflow => {
          const model = scriptedModel(work);
          const member = new Agent({ id: "member", model: scriptedModel([]) });
          return {
            agent: () => new Agent({ id: "x", db, model }),
            team: () => new Team({ id: "x", db, model, members: [member] }),
            workflow: () => new Workflow({ id: "x", db, steps: [work] }),
          }[kind]();
        };
        const ada = ofKind(async () => "To ada");
        await ada.run("Hi", { sessionId: "s" });
        let begun = (): void => {};
        const isAsked = new Promise<void>((resolve) => {
          begun = resolve;
        });
        let answer = (): void => {};
        const answered = new Promise<void>((resolve) => {
          answer = resolve;
        });
        const nobody = ofKind(async () => {
          begun();
          await answered;
          return "To nobody";
        });
        const running =
          call === "run"
            ? nobody.run("Hi", { sessionId: "s" })
            : Promise.resolve(nobody.stream("Hi", { sessionId: "s" })).then(({ result }) => result as Promise<unknown>);
        const settled = running.catch((error: unknown) => error);
        await isAsked;
        await expect.poll(async () => (await db.getRuns({ sessionId: "s" })).runs.length, { interval: 1 }).toBe(2);
        await ada.run("Hi", { sessionId: "s", userId: "ada" });
        answer();
        expect(await settled).toMatchObject({ code: "SESSION_OWNERSHIP" });
        const { runs } = await db.getRuns({ sessionId: "s" });
        expect(runs.map(({ status }) => status)).toEqual(["COMPLETED", "ERROR", "COMPLETED"]);
        expect(JSON.stringify(runs)).not.toContain("To nobody");
        expect(JSON.stringify(runs)).not.toMatch(/sessiondb_(running|lease)/);
      });
    },
  );

  test.each(["agent", "team"] as const)(
    "the same while a %s continues a paused run: what was done stays",
    async (kind) => {
      await using db = await open();
      const members = [new Agent({ id: "member", model: scriptedModel([]) })];
      const ofKind = (options: ConstructorParameters<typeof Agent>[0]) =>
        kind === "agent" ? new Agent(options) : new Team({ ...options, members });
      const ada = ofKind({ id: "x", db, model: scriptedModel(() => "To ada") });
      const model = scriptedModel(async (_call, index) => {
        if (index === 0) {
          return { calls: [{ name: "buy", id: "c1" }] };
        }
        await ada.run("Hi", { sessionId: "s", userId: "ada" });
        return "To nobody";
      });
      const buy = tool({ inputSchema: jsonSchema({ type: "object" }), needsApproval: true, execute: () => "bought" });
      const nobody = ofKind({ id: "x", db, model, tools: { buy } });
      const { runId } = await nobody.run("Buy", { sessionId: "s" });
      const approvals = [{ toolCallId: "c1", approved: true }];
      await expect(nobody.continueRun({ runId, sessionId: "s", approvals })).rejects.toMatchObject({
        code: "SESSION_OWNERSHIP",
      });
      const { runs } = await db.getRuns({ sessionId: "s" });
      expect(runs).toMatchObject([{ status: "ERROR", tools: [{ result: "bought" }] }, { status: "COMPLETED" }]);
      expect(JSON.stringify(runs)).not.toContain("To nobody");
    },
  );

  test("two first turns of one agent write one introduction", async () => {
    await using db = await open();
    const model = scriptedModel(() => "Yes.");
    const agent = new Agent({ id: "x", db, model, introduction: "Welcome." });
    await Promise.all([1, 2, 3].map(() => agent.run("Hi", { sessionId: "s" })));
    await agent.run("Again", { sessionId: "s" });
    const messages = shown(model.prompts.at(-1) ?? []);
    expect(messages.filter((message) => message === "assistant: Welcome.")).toHaveLength(1);
    expect(messages).toHaveLength(9);
  });
}

function ownerOf(run: { runType: string; agentId?: string | null; teamId?: string | null }): unknown {
  return run.runType === "agent" ? run.agentId : run.teamId;
}

/** An agent whose results wait for its summaries. */
function summarizing(db: SessionDb, sessionSummaryManager: SessionSummaryManager): Agent {
  const model = scriptedModel(() => "Yes.");
  return new Agent({ id: "x", db, model, sessionSummaryManager, sessionId: "s", awaitSummaries: true });
}
