import { InMemorySessionDb, type AgentRun, type JsonObject, type JsonValue, type TeamRun } from "@sessiondb/core";
import { jsonSchema, tool } from "ai";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Agent, Team } from "../src/index.ts";
import { scriptedModel, type Answer } from "./support/scripted-model.ts";
import { watched } from "./support/watched-db.ts";

const pay = tool({ inputSchema: jsonSchema<object>({ type: "object" }), needsApproval: true, execute: () => "Paid" });
const asks = (id: string): Answer => ({ calls: [{ name: "pay", id }], text: "I will pay." });
const approvals = [{ toolCallId: "c1", approved: true }];

/** What a run that goes on writes itself; what became of its messages and calls is looked at below. */
type Made =
  | "runType"
  | "runId"
  | "sessionId"
  | "status"
  | "content"
  | "contentType"
  | "reasoningContent"
  | "messages"
  | "tools"
  | "metrics"
  | "model"
  | "modelProvider"
  | "requirements"
  | "sessionState"
  | "agentId"
  | "agentName"
  | "teamId"
  | "teamName";

/** A property that is new in a run does not compile until it is here or above. */
type Kept<Run> = { [Key in Exclude<keyof Run, Made>]-?: fc.Arbitrary<NonNullable<Run[Key]>> };

const text = fc.string({ minLength: 1, maxLength: 12, unit: "grapheme" }).filter((value) => !value.includes("\0"));
const json = fc.jsonValue({ maxDepth: 2 }) as fc.Arbitrary<JsonValue>;
const some = json.filter((value) => value !== null) as fc.Arbitrary<NonNullable<JsonValue>>;
const object: fc.Arbitrary<JsonObject> = fc.dictionary(text, json, { maxKeys: 3 });
const extra = object.map((keys) => Object.fromEntries(Object.entries(keys).map(([key, value]) => [`x_${key}`, value])));
const list = <Item>(item: fc.Arbitrary<Item>) => fc.array(item, { maxLength: 2 });
const media = list(fc.record({ id: text, url: text, mimeType: fc.constant("image/png"), extra }));
const messages = list(fc.record({ role: fc.constantFrom("user", "assistant"), content: text, extra }));
const time = fc.integer({ min: 1, max: 2_000_000_000 });
const nested = fc.uuid().map((runId) => ({
  runType: "agent" as const,
  runId,
  agentId: "member",
  status: "COMPLETED",
  createdAt: 1,
  content: "Earlier",
}));

const conversation = {
  userId: text,
  parentRunId: text,
  createdAt: time,
  images: media,
  videos: media,
  audio: media,
  files: media,
  responseAudio: fc.record({ id: text, extra }),
  events: list(json),
  metadata: object,
  workflowStepId: text,
  queueAttempt: fc.nat(9),
  extra,
  input: fc.record({ inputContent: some, images: media, extra }),
  additionalInput: messages,
  reasoningSteps: list(json),
  reasoningMessages: messages,
  modelProviderData: object,
  citations: some,
  references: list(json),
  followups: list(text),
  lastCheckpointAtMessageIndex: fc.nat(9),
  forkedFromMessageIndex: fc.nat(9),
  forkedFromRunId: text,
  forkedFromSessionId: text,
  regeneratedFrom: text,
};
const agentFields = { ...conversation, workflowId: text } satisfies Kept<AgentRun>;
const teamFields = { ...conversation, memberResponses: list(nested) } satisfies Kept<TeamRun>;

/** How a run goes on, and the status it has then. */
const outcomes: readonly (readonly [Answer, string])[] = [
  ["Done.", "COMPLETED"],
  [asks("c2"), "PAUSED"],
  [new Error("out of order"), "ERROR"],
];

const member = new Agent({ id: "member", model: scriptedModel([]) });

function componentOf(kind: "agent" | "team", options: { db: InMemorySessionDb; answers: readonly Answer[] }) {
  const common = {
    id: "one",
    model: scriptedModel(options.answers),
    db: options.db,
    tools: { pay },
    generation: { maxRetries: 0 },
    storeMemberResponses: true,
  };
  return kind === "agent" ? new Agent(common) : new Team({ ...common, members: [member] });
}

describe.each([
  ["agent", fc.record(agentFields, { requiredKeys: [] }), Object.keys(agentFields)],
  ["team", fc.record(teamFields, { requiredKeys: [] }), Object.keys(teamFields)],
] as const)("a paused run: %s", (kind, given, kept) => {
  test.each(outcomes)("keeps what others wrote in it, whatever comes: %o → %s", async (answer, status) => {
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

        const options = { runId, sessionId: "s", userId: "ada", approvals };
        const ended = await component.continueRun(options).then(
          ({ status: reached }) => reached,
          () => "ERROR",
        );
        expect(ended).toBe(status);

        const after = (await db.getRun({ runId })) as AgentRun;
        expect(after.status).toBe(status);
        for (const key of kept as (keyof AgentRun)[]) {
          expect({ [key]: after[key] }).toEqual({ [key]: before[key] });
        }
        expect(after.reasoningContent).toBe("Earlier");
        expect(after.messages?.slice(0, before.messages?.length)).toEqual(before.messages);
        expect(after.tools?.slice(0, toolNames.length)).toEqual(before.tools?.slice(0, toolNames.length));
        expect(after.requirements?.length ?? 0).toBe(status === "PAUSED" ? 1 : 0);
      }),
      { numRuns: 25 },
    );
  });
});

describe("a paused run", () => {
  test("is kept as it was, as ERROR, when what became of it is too large", async () => {
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
    });
  });

  test("goes on in one of many calls at once, and each of them writes at most once before the model", async () => {
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
    expect(calls.filter((name) => name === "upsertRun")).toHaveLength(11);
    expect(calls.filter((name) => name === "getRun")).toHaveLength(10);
    expect((await agent.getSession())?.runs).toMatchObject([{ status: "COMPLETED", content: "Done." }]);
    expect((await agent.getSession())?.runs[0]?.metadata).toBeUndefined();
  });

  test("of a member is not the team's to go on with", async () => {
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

  test("with a copy of the history keeps that copy once", async () => {
    const db = new InMemorySessionDb();
    const model = scriptedModel(["Hello", asks("c1"), "Done."]);
    const agent = new Agent({ model, db, tools: { pay }, sessionId: "s", storeHistoryMessages: true });
    await agent.run("Hi");
    const { runId } = await agent.run("Pay");
    const { run } = await agent.continueRun({ runId, sessionId: "s", approvals });
    expect(run.messages?.filter(({ fromHistory }) => fromHistory === true)).toHaveLength(2);
  });
});
