import { InMemorySessionDb, type AgentRun, type SessionDb, type TeamRun } from "@sessiondb/core";
import { SqliteSessionDb } from "@sessiondb/sqlite";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Agent, SessionSummaryManager, Team, Workflow } from "@sessiondb/agent";
import { scriptedModel, shown, type Answer } from "@sessiondb/testing/scripted-model";
import { watched } from "./support/watched-db.ts";

type Kind = "agent" | "team";

const start = 1_700_000_000;

/** What happens to a session: its owner's run, somebody else's, or a new owner. */
type Event = "own" | { readonly foreign: string } | { readonly owner: string };

interface Story {
  readonly db: InMemorySessionDb;
  readonly owner: string;
  /** The runs in order, and whether each was its writer's to write. */
  readonly runs: readonly { readonly text: string; readonly isForeign: boolean }[];
}

/** Writes runs as Agno does, which lets anybody write, and gives the session to others as `reassign_session_owner` does. */
async function told(events: readonly Event[], kind: Kind = "agent"): Promise<Story> {
  let db = new InMemorySessionDb();
  const session = { sessionType: kind, sessionId: "s", [`${kind}Id`]: "one" } as const;
  let owner = "ada";
  const runs: { text: string; isForeign: boolean }[] = [];
  for (const event of ["own" as const, ...events]) {
    if (typeof event === "object" && "owner" in event) {
      owner = event.owner;
      const stored = await db.getSession({ sessionId: "s" });
      db = new InMemorySessionDb();
      await db.upsertSession({ ...session, userId: owner, runs: stored?.runs ?? [] });
      continue;
    }
    const userId = event === "own" ? owner : event.foreign;
    const text = `${userId} ${runs.length}`;
    const messages = [{ role: "user", content: text }];
    const run: AgentRun | TeamRun = {
      runType: kind,
      runId: `r${runs.length}`,
      userId,
      messages,
      createdAt: start + runs.length,
    };
    await db.upsertRun({ session: { ...session, userId: owner }, run });
    runs.push({ text, isForeign: event !== "own" });
  }
  return { db, owner, runs };
}

const anyEvent = (owners: readonly string[]): fc.Arbitrary<Event> =>
  fc.oneof(
    { weight: 4, arbitrary: fc.constant("own" as const) },
    { weight: 3, arbitrary: fc.constantFrom("bob", "dan").map((foreign) => ({ foreign })) },
    ...(owners.length === 0 ? [] : [fc.constantFrom(...owners).map((owner) => ({ owner }))]),
  );
const runsOnly = fc.array(anyEvent([]), { maxLength: 8 });

async function shownTo(
  db: SessionDb,
  {
    owner,
    kind = "agent",
    ...options
  }: { owner: string; kind?: Kind; numHistoryRuns?: number; access?: "owner" | "shared" },
) {
  const model = scriptedModel(() => "Fine");
  const common = { id: "one", model, db, ...options };
  const member = new Agent({ id: "member", model: scriptedModel([]) });
  const component = kind === "agent" ? new Agent(common) : new Team({ ...common, members: [member] });
  await component.run("Go on", { sessionId: "s", userId: owner });
  const lines = shown(model.prompts[0] ?? []).filter((line) => line.startsWith("user: "));
  return lines.map((line) => line.slice("user: ".length)).slice(0, -1);
}

describe.each(["agent", "team"] as const)("runs of other users in an owner's session: %s", (kind) => {
  test(
    "are not shown to the owner's model, whoever the previous owners were, in any window",
    { timeout: 60_000 },
    async () => {
      const reassigned = fc
        .tuple(runsOnly, fc.boolean(), runsOnly)
        .map(([before, isReassigned, after]) => [...before, ...(isReassigned ? [{ owner: "carol" }] : []), ...after]);
      await fc.assert(
        fc.asyncProperty(reassigned, fc.integer({ min: 1, max: 12 }), async (events, numHistoryRuns) => {
          const { db, owner, runs } = await told(events, kind);
          const own = runs.filter(({ isForeign }) => !isForeign).map(({ text }) => text);
          expect(await shownTo(db, { owner, kind, numHistoryRuns })).toEqual(own.slice(-numHistoryRuns));
          expect((await db.getSession({ sessionId: "s" }))?.runs).toHaveLength(runs.length + 1);
        }),
        { numRuns: 150 },
      );
    },
  );

  test("are hidden even if the owner changed more than once", { timeout: 60_000 }, async () => {
    const events = fc.array(anyEvent(["ada", "carol", "eve"]), { maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(events, fc.integer({ min: 1, max: 12 }), async (given, numHistoryRuns) => {
        const { db, owner, runs } = await told(given, kind);
        const foreign = runs.filter(({ isForeign }) => isForeign).map(({ text }) => text);
        const asked = await shownTo(db, { owner, kind, numHistoryRuns });
        expect(asked.filter((text) => foreign.includes(text))).toEqual([]);
      }),
      { numRuns: 150 },
    );
  });

  test("are shown in a shared session; runs without a user are shown in any session", async () => {
    const { db } = await told([{ foreign: "bob" }], kind);
    expect(await shownTo(db, { owner: "ada", kind, access: "shared" })).toEqual(["ada 0", "bob 1"]);
    const unowned = new InMemorySessionDb();
    const session = { sessionType: kind, sessionId: "s", [`${kind}Id`]: "one" } as const;
    const run: AgentRun | TeamRun = { runType: kind, runId: "r", messages: [{ role: "user", content: "nobody" }] };
    await unowned.upsertRun({ session, run });
    expect(await shownTo(unowned, { owner: "ada", kind })).toEqual(["nobody"]);
  });
});

// Agno numbers each run of a stranger 0, as the first of a session that it does not see: beside the owner's first run.
describe("a foreign run before the owner's first", () => {
  const orders = fc.record({
    strangers: fc.array(fc.nat(2), { minLength: 1, maxLength: 4 }),
    place: fc.nat(4),
    isReassigned: fc.boolean(),
    numHistoryRuns: fc.integer({ min: 1, max: 8 }),
  });

  test("is not shown, whenever it was created", { timeout: 60_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(orders, async ({ strangers, place, isReassigned, numHistoryRuns }) => {
        const runOf = (userId: string, name: string, after: number): AgentRun => ({
          runType: "agent",
          runId: name,
          userId,
          createdAt: start + after,
          messages: [{ role: "user", content: `${userId} ${name}` }],
        });
        const foreign = strangers.map((after, index) => runOf("bob", `b${index}`, after));
        const runs = [
          ...foreign.slice(0, place),
          runOf("ada", "a0", 0),
          ...foreign.slice(place),
          runOf("ada", "a1", 9),
        ];
        const owner = isReassigned ? "carol" : "ada";
        const db = new InMemorySessionDb();
        await db.upsertSession({ sessionType: "agent", sessionId: "s", agentId: "one", userId: owner, runs });
        const asked = await shownTo(db, { owner, numHistoryRuns });
        expect(asked.filter((text) => text.startsWith("bob"))).toEqual([]);
        expect(isReassigned || asked.at(-1) === "ada a1").toBe(true);
      }),
      { numRuns: 200 },
    );
  });

  test("is not shown if the old owner wrote it after the session changed hands", async () => {
    const { db } = await told([{ owner: "carol" }, "own", "own"]);
    const late = { runType: "agent", runId: "late", userId: "ada", createdAt: start + 9 } as const;
    const session = await db.getSession({ sessionId: "s" });
    const moved = new InMemorySessionDb();
    const messages = [{ role: "user", content: "ada again" }];
    await moved.upsertSession({
      sessionType: "agent",
      sessionId: "s",
      agentId: "one",
      userId: "carol",
      runs: [...(session?.runs ?? []).slice(0, 1), { ...late, messages }, ...(session?.runs ?? []).slice(1)],
    });
    expect(await shownTo(moved, { owner: "carol" })).toEqual(["ada 0", "carol 1", "carol 2"]);
  });
});

test("hiding foreign runs costs no statement in a session of one user, or if they follow the owner's", async () => {
  for (const events of [
    ["own", "own"],
    [{ foreign: "bob" }, "own"],
  ] as const) {
    const { db, calls } = watched((await told(events)).db);
    await shownTo(db, { owner: "ada" });
    expect(calls).toEqual(["getSession", "upsertRun", "upsertRun"]);
  }
});

describe("a foreign run is not revealed", () => {
  const call = (name: string, input: object = {}): Answer => ({ calls: [{ name, input }] });
  const tools = { readChatHistory: true, readToolCallHistory: true, searchPastSessions: true };

  test.each([
    ["get_chat_history", {}, "s"],
    ["get_chat_history", { num_runs: 1 }, "s"],
    ["get_tool_call_history", {}, "s"],
    ["search_past_sessions", {}, "other"],
    ["read_past_session", { session_id: "s" }, "other"],
  ] as const)("by the tool %s %o", async (name, input, sessionId) => {
    const { db } = await told(["own", { foreign: "bob" }]);
    const toolCalls = [{ id: "c", type: "function", function: { name: "bobs", arguments: "{}" } }];
    await db.updateRun({ runId: "r2" }, (run) => ({
      ...(run as AgentRun),
      messages: [
        { role: "user", content: "bob 2" },
        { role: "assistant", toolCalls },
      ],
    }));
    const model = scriptedModel([call(name, input), "Fine"]);
    const agent = new Agent({ id: "one", model, db, ...tools });
    const { toolCalls: called } = await agent.run("Look", { sessionId, userId: "ada" });
    expect(called[0]?.state).toBe("output-available");
    expect(JSON.stringify(model.prompts)).not.toContain("bob");
    expect(name === "get_tool_call_history" || JSON.stringify(called[0]).includes("ada 1")).toBe(true);
  });

  test("by a summary, or a name", async () => {
    const { db } = await told(["own", { foreign: "bob" }]);
    const summaries = scriptedModel(() => JSON.stringify({ summary: "Sum", topics: [] }));
    const model = scriptedModel(() => "Fine");
    const manager = new SessionSummaryManager({ model: summaries });
    const agent = new Agent({ id: "one", model, db, sessionId: "s", userId: "ada", sessionSummaryManager: manager });
    expect((await agent.run("Go on")).summaryError).toBeNull();
    await agent.renameSession({ autogenerate: true });
    const said = JSON.stringify([summaries.prompts, model.prompts]);
    expect(said).toContain("ada 1");
    expect(said).not.toContain("bob");
  });

  test("to members, as the team's history or their own", async () => {
    const { db } = await told([{ foreign: "bob" }], "team");
    const session = { sessionType: "team", sessionId: "s", teamId: "one", userId: "ada" } as const;
    for (const [runId, userId] of [
      ["m0", "ada"],
      ["m1", "bob"],
    ] as const) {
      const messages = [{ role: "user", content: `${userId} asks the member` }];
      const run = { runType: "agent", agentId: "member", runId, userId, parentRunId: `r${runId}`, messages } as const;
      await db.upsertRun({ session, run: { ...run, messages: [...messages] } });
    }
    for (const [runId, text] of [
      ["r0", "ada 0"],
      ["r1", "bob 1"],
    ] as const) {
      await db.updateRun({ runId }, (run) => ({
        ...(run as TeamRun),
        status: "COMPLETED",
        input: { inputContent: text },
        content: text,
      }));
    }
    const asked = scriptedModel(() => "Done");
    const delegate = call("delegate_task_to_member", { member_id: "member", task: "Help" });
    const team = new Team({
      id: "one",
      db,
      model: scriptedModel([delegate, "Fine"]),
      members: [new Agent({ id: "member", model: asked })],
      addTeamHistoryToMembers: true,
      addMemberHistory: true,
    });
    await team.run("Go on", { sessionId: "s", userId: "ada" });
    const prompt = JSON.stringify(asked.prompts);
    expect(prompt).toContain("ada 0");
    expect(prompt).toContain("ada asks the member");
    expect(prompt).not.toContain("bob");
  });

  test("to the steps of a workflow", async () => {
    const db = new InMemorySessionDb();
    const session = { sessionType: "workflow", sessionId: "s", workflowId: "one", userId: "ada" } as const;
    for (const userId of ["ada", "bob"]) {
      const run = { runType: "workflow", runId: userId, userId, input: `${userId} asks`, content: "Told" } as const;
      await db.upsertRun({ session, run: { ...run, status: "COMPLETED" } });
    }
    let history: string | null = null;
    const steps = [
      (input: { history: string | null }) => {
        ({ history } = input);
        return "Fine";
      },
    ];
    await new Workflow({ id: "one", db, steps, addWorkflowHistoryToSteps: true }).run("Go on", {
      sessionId: "s",
      userId: "ada",
    });
    expect(history).toContain("ada asks");
    expect(history).not.toContain("bob");
  });

  test("by continuing it after its pause", async () => {
    await using db = new SqliteSessionDb({ file: ":memory:" });
    const session = { sessionType: "agent", sessionId: "s", agentId: "one", userId: "ada" } as const;
    const paused = { runType: "agent", status: "PAUSED", messages: [{ role: "user", content: "Pay" }] } as const;
    await db.upsertRun({ session, run: { runType: "agent", runId: "a", messages: [{ role: "user", content: "Hi" }] } });
    await db.upsertRun({ session, run: { ...paused, messages: [...paused.messages], runId: "b", userId: "bob" } });
    const before = await db.getRun({ runId: "b" });
    const agent = new Agent({ id: "one", model: scriptedModel([]), db });
    const going = agent.continueRun({ sessionId: "s", userId: "ada", runId: "b", approvals: [] });
    await expect(going).rejects.toMatchObject({ code: "INVALID_ARGUMENT", argument: "runId" });
    expect(await db.getRun({ runId: "b" })).toEqual(before);
  });
});
