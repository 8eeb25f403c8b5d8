import { InMemorySessionDb, InvalidArgumentError } from "@sessiondb/core";
import { jsonSchema, tool } from "ai";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runOptionReaders } from "../../turns/src/run-options.ts";
import { workflowReaders } from "../../turns/src/workflow-options.ts";
import { delegationReaders } from "../src/delegation.ts";
import {
  Agent,
  condition,
  loop,
  router,
  MemoryManager,
  SessionSummaryManager,
  step,
  StepResult,
  Team,
  Workflow,
  type Approval,
} from "@sessiondb/agent";
import { modelComponentReaders } from "../src/model-component-options.ts";
import { modelRunReaders } from "../src/model-run-options.ts";
import { scriptedModel } from "@sessiondb/testing/scripted-model";

// Every option of every constructor and method: what it may be, and that anything else is refused by its name.

/** Whether a value is one that an option may have. */
type Kind = (value: unknown) => boolean;

const text: Kind = (value) => typeof value === "string";
const nonEmpty: Kind = (value) => text(value) && value !== "";
const flag: Kind = (value) => typeof value === "boolean";
const from =
  (least: number, most = Number.POSITIVE_INFINITY): Kind =>
  (value) =>
    Number.isSafeInteger(value) && Number(value) >= least && Number(value) <= most;
const seconds: Kind = (value) => typeof value === "number" && value >= 0;
const time: Kind = (value) => Number.isSafeInteger(value) && Math.abs(Number(value)) <= 100_000_000_000;
const list: Kind = (value) => Array.isArray(value);
const json: Kind = (value) => typeof value === "object" && value !== null && !list(value) && !(value instanceof Map);
const work: Kind = (value) => typeof value === "function";
const anything: Kind = () => true;
const either =
  (...kinds: Kind[]): Kind =>
  (value) =>
    kinds.some((kind) => kind(value));
const word =
  (...words: string[]): Kind =>
  (value) =>
    words.includes(value as string);
const none: Kind = () => false;

const values: readonly unknown[] = [
  null,
  "",
  "false",
  "two words",
  "owner",
  true,
  false,
  0,
  1,
  3,
  -1,
  0.5,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  2 ** 53,
  1_800_000_000_000,
  1n,
  {},
  { in: 1n },
  [],
  [1],
  new Map(),
  () => ({}),
  Symbol("none"),
];

const isJson: Kind = (value) => json(value) && Object.keys(value as object).length === 0;
/** A function of the tests returns no tool. */
const toolSource = either(isJson, work);
const component: Record<string, Kind> = {
  id: nonEmpty,
  name: nonEmpty,
  db: either(nonEmpty, work),
  sessionStorage: flag,
  ownStorage: flag,
  sessionId: nonEmpty,
  userId: nonEmpty,
  sessionState: isJson,
  metadata: isJson,
  access: word("owner", "shared"),
  sessionStateSchema: none,
  onInvalidSessionState: word("throw"),
  onStorageError: word("throw", "continue"),
  staleAfter: seconds,
  dependencies: json,
  prices: isJson,
};
const conversation: Record<string, Kind> = {
  ...component,
  storeMedia: flag,
  storeToolMessages: flag,
  storeHistoryMessages: flag,
  storeMemberResponses: flag,
  agenticState: flag,
  readChatHistory: flag,
  readToolCallHistory: flag,
  searchPastSessions: flag,
  model: nonEmpty,
  description: text,
  instructions: either(text, work, (value) => list(value) && (value as unknown[]).length === 0),
  tools: toolSource,
  generation: either(isJson, (value) => json(value) && "in" in (value as object)),
  addHistoryToContext: flag,
  addHistoryMediaToContext: flag,
  numHistoryRuns: from(0),
  numHistoryMessages: from(0),
  maxToolCallsFromHistory: from(0),
  maxHistoryTokens: from(1),
  maxToolResultTokens: from(1),
  numHistoryMediaRuns: from(0),
  countTokens: work,
  sessionSummaries: flag,
  addSessionSummaryToContext: flag,
  addSummarizedRunsToContext: flag,
  addStoppedRunsToContext: flag,
  waitUntil: work,
  awaitSummaries: flag,
  onSummaryError: work,
  summaryTimeout: from(1, 2 ** 31 - 1),
  sessionSummaryManager: none,
  updateMemoryOnRun: flag,
  agenticMemory: flag,
  addMemoriesToContext: flag,
  memoryManager: none,
  awaitMemories: flag,
  onMemoryError: work,
  memoryTimeout: from(1, 2 ** 31 - 1),
  addSessionStateToContext: flag,
  introduction: text,
  inputGuardrails: either(work, (value) => list(value) && (value as unknown[]).length === 0),
  outputGuardrails: either(work, (value) => list(value) && (value as unknown[]).length === 0),
  holdOutputUntilChecked: (value) => value === false,
  hooks: isJson,
};
const delegation: Record<string, Kind> = {
  delegation: word("sequential", "parallel"),
  addTeamHistoryToMembers: flag,
  numTeamHistoryRuns: from(0),
  shareMemberInteractions: flag,
  addMemberHistory: flag,
};
const workflow: Record<string, Kind> = {
  ...component,
  description: text,
  steps: none,
  addWorkflowHistoryToSteps: flag,
  numHistoryRuns: from(0),
  storeExecutorOutputs: flag,
};
const run: Record<string, Kind> = {
  sessionId: nonEmpty,
  userId: nonEmpty,
  sessionState: isJson,
  signal: none,
  // There is no such run.
  replaces: none,
  sessionName: text,
  dependencies: json,
};
const modelRun: Record<string, Kind> = {
  ...run,
  model: nonEmpty,
  instructions: either(text, (value) => list(value) && (value as unknown[]).length === 0),
  tools: toolSource,
  generation: either(isJson, (value) => json(value) && "in" in (value as object)),
  metadata: isJson,
  readSessions: (value) => list(value) && (value as unknown[]).length === 0,
};
const session: Record<string, Kind> = { sessionId: nonEmpty, userId: nonEmpty };

const { sessionId: _named, replaces: _replaces, ...modelRunOfSession } = modelRun;

interface Called {
  /** What each option may be. */
  readonly kinds: Record<string, Kind>;
  /** Options that are right, those that are needed among them. */
  readonly right: Readonly<Record<string, unknown>>;
  readonly needed?: readonly string[];
  /** Options that must not be there as undefined. */
  readonly lost?: readonly string[];
  readonly call: (options: never) => unknown;
}

const model = scriptedModel(() => "Hello");
// What the AI SDK makes of the id of a model.
beforeAll(() => void Object.assign(globalThis, { AI_SDK_DEFAULT_PROVIDER: { languageModel: () => model } }));
afterAll(() => void Reflect.deleteProperty(globalThis, "AI_SDK_DEFAULT_PROVIDER"));

const member = new Agent({ id: "member", model });
const pay = tool({ inputSchema: jsonSchema<object>({ type: "object" }), needsApproval: true, execute: () => "Paid" });
const db = new InMemorySessionDb();
const agent = new Agent({ id: "one", model, db, tools: { pay } });
const flow = new Workflow({ id: "flow", db: new InMemorySessionDb(), steps: [() => "Done"] });
const { signal } = new AbortController();
const rightRun = { userId: "ada", sessionState: { n: 1 }, signal };
const rightModelRun = {
  ...rightRun,
  model,
  instructions: "Go.",
  tools: {},
  generation: { temperature: 0 },
  metadata: { n: 1 },
  dependencies: { db },
};
const rightSession = { sessionId: "s", userId: "ada" };
const rightComponent = { id: "one", db: "memory:", sessionId: "s", userId: "ada", sessionState: {}, metadata: {} };
const lost = ["userId", "sessionId"];

const calls: Record<string, Called> = {
  "new Agent": {
    kinds: conversation,
    right: { ...rightComponent, model, tools: { pay }, generation: { temperature: 0 } },
    needed: ["model"],
    lost: ["userId", "db", "access"],
    call: (options) => new Agent(options),
  },
  "new Team": {
    kinds: { ...conversation, ...delegation, members: none },
    right: { ...rightComponent, model, members: [member], addTeamHistoryToMembers: true },
    needed: ["model", "members"],
    lost: ["userId", "db", "access"],
    call: (options) => new Team(options),
  },
  "new Workflow": {
    kinds: workflow,
    right: { ...rightComponent, steps: [() => "Done"], addWorkflowHistoryToSteps: true },
    needed: ["steps"],
    lost: ["userId", "db", "access"],
    call: (options) => new Workflow(options),
  },
  "new SessionSummaryManager": {
    kinds: {
      model: nonEmpty,
      prompt: nonEmpty,
      lastNRuns: from(1),
      conversationLimit: from(1),
      incremental: flag,
      every: from(1),
      everyTokens: from(1),
    },
    right: { model },
    call: (options) => new SessionSummaryManager(options),
  },
  "new MemoryManager": {
    kinds: { model: nonEmpty, instructions: nonEmpty, limits: isJson },
    right: { model, limits: { memories: 3, characters: 100 } },
    call: (options) => new MemoryManager(options),
  },
  getUserMemories: {
    kinds: {
      userId: nonEmpty,
      agentId: nonEmpty,
      teamId: nonEmpty,
      topics: none,
      topicMatch: none,
      text: nonEmpty,
      sortBy: word("updatedAt", "createdAt"),
      sortOrder: word("asc", "desc"),
      limit: from(0),
      cursor: none,
      onUnreadable: word("report", "throw"),
      signal: none,
    },
    right: { userId: "ada", limit: 5 },
    needed: ["userId"],
    lost: ["userId"],
    call: (options) => agent.getUserMemories(options),
  },
  step: {
    kinds: {
      name: nonEmpty,
      run: work,
      maxRetries: from(0),
      skipOnFailure: flag,
      addWorkflowHistory: flag,
      numHistoryRuns: from(0),
    },
    right: { name: "one", run: member },
    needed: ["name", "run"],
    call: (options) => step(options),
  },
  condition: {
    kinds: { when: work, steps: none, otherwise: none },
    right: { when: () => true, steps: [member], otherwise: [member] },
    needed: ["when", "steps"],
    call: (options) => condition("one", options),
  },
  loop: {
    kinds: { steps: none, until: work, maxIterations: from(1) },
    right: { steps: [member] },
    needed: ["steps"],
    call: (options) => loop("one", options),
  },
  router: {
    kinds: { choose: work, routes: none },
    right: { choose: () => "a", routes: { a: member } },
    needed: ["choose", "routes"],
    call: (options) => router("one", options),
  },
  "new StepResult": {
    kinds: { content: anything, stop: flag },
    right: { content: 1 },
    call: (options) => new StepResult(options),
  },
  run: { kinds: modelRun, right: rightModelRun, lost: ["userId"], call: (options) => agent.run("Hi", options) },
  stream: {
    kinds: modelRun,
    right: rightModelRun,
    lost: ["userId"],
    call: async (options) => (await agent.stream("Hi", options)).result,
  },
  continueRun: {
    kinds: { ...modelRunOfSession, runId: none, approvals: none },
    right: { ...rightModelRun, approvals: [{ toolCallId: "c1", approved: true }] },
    needed: ["approvals"],
    lost: ["userId", "runId"],
    call: async (options) => {
      const paying = new Agent({
        model: scriptedModel([{ calls: [{ name: "pay", id: "c1" }] }, "Paid."]),
        db: new InMemorySessionDb(),
        access: "shared",
        tools: { pay },
      });
      const { runId, sessionId } = await paying.run("Pay");
      const named = typeof options === "object" && options !== null && !Array.isArray(options);
      return paying.continueRun(named ? ({ runId, sessionId, ...(options as object) } as never) : options);
    },
  },
  "Workflow.run": {
    kinds: run,
    right: rightRun,
    lost: ["userId"],
    call: (options) => flow.run("Hi", options),
  },
  "Workflow.stream": {
    kinds: run,
    right: rightRun,
    lost: ["userId"],
    call: (options) => flow.stream("Hi", options).result,
  },
  getUserSessions: {
    kinds: {
      userId: nonEmpty,
      sessionName: text,
      startTimestamp: time,
      endTimestamp: time,
      sortBy: word("createdAt", "updatedAt"),
      sortOrder: word("asc", "desc"),
      limit: from(0, 50),
      cursor: none,
    },
    right: { userId: "ada" },
    needed: ["userId"],
    call: (options) => agent.getUserSessions(options),
  },
  getSession: {
    kinds: { ...session, runsLimit: from(1) },
    right: rightSession,
    needed: ["sessionId"],
    lost,
    call: (options) => agent.getSession(options),
  },
  getMessages: {
    kinds: {
      ...session,
      lastNRuns: from(0),
      limit: from(0),
      skipRoles: (value) => list(value) && (value as unknown[]).length === 0,
      skipStatuses: (value) => list(value) && (value as unknown[]).length === 0,
      skipHistoryMessages: flag,
    },
    right: rightSession,
    needed: ["sessionId"],
    lost,
    call: (options) => agent.getMessages(options),
  },
  renameSession: {
    kinds: { ...session, sessionName: text, autogenerate: none },
    right: { ...rightSession, sessionName: "New" },
    needed: ["sessionId", "sessionName"],
    lost,
    call: (options) => agent.renameSession(options),
  },
  updateSessionState: {
    kinds: { ...session, change: either(isJson, work) },
    right: { ...rightSession, change: { n: 2 } },
    needed: ["sessionId", "change"],
    lost,
    call: (options) => agent.updateSessionState(options),
  },
  deleteUserSessions: {
    kinds: { userId: nonEmpty, startTimestamp: time, endTimestamp: time },
    right: { userId: "bob" },
    needed: ["userId"],
    call: (options) => agent.deleteUserSessions(options),
  },
  ...Object.fromEntries(
    (["getSessionSummary", "getSessionState", "forkSession", "deleteSession"] as const).map((name) => [
      name,
      {
        kinds: session,
        right: rightSession,
        needed: ["sessionId"],
        lost,
        call: (options: { sessionId: string }) => agent[name](options),
      },
    ]),
  ),
};

const right: unknown = "right";

/** The argument that a call refuses; "right" when it takes its options. */
async function refused({ call }: Called, options: object): Promise<unknown> {
  try {
    await call(options as never);
    return right;
  } catch (error) {
    return error instanceof InvalidArgumentError ? error.argument : error;
  }
}

const snakeCase = (name: string): string => name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
const misspelt = (name: string): string[] =>
  [snakeCase(name), name.replace(/Id$/, "ID"), name.toUpperCase(), `${name}s`].filter((other) => other !== name);

describe.each(Object.entries(calls))("%s", (_name, called) => {
  const { kinds, right: given, needed = [], lost: notUndefined = [] } = called;

  test("accepts valid options", async () => {
    expect(await refused(called, given)).toBe(right);
  });

  test.each(Object.keys(kinds))("accepts valid values of %s, and names it when refusing others", async (option) => {
    const found = new Map<unknown, unknown>();
    const expected = new Map<unknown, unknown>();
    for (const value of values) {
      const answer = await refused(called, { ...given, [option]: value });
      const isAllowed = kinds[option]?.(value) === true;
      const isNamed = typeof answer === "string" && new RegExp(`^${option}([.[ ]|$)`).test(answer);
      expected.set(value, isAllowed ? right : option);
      found.set(value, isNamed ? option : answer);
    }
    expect(found).toEqual(expected);
  });

  test.each(Object.keys(kinds))(
    "treats an undefined %s as omitted, unless that would change its meaning",
    async (option) => {
      const { [option]: _left, ...rest } = given;
      expect(await refused(called, { ...rest, [option]: undefined })).toBe(
        needed.includes(option) || notUndefined.includes(option) ? option : right,
      );
      expect(await refused(called, rest)).toBe(needed.includes(option) ? option : right);
    },
  );

  test("refuses unknown options", async () => {
    for (const other of Object.keys(kinds)
      .flatMap(misspelt)
      .filter((name) => !(name in kinds))) {
      expect(await refused(called, { ...given, [other]: given["userId"] ?? 1 })).toBe(`options.${other}`);
    }
  });

  test.each([null, 1, "options", []])("refuses %o instead of options", async (options) => {
    expect(await refused(called, options as never)).toBe("options");
  });
});

test("the tables of this test list every option", () => {
  const names = (table: object): string[] => Object.keys(table).toSorted();
  expect(names(conversation)).toEqual(names(modelComponentReaders));
  expect(names(delegation)).toEqual(names(delegationReaders));
  expect(names(workflow)).toEqual(names(workflowReaders));
  expect(names(run)).toEqual(names(runOptionReaders));
  expect(names(modelRun)).toEqual(names(modelRunReaders));
});

describe("the settings of the AI SDK", () => {
  test.each(["model", "tools", "system", "prompt", "messages", "abortSignal", "experimental_context", "onStepFinish"])(
    "cannot include %s",
    (name) => {
      const generation = { [name]: () => {} } as object;
      expect(() => new Agent({ model, generation })).toThrow(
        expect.objectContaining({ argument: `generation.${name}` }) as Error,
      );
    },
  );

  test.each(["onStepFinish", "onFinish", "onChunk", "onError", "onAbort"])(
    "are no place for the hook %s, and the error says what is",
    (name) => {
      const make = () => new Agent({ model, generation: { [name]: () => {} } });
      expect(make).toThrow(`generation.${name} must be left out: read the result, or fullStream of a stream`);
    },
  );

  test("keep their defaults when undefined", async () => {
    const look = tool({ inputSchema: jsonSchema<object>({ type: "object" }), execute: () => "found" });
    const calling = scriptedModel([{ calls: [{ name: "look" }] }, "Found"]);
    const generation = { stopWhen: undefined } as object;
    const looking = new Agent({ model: calling, tools: { look }, generation });
    expect((await looking.run("Look")).text).toBe("Found");
  });
});

describe("the decisions of continueRun", () => {
  const decision: Approval = { toolCallId: "c1", approved: true };

  test.each<[string, unknown, string]>([
    ["no list", decision, "approvals"],
    ["a word in place of a decision", [{ ...decision, approved: "false" }], "approvals[0].approved"],
    ["a number in place of a decision", [{ ...decision, approved: 1 }], "approvals[0].approved"],
    ["no decision", [{ toolCallId: "c1" }], "approvals[0].approved"],
    ["no call", [{ approved: true }], "approvals[0].toolCallId"],
    ["another name", [{ ...decision, confirmed: true }], "approvals[0].confirmed"],
    ["a reason that is not text", [{ ...decision, reason: 1 }], "approvals[0].reason"],
    ["nothing", [null], "approvals[0]"],
    ["two decisions about one call", [decision, { ...decision, approved: false }], "approvals"],
  ])("are refused when there is %s", async (_name, approvals, argument) => {
    const paying = new Agent({
      model: scriptedModel([{ calls: [{ name: "pay", id: "c1" }] }, "Done"]),
      db: new InMemorySessionDb(),
      tools: { pay },
      sessionId: "s",
    });
    const { runId } = await paying.run("Pay");
    const options = { runId, sessionId: "s", approvals: approvals as Approval[] };
    await expect(paying.continueRun(options)).rejects.toMatchObject({ code: "INVALID_ARGUMENT", argument });
    expect((await paying.getSession())?.runs).toMatchObject([{ status: "PAUSED" }]);
    expect(await paying.continueRun({ ...options, approvals: [decision] })).toMatchObject({ status: "COMPLETED" });
  });
});

const manager = new SessionSummaryManager();
const withoutMemories = Object.defineProperty(new InMemorySessionDb(), "memories", { value: null });
const both = ["new Agent", "new Team"] as const;
const all = [...both, "new Workflow"] as const;

/** Options that contradict each other, the one that is named when they are refused, and how they are right. */
const contradictions: readonly (readonly [string, Record<string, unknown>, string, Record<string, unknown>])[] = [
  ...all.flatMap((name) => [
    [name, { ownStorage: true, db }, "ownStorage", { db: "memory:" }] as const,
    [name, { ownStorage: true, db: undefined }, "db", { db: () => "memory:" }] as const,
  ]),
  ...both.flatMap(
    (name) =>
      [
        ...Object.entries({
          numHistoryRuns: 2,
          numHistoryMessages: 2,
          maxToolCallsFromHistory: 2,
          maxHistoryTokens: 2,
          maxToolResultTokens: 2,
          numHistoryMediaRuns: 2,
          countTokens: () => 2,
          addHistoryMediaToContext: true,
          addSummarizedRunsToContext: true,
          storeHistoryMessages: true,
        }).flatMap(([option, value]) => [
          [name, { addHistoryToContext: false, [option]: value }, option, { addHistoryToContext: true }] as const,
          [name, { addHistoryToContext: false, [option]: value }, option, { [option]: undefined }] as const,
        ]),
        [
          name,
          { addHistoryMediaToContext: false, numHistoryMediaRuns: 2 },
          "numHistoryMediaRuns",
          { addHistoryMediaToContext: true },
        ],
        ...Object.entries({
          sessionSummaryManager: manager,
          awaitSummaries: true,
          onSummaryError: () => {},
          summaryTimeout: 5,
        }).map(
          ([option, value]) =>
            [name, { sessionSummaries: false, [option]: value }, option, { sessionSummaries: true }] as const,
        ),
        ...Object.entries({ awaitMemories: true, onMemoryError: () => {}, memoryTimeout: 5 }).map(
          ([option, value]) =>
            [name, { updateMemoryOnRun: false, [option]: value }, option, { updateMemoryOnRun: true }] as const,
        ),
        ...["updateMemoryOnRun", "agenticMemory", "addMemoriesToContext"].flatMap((option) => [
          [name, { [option]: true, sessionStorage: false }, option, { sessionStorage: true }] as const,
          [name, { [option]: true, db: withoutMemories }, option, { db: "memory:" }] as const,
        ]),
        [name, { agenticMemory: true, access: "shared" }, "agenticMemory", { access: "owner" }],
        [name, { updateMemoryOnRun: true, access: "shared" }, "addMemoriesToContext", { addMemoriesToContext: false }],
        [name, { addMemoriesToContext: { topics: [] } }, "addMemoriesToContext.topics", { addMemoriesToContext: true }],
        [name, { searchPastSessions: true, access: "shared" }, "searchPastSessions", { access: "owner" }],
      ] as const,
  ),
  ["new SessionSummaryManager", { incremental: true, lastNRuns: 2 }, "lastNRuns", { incremental: false }],
  [
    "new Team",
    { addTeamHistoryToMembers: undefined, numTeamHistoryRuns: 2 },
    "numTeamHistoryRuns",
    { addTeamHistoryToMembers: true },
  ],
  [
    "new Workflow",
    { addWorkflowHistoryToSteps: false, numHistoryRuns: 2 },
    "numHistoryRuns",
    { addWorkflowHistoryToSteps: true },
  ],
  ["step", { addWorkflowHistory: false, numHistoryRuns: 2 }, "numHistoryRuns", { addWorkflowHistory: undefined }],
  ["renameSession", { autogenerate: true }, "autogenerate", { sessionName: undefined }],
  ["renameSession", { autogenerate: false, sessionName: undefined }, "autogenerate", { autogenerate: true }],
];

test.each(contradictions)("%s refuses contradictions: %o", async (...[name, wrong, argument, mended]) => {
  const called = calls[name] as Called;
  expect(await refused(called, { ...called.right, ...wrong })).toBe(argument);
  expect(await refused(called, { ...called.right, ...wrong, ...mended })).toBe(right);
});
