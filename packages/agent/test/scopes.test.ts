import { InMemorySessionDb, SessionDbError } from "@sessiondb/core";
import { jsonSchema, tool } from "ai";
import { describe, expect, test, vi } from "vitest";
import { Agent, SessionComponent, Team, Workflow, type ComponentOptions, type SessionAccess } from "../src/index.ts";
import { scriptedModel } from "./support/scripted-model.ts";

// Every method that takes a user or a session, for every caller there can be. Session "s" is Ada's.

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

/** A result is "given" when there is something in it, and "absent" when it is that of a session that is not there. */
type Outcome = "given" | "absent" | "INVALID_ARGUMENT" | "SESSION_OWNERSHIP";
type Outcomes = readonly [owner: Outcome, other: Outcome, none: Outcome, empty: Outcome, undefined: Outcome];

const refused = "INVALID_ARGUMENT";
const owners = "SESSION_OWNERSHIP";
const turn: Outcomes = ["given", owners, owners, refused, refused];
const look: Outcomes = ["given", "absent", "given", refused, refused];
const list: Outcomes = ["given", "absent", refused, refused, refused];
const nothing: Outcomes = ["absent", "absent", "absent", refused, refused];

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

/** The methods of all components, by name. */
const methods: Record<string, Method> = {
  run: ({ component, options }) => component.run("Hi", options),
  stream: async ({ component, options }) => (await component.stream("Hi", options)).result,
  printResponse: conversation((component, { options }) => component.printResponse("Hi", options)),
  continueRun: conversation((component, { options, pausedRun: runId }) =>
    component.continueRun({ sessionId: "s", ...options, runId, approvals }),
  ),
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

const ofOwner: Record<string, Outcomes> = {
  run: turn,
  stream: turn,
  printResponse: turn,
  continueRun: turn,
  getUserSessions: list,
  getSession: look,
  deleteSession: look,
  deleteUserSessions: list,
  renameSession: look,
  "renameSession from its content": look,
  getMessages: look,
  getSessionSummary: look,
  getSessionState: look,
  updateSessionState: look,
  forkSession: look,
};

const everybody: Outcomes = ["given", "given", "given", refused, refused];

const shared: Record<string, Outcomes> = {
  ...Object.fromEntries(Object.keys(ofOwner).map((name) => [name, everybody])),
  getUserSessions: list,
  deleteSession: ["given", owners, "given", refused, refused],
  deleteUserSessions: list,
};

const kinds = ["agent", "team", "workflow"] as const;
type Kind = (typeof kinds)[number];

const pay = tool({ inputSchema: jsonSchema<object>({ type: "object" }), needsApproval: true, execute: () => "Paid" });

function componentOf(kind: Kind, options: ComponentOptions): Agent | Team | Workflow {
  const model = scriptedModel(({ prompt }) =>
    JSON.stringify(prompt.at(-1)).includes("Pay") ? { calls: [{ name: "pay", id: "c1" }] } : secret,
  );
  if (kind === "workflow") {
    return new Workflow({ ...options, description: secret, steps: [() => secret] });
  }
  return kind === "agent"
    ? new Agent({ ...options, model, tools: { pay } })
    : new Team({ ...options, model, tools: { pay }, members: [new Agent({ id: "member", model })] });
}

/** A store with session "s" of Ada, whose second run is paused where there can be one. */
async function filled(kind: Kind, access: SessionAccess): Promise<{ db: InMemorySessionDb; pausedRun: string }> {
  const db = new InMemorySessionDb();
  const component = componentOf(kind, { db, access });
  const ada = { sessionId: "s", userId: "ada" };
  await component.run(secret, { ...ada, sessionState: { note: secret } });
  const { runId } = await component.run("Pay", ada);
  await db.updateSession({ sessionId: "s" }, { summary: { summary: secret } });
  return { db, pausedRun: runId };
}

async function outcomeOf(work: Promise<unknown>): Promise<{ outcome: string; text: string }> {
  try {
    const result = await work;
    const items =
      typeof result === "object" && result !== null && "sessions" in result ? (result.sessions as unknown[]) : result;
    const isEmpty = Array.isArray(items) ? items.length === 0 : items === null || items === false || items === 0;
    return { outcome: isEmpty ? "absent" : "given", text: JSON.stringify(result) };
  } catch (error) {
    const code = SessionDbError.isInstance(error) ? error.code : String(error);
    return { outcome: code, text: `${String(error)} ${JSON.stringify(error)}` };
  }
}

async function contentOf(db: InMemorySessionDb): Promise<string> {
  return JSON.stringify((await db.getSessions({ includeRuns: true })).sessions);
}

interface Setting {
  readonly access: SessionAccess;
  readonly component: Pick<ComponentOptions, "sessionId" | "userId">;
  readonly options: { sessionId?: string };
  readonly outcomes: Record<string, Outcomes>;
}

/** Where the session, and a user, come from: the call or the component. */
const settings: Record<string, Setting> = {
  "the session named by the call": { access: "owner", component: {}, options: { sessionId: "s" }, outcomes: ofOwner },
  "the session of the component": { access: "owner", component: { sessionId: "s" }, options: {}, outcomes: ofOwner },
  "the session and the user of the component": {
    access: "owner",
    component: { sessionId: "s", userId: "ada" },
    options: {},
    outcomes: Object.fromEntries(
      Object.entries(ofOwner).map(([name, [owner, other, , ...lost]]) => [name, [owner, other, owner, ...lost]]),
    ),
  },
  "a shared session": { access: "shared", component: { sessionId: "s" }, options: {}, outcomes: shared },
};

describe.each(kinds)("the methods of a component: %s", (kind) => {
  const names = Object.keys(methods).filter((name) => kind !== "workflow" || !isOfModels(name));

  test("are all in the table", () => {
    const own = new Set(["constructor", "close", "getDb", "newSession", "runEmbedded"]);
    const found = new Set<string>();
    const prototypes: unknown[] = [];
    for (
      let prototype: unknown = Object.getPrototypeOf(componentOf(kind, {}));
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
    expect(prototypes).toContain(SessionComponent.prototype);
    expect([...found].toSorted()).toEqual(names.filter((name) => !name.includes(" ")).toSorted());
  });

  describe.each(Object.entries(settings))("%s", (_setting, { access, component: given, options, outcomes }) => {
    test.each(names)("%s", async (name) => {
      const written = vi.spyOn(process.stdout, "write").mockImplementation(() => true);
      try {
        const found: Record<string, string> = {};
        const leaks: string[] = [];
        for (const [caller, user] of Object.entries(callers)) {
          const { db, pausedRun } = await filled(kind, access);
          const before = await contentOf(db);
          const component = componentOf(kind, { ...given, db, access });
          const call = { component, options: { ...options, ...user }, pausedRun };
          written.mockClear();
          const { outcome, text } = await outcomeOf((methods[name] as Method)(call));
          found[caller] = outcome;
          if (outcome !== "given" && `${text}${written.mock.calls.join("")}`.includes(secret)) {
            leaks.push(`${caller} is told: ${text}`);
          }
          if (outcome !== "given" && (await contentOf(db)) !== before) {
            leaks.push(`${caller} changed something`);
          }
        }
        expect(leaks).toEqual([]);
        expect(found).toEqual(expected(name, { kind, outcomes }));
      } finally {
        written.mockRestore();
      }
    });
  });
});

/** What only classes that extend a component call. */
const isProtected: ReadonlySet<string> = new Set(["sessionIdentity", "nameFor", "additions"]);

function isOfModels(name: string): boolean {
  return name === "printResponse" || name === "continueRun";
}

function expected(
  name: string,
  { kind, outcomes }: { kind: Kind; outcomes: Record<string, Outcomes> },
): Record<Caller, string> {
  // A workflow has no messages.
  const row = kind === "workflow" && name === "getMessages" ? nothing : (outcomes[name] as Outcomes);
  return Object.fromEntries(Object.keys(callers).map((caller, index) => [caller, row[index]])) as Record<
    Caller,
    string
  >;
}
