import { InMemorySessionDb, SessionDbError, type Run, type Session } from "@sessiondb/core";
import { jsonSchema, tool } from "ai";
import { describe, expect, test, vi } from "vitest";
import {
  Agent,
  Component,
  StepResult,
  Team,
  Workflow,
  type ComponentOptions,
  type SessionAccess,
  type StepFunction,
} from "@sessiondb/agent";
import { scriptedModel } from "@sessiondb/testing/scripted-model";

// Every method that takes a user or a session, for every caller, component and session there can be.

const secret = "secret of Ada";

/** A caller's argument: a user, nobody, or a user that got lost on the way. */
const callers = {
  owner: { userId: "ada" },
  other: { userId: "eve" },
  none: {},
  empty: { userId: "" },
  undefined: { userId: undefined as unknown as string },
} satisfies Record<string, { userId?: string }>;
type Caller = keyof typeof callers;
const callerNames = Object.keys(callers) as Caller[];

/** Session "s" when a method is called. It holds Ada's secret. */
const sessions = [
  "of Ada",
  "of nobody",
  "of Ada with another component",
  "of Ada of another type",
  "not there",
] as const;
type SessionKind = (typeof sessions)[number];

/** A result is "given" when there is something in it, and "absent" when it is that of a session that is not there. */
type Outcome =
  | "given"
  | "absent"
  | "INVALID_ARGUMENT"
  | "SESSION_OWNERSHIP"
  | "SESSION_COMPONENT_MISMATCH"
  | "SESSION_TYPE_MISMATCH";
/** For Ada, for another user, and for a call without a user. */
type Outcomes = readonly [owner: Outcome, other: Outcome, none: Outcome];
type Row = Readonly<Record<SessionKind, Outcomes>>;

const refused = "INVALID_ARGUMENT";
const owners = "SESSION_OWNERSHIP";
const wrongComponent = "SESSION_COMPONENT_MISMATCH";
const wrongType = "SESSION_TYPE_MISMATCH";
const all = (outcome: Outcome): Outcomes => [outcome, outcome, outcome];
const absent = {
  "of Ada with another component": all("absent"),
  "of Ada of another type": all("absent"),
  "not there": all("absent"),
};

const ofOwner = {
  turn: {
    "of Ada": ["given", owners, owners],
    "of nobody": all("given"),
    "of Ada with another component": [wrongComponent, owners, owners],
    "of Ada of another type": [wrongType, owners, owners],
    "not there": all("given"),
  },
  continuation: {
    "of Ada": ["given", owners, owners],
    "of nobody": all("given"),
    "of Ada with another component": [wrongComponent, owners, owners],
    "of Ada of another type": [wrongType, owners, owners],
    "not there": all(refused),
  },
  list: {
    "of Ada": ["given", "absent", refused],
    "of nobody": ["absent", "absent", refused],
    "of Ada with another component": ["absent", "absent", refused],
    "of Ada of another type": ["absent", "absent", refused],
    "not there": ["absent", "absent", refused],
  },
  look: { ...absent, "of Ada": ["given", "absent", "given"], "of nobody": ["absent", "absent", "given"] },
  removal: { ...absent, "of Ada": ["given", "absent", "given"], "of nobody": ["absent", "absent", "given"] },
  runs: { ...absent, "of Ada": ["given", "absent", "given"], "of nobody": ["absent", "absent", "given"] },
  control: { ...absent, "of Ada": ["given", "absent", "given"], "of nobody": ["absent", "absent", "given"] },
  // They are of no session.
  memories: {
    "of Ada": ["given", "absent", refused],
    "of nobody": ["given", "absent", refused],
    "of Ada with another component": ["given", "absent", refused],
    "of Ada of another type": ["given", "absent", refused],
    "not there": ["given", "absent", refused],
  },
} satisfies Record<string, Row>;
type Group = keyof typeof ofOwner;

const shared: Record<Group, Row> = {
  turn: {
    "of Ada": all("given"),
    "of nobody": all("given"),
    "of Ada with another component": all(wrongComponent),
    "of Ada of another type": all(wrongType),
    "not there": all("given"),
  },
  continuation: {
    "of Ada": all("given"),
    "of nobody": all("given"),
    "of Ada with another component": all(wrongComponent),
    "of Ada of another type": all(wrongType),
    "not there": all(refused),
  },
  list: ofOwner.list,
  memories: ofOwner.memories,
  look: { ...absent, "of Ada": all("given"), "of nobody": all("given") },
  // Each takes part with runs of their own.
  runs: ofOwner.runs,
  control: { ...absent, "of Ada": all("given"), "of nobody": all("given") },
  // Who takes part may not delete, and what is nobody's is not a user's to delete.
  removal: { ...absent, "of Ada": ["given", owners, "given"], "of nobody": ["absent", "absent", "given"] },
};

interface Call {
  readonly component: Agent | Team | Workflow;
  readonly options: { sessionId?: string; userId?: string };
  readonly pausedRun: string;
}
type Method = (call: Call) => Promise<unknown>;

const approvals = [{ toolCallId: "c1", approved: true }];
const conversation =
  (work: (component: Agent | Team, call: Call) => Promise<unknown>): Method =>
  (call) =>
    work(call.component as Agent | Team, call);

/** The methods of all components, by name; after a name, another way to call it. */
const methods: Record<string, Method> = {
  run: ({ component, options }) => component.run("Hi", options),
  stream: async ({ component, options }) => (await component.stream("Hi", options)).result,
  "stream to its end": async ({ component, options }) => {
    const stream = await component.stream("Hi", options);
    const read: unknown[] = [];
    for await (const part of "fullStream" in stream ? stream.fullStream : stream) {
      read.push(part);
    }
    return read;
  },
  streamChat: conversation(async (component, { options }) => {
    const message = { id: "m", role: "user", parts: [{ type: "text", text: "Hi" }] };
    return (await component.streamChat({ id: "s", messages: [message] }, options)).result;
  }),
  printResponse: conversation((component, { options }) => component.printResponse("Hi", options)),
  continueRun: ({ component, options, pausedRun: runId }) =>
    component instanceof Workflow
      ? component.continueRun({ sessionId: "s", ...options, runId, resumeData: approvals })
      : component.continueRun({ sessionId: "s", ...options, runId, approvals }),
  continueStream: async ({ component, options, pausedRun: runId }) =>
    component instanceof Workflow
      ? component.continueStream({ sessionId: "s", ...options, runId, resumeData: approvals }).result
      : (await component.continueStream({ sessionId: "s", ...options, runId, approvals })).result,
  forSession: conversation(async (component, { options }) => {
    const { text } = await component.forSession(options).generate({ prompt: "Hi" });
    return text;
  }),
  "forSession, as a stream": conversation(async (component, { options }) => {
    const stream = await component.forSession(options).stream({ prompt: "Hi" });
    return stream.text;
  }),
  getPendingApprovals: conversation(
    async (component, { options }) => (await component.getPendingApprovals(options)).approvals,
  ),
  getUserMemories: conversation(
    async (component, { options: { sessionId: _session, ...user } }) =>
      (await component.getUserMemories(user)).memories,
  ),
  cancelRun: ({ component, options }) => component.cancelRun({ ...options, runId: "running" }),
  getRunningRuns: ({ component, options }) => component.getRunningRuns(options),
  getUserSessions: ({ component, options: { sessionId: _session, ...user } }) => component.getUserSessions(user),
  getSession: ({ component, options }) => component.getSession(options),
  deleteSession: ({ component, options }) => component.deleteSession(options),
  deleteUserSessions: ({ component, options: { sessionId: _session, ...user } }) => component.deleteUserSessions(user),
  renameSession: ({ component, options }) => component.renameSession({ ...options, sessionName: "New" }),
  "renameSession from its content": ({ component, options }) =>
    component.renameSession({ ...options, autogenerate: true }),
  getMessages: ({ component, options }) => component.getMessages(options),
  getSessionSummary: ({ component, options }) => component.getSessionSummary(options),
  getSessionState: ({ component, options }) => component.getSessionState(options),
  updateSessionState: ({ component, options }) =>
    component.updateSessionState({ ...options, change: { hacked: true } }),
  forkSession: ({ component, options }) => component.forkSession(options),
};

const groups: Record<string, Group> = {
  run: "turn",
  stream: "turn",
  "stream to its end": "turn",
  streamChat: "turn",
  printResponse: "turn",
  continueRun: "continuation",
  continueStream: "continuation",
  forSession: "turn",
  "forSession, as a stream": "turn",
  getPendingApprovals: "runs",
  getUserMemories: "memories",
  cancelRun: "control",
  getRunningRuns: "runs",
  getUserSessions: "list",
  getSession: "look",
  deleteSession: "removal",
  deleteUserSessions: "list",
  renameSession: "look",
  "renameSession from its content": "look",
  getMessages: "look",
  getSessionSummary: "look",
  getSessionState: "look",
  updateSessionState: "look",
  forkSession: "look",
};

const reading = new Set([
  "getPendingApprovals",
  "getUserMemories",
  "getRunningRuns",
  "getUserSessions",
  "getSession",
  "getMessages",
  "getSessionSummary",
  "getSessionState",
]);

const kinds = ["agent", "team", "workflow"] as const;
type Kind = (typeof kinds)[number];

const pay = tool({ inputSchema: jsonSchema<object>({ type: "object" }), needsApproval: true, execute: () => "Paid" });

/** A component that says `answer`, or calls a tool that waits when it is asked to pay. */
function componentOf(kind: Kind, options: ComponentOptions, answer: string) {
  const model = scriptedModel(({ prompt }) =>
    JSON.stringify(prompt.at(-1)).includes("Pay") ? { calls: [{ name: "pay", id: "c1" }] } : answer,
  );
  if (kind === "workflow") {
    const paying: StepFunction = ({ input, resumeData }) =>
      input === "Pay" && resumeData === undefined ? StepResult.suspend("Pay?") : answer;
    return { model, component: new Workflow({ ...options, steps: [paying] }) };
  }
  const component =
    kind === "agent"
      ? new Agent({ ...options, model, tools: { pay } })
      : new Team({ ...options, model, tools: { pay }, members: [new Agent({ id: "member", model })] });
  return { model, component };
}

/** A session of that kind, whose second run is paused where there can be one, and the third in progress; null for none. */
async function sessionOf(kind: Kind, which: SessionKind): Promise<Session | null> {
  if (which === "not there") {
    return null;
  }
  const db = new InMemorySessionDb();
  const other = kinds[(kinds.indexOf(kind) + 1) % kinds.length] as Kind;
  const { component: writer } = componentOf(
    which === "of Ada of another type" ? other : kind,
    { db, ...(which === "of Ada with another component" && { id: "another" }) },
    secret,
  );
  const user = { sessionId: "s", ...(which !== "of nobody" && { userId: "ada" }) };
  await writer.run(secret, { ...user, sessionState: { note: secret } });
  await writer.run("Pay", user);
  const userId = which === "of nobody" ? null : "ada";
  const inProgress = { runId: "running", status: "RUNNING", userId } as const;
  const extra = { sessiondb_running_since: 1, sessiondb_lease_until: 1e10 };
  const { sessionType: runType, id } = writer;
  const run = { runType, [`${runType}Id`]: id, ...inProgress, extra } as Run;
  await db.upsertRun({ session: writer.newSession("s", userId), run });
  await db.updateSession({ sessionId: "s" }, { summary: { summary: secret } });
  return db.getSession({ sessionId: "s" });
}

const isNothing = (result: unknown): boolean =>
  Array.isArray(result) ? result.length === 0 : result === null || result === false || result === 0;

async function outcomeOf(work: Promise<unknown>): Promise<{ outcome: string; text: string }> {
  try {
    const result = await work;
    const items = typeof result === "object" && result !== null && "sessions" in result ? result.sessions : result;
    return { outcome: isNothing(items) ? "absent" : "given", text: JSON.stringify(result) };
  } catch (error) {
    const code = SessionDbError.isInstance(error) ? error.code : String(error);
    return { outcome: code, text: `${String(error)} ${JSON.stringify(error)}` };
  }
}

async function contentOf(db: InMemorySessionDb): Promise<string> {
  return JSON.stringify((await db.getSessions({ includeRuns: true })).sessions);
}

interface Setting {
  readonly access?: SessionAccess;
  /** What the component says by itself. */
  readonly component?: Pick<ComponentOptions, "sessionId" | "userId">;
  /** What the call says of the session. */
  readonly call?: { sessionId?: string };
}

const undefinedSession = { sessionId: undefined as unknown as string };

/** Where the session, and a user, come from: the call or the component. */
const settings: Record<string, Setting> = {
  "the session named by the call": { call: { sessionId: "s" } },
  "the session of the component": { component: { sessionId: "s" } },
  "the session and the user of the component": { component: { sessionId: "s", userId: "ada" } },
  "the session of the call, and another user of the component": {
    component: { userId: "eve" },
    call: { sessionId: "s" },
  },
  "a session that is undefined": { call: undefinedSession },
  "a session that is undefined, of a component with one": { component: { sessionId: "s" }, call: undefinedSession },
  "no session": {},
  "a shared session": { access: "shared", component: { sessionId: "s" } },
  "a shared session, and another user of the component": {
    access: "shared",
    component: { userId: "eve" },
    call: { sessionId: "s" },
  },
};

describe.each(kinds)("the methods of a component: %s", (kind) => {
  const names = Object.keys(methods).filter((name) => kind !== "workflow" || !isOfModels(name));

  test("are all in the table of this test", () => {
    const own = new Set(["constructor", "close", "getDb", "idle", "newSession", "runEmbedded", "continueEmbedded"]);
    const found = new Set<string>();
    const prototypes: unknown[] = [];
    for (
      let prototype: unknown = Object.getPrototypeOf(componentOf(kind, {}, "").component);
      prototype !== Object.prototype;
      prototype = Object.getPrototypeOf(prototype)
    ) {
      prototypes.push(prototype);
      for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(prototype))) {
        if (typeof value === "function" && !own.has(name) && !isProtected.has(name)) {
          found.add(name);
        }
      }
    }
    expect(prototypes.includes(Component.prototype)).toBe(true);
    expect([...found].toSorted()).toEqual(names.filter((name) => !name.includes(" ")).toSorted());
    expect(Object.keys(groups)).toEqual(Object.keys(methods));
  });

  describe.each(sessions)("a session %s", (which) => {
    const stored = sessionOf(kind, which);

    test.each(Object.entries(settings))("%s", { timeout: 30_000 }, async (_name, setting) => {
      const written = vi.spyOn(process.stdout, "write").mockImplementation(() => true);
      try {
        const session = await stored;
        const found: Record<string, Record<string, string>> = {};
        const faults: string[] = [];
        for (const name of names) {
          const outcomes: Record<string, string> = {};
          found[name] = outcomes;
          for (const caller of callerNames) {
            const db = new InMemorySessionDb();
            await (session && db.upsertSession(session));
            await db.memories.upsertMemory({ userId: "ada", memory: secret });
            const before = await contentOf(db);
            const { access = "owner", component: given = {}, call: said = {} } = setting;
            const { component, model } = componentOf(kind, { ...given, db, access }, "Hello");
            const options = { ...said, ...callers[caller] };
            const pausedRun = session?.runs[1]?.runId ?? "none";
            written.mockClear();
            const { outcome, text } = await outcomeOf((methods[name] as Method)({ component, options, pausedRun }));
            outcomes[caller] = outcome;

            const told = `${text}${written.mock.calls.join("")}${JSON.stringify(model.prompts)}`;
            const isForeign = access === "owner" && userOf(caller, setting) === "other" && which !== "of nobody";
            if (told.includes(secret) && (isForeign || outcome !== "given")) {
              faults.push(`${name} tells ${caller}: ${told}`);
            }
            const isChanged = (await contentOf(db)) !== before;
            if (isChanged && (outcome !== "given" || reading.has(name))) {
              faults.push(`${name} by ${caller} changed something`);
            }
          }
        }
        expect(faults).toEqual([]);
        expect(found).toEqual(
          Object.fromEntries(names.map((name) => [name, expected(name, { kind, which, setting })])),
        );
      } finally {
        written.mockRestore();
      }
    });
  });
});

/** What only classes that extend a component call. */
const isProtected: ReadonlySet<string> = new Set(["sessionIdentity", "nameFor", "additions", "openTurn", "fitState"]);

function isOfModels(name: string): boolean {
  return /^(printResponse|streamChat|forSession|getPendingApprovals|getUserMemories)/.test(name);
}

/** For whom a call is made that way: by its own word, or the component's. */
function userOf(caller: Caller, { component: given = {} }: Setting): Caller {
  return caller === "none" && given.userId !== undefined ? (given.userId === "ada" ? "owner" : "other") : caller;
}

interface Cell {
  readonly kind: Kind;
  readonly which: SessionKind;
  readonly setting: Setting;
}

function expected(name: string, cell: Cell): Record<Caller, Outcome> {
  const outcomes = callerNames.map((caller) => [caller, expectedFor(caller, name, cell)]);
  return Object.fromEntries(outcomes) as Record<Caller, Outcome>;
}

function expectedFor(caller: Caller, name: string, { kind, which, setting }: Cell): Outcome {
  const group = groups[name] as Group;
  const column = (["owner", "other", "none"] as const).findIndex((user) => user === userOf(caller, setting));
  if (column === -1) {
    return refused;
  }
  const said = setting.call ?? {};
  const isLost = "sessionId" in said && said.sessionId === undefined;
  // A chat's body always names one.
  const named = name === "streamChat" ? "s" : (said.sessionId ?? setting.component?.sessionId);
  const isOfOne = group === "look" || group === "removal" || name.startsWith("forSession");
  const namesOne = isOfOne || group === "continuation" || group === "control" || group === "runs";
  if ((isLost && namesOne) || (named === undefined && isOfOne)) {
    return refused;
  }
  // A run without a session begins one; how a run goes on says its session always.
  const row = (setting.access === "shared" ? shared : ofOwner)[group];
  const outcome = row[named === undefined && group === "turn" ? "not there" : which][column] as Outcome;
  // A workflow has no messages.
  return kind === "workflow" && name === "getMessages" && outcome === "given" ? "absent" : outcome;
}
