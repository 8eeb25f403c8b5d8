import type { AgentRun, Run, SessionChange, SessionDb, SessionHeader, SessionType, TurnSession } from "@sessiondb/core";
import type { Call } from "./compare.ts";
import { start } from "./data.ts";
import { future } from "./kinds-of-writes.ts";
import type { Random } from "./random.ts";
import { universe } from "./views.ts";

/** A call, and its text to paste into a program. */
export interface DrawnCall {
  readonly text: string;
  readonly call: Call;
}

type Method = Exclude<keyof SessionDb, symbol | "limits" | "memories" | "forUser" | "close">;

// Functions passed as arguments refer to nothing outside themselves, so that their text can be pasted.
const count = (session: SessionHeader) => ({
  sessionState: { count: Number(session.sessionState["count"] ?? 0) + 1 },
});
const countInMetadata = (session: SessionHeader) => ({
  metadata: { count: Number(session.metadata?.["count"] ?? 0) + 1 },
});
const changes: readonly [SessionChange, ...SessionChange[]] = [count, countInMetadata, { sessionName: "A trip" }];
const pause = (run: Run) => ({ ...run, status: "PAUSED" });
const complete = (run: Run) => ({ ...run, status: "COMPLETED" });
const deleteIt = () => null;

function drawn<Name extends Method>(method: Name, ...args: Parameters<SessionDb[Name]>): DrawnCall {
  const list: readonly unknown[] = args;
  return {
    text: `await db.${method}(${list.map(source).join(", ")});`,
    call: async (db) => {
      const made: unknown = await Reflect.apply(db[method], db, list);
      return made;
    },
  };
}

/** Returns a value as a program writes it. */
function source(value: unknown): string {
  if (typeof value === "function") {
    return value.toString().replaceAll(/\s+/g, " ");
  }
  if (Array.isArray(value)) {
    return `[${value.map(source).join(", ")}]`;
  }
  if (typeof value === "object" && value !== null) {
    return `{ ${Object.entries(value)
      .map(([name, each]) => `${name}: ${source(each)}`)
      .join(", ")} }`;
  }
  return JSON.stringify(value);
}

function scope(random: Random): { userId?: string } {
  return random.chance(40) ? { userId: random.pick(universe.users) } : {};
}

function time(random: Random): number {
  return start + random.number(4);
}

const types: readonly [SessionType, ...SessionType[]] = ["agent", "agent", "agent", "team"];
const names = ["Trip to Rome", "Groceries", "the TRIP", ""] as const;

function drawSession(random: Random): TurnSession {
  // An id usually goes with the same type and owner: otherwise most calls would be refused.
  const sessionId = random.pick(universe.sessionIds);
  const usual: SessionType = sessionId === "c" ? "team" : "agent";
  const sessionType = random.chance(90) ? usual : random.pick(types);
  const component = random.chance(70) ? { [`${sessionType}Id`]: random.pick(universe.componentIds) } : {};
  return {
    sessionId,
    sessionType,
    ...component,
    ...(random.chance(60) && { userId: sessionId < "d" ? "alice" : random.pick(universe.users) }),
    ...(random.chance(60) && { sessionData: { session_name: random.pick(names) } }),
    ...(random.chance(20) && { metadata: { drawn: random.number(9) } }),
    createdAt: time(random),
    updatedAt: random.chance(20) ? future + random.number(2) : time(random),
  };
}

function drawRun(random: Random, step: number): AgentRun {
  return {
    runType: "agent",
    runId: random.pick(universe.runIds),
    agentId: random.chance(80) ? random.pick(universe.componentIds) : null,
    status: random.pick(universe.statuses),
    content: step,
    ...(random.chance(80) && { createdAt: time(random) }),
    ...(random.chance(30) && { userId: random.pick(universe.users) }),
    ...(random.chance(20) && { parentRunId: random.pick(universe.runIds) }),
  };
}

function oneOf(random: Random, draws: readonly [() => object, ...(() => object)[]]): object {
  return random.pick(draws)();
}

/** Draws the conditions and further parts of a turn, usually none. */
function drawTurnOptions(random: Random): object {
  const conditions = random.chance(25)
    ? oneOf(random, [
        () => ({ onlyIfExists: random.pick(["session", "run"] as const) }),
        () => ({ onlyIfStatus: [random.pick(universe.statuses), "COMPLETED"] }),
        () => ({ onlyIfNewest: random.chance(30) ? null : random.pick(universe.runIds) }),
      ])
    : {};
  return {
    ...conditions,
    ...(random.chance(30) && { change: random.pick(changes) }),
    ...(random.chance(20) && { deleteRunsAfter: random.chance(30) ? null : random.pick(universe.runIds) }),
    ...(random.chance(15) && { keepTimes: true }),
    ...(random.chance(15) && {
      also: [{ session: drawSession(random), change: random.pick(changes) }],
    }),
  };
}

function drawFilter(random: Random): object {
  return oneOf(random, [
    () => ({ sessionName: random.pick(["trip", "GRO"] as const) }),
    () => ({ participantId: random.pick(universe.users) }),
    () => ({ runStatus: random.pick(universe.statuses), componentId: random.pick(universe.componentIds) }),
    () => ({ startTimestamp: start + 3 }),
    () => ({ endTimestamp: start, sessionType: random.pick(types) }),
  ]);
}

type Draw = (random: Random, step: number) => DrawnCall;

const draws: readonly (readonly [weight: number, draw: Draw])[] = [
  [
    34,
    (random, step) =>
      drawn("upsertRun", { session: drawSession(random), run: drawRun(random, step), ...drawTurnOptions(random) }),
  ],
  [
    12,
    (random, step) => {
      const runs = Array.from({ length: random.number(3) }, () => drawRun(random, step));
      const session = { ...drawSession(random), ...(runs.length > 0 && { runs }) };
      return random.chance(30) ? drawn("upsertSession", session, { keepTimes: true }) : drawn("upsertSession", session);
    },
  ],
  [
    6,
    (random, step) => {
      const sessions = [drawSession(random), { ...drawSession(random), runs: [drawRun(random, step)] }];
      return random.chance(30)
        ? drawn("upsertSessions", sessions, { keepTimes: true })
        : drawn("upsertSessions", sessions);
    },
  ],
  [
    8,
    (random) =>
      drawn(
        "updateSession",
        { sessionId: random.pick(universe.sessionIds), ...scope(random) },
        random.chance(20) ? { sessionData: {} } : random.pick(changes),
      ),
  ],
  [
    6,
    (random) =>
      drawn("renameSession", {
        sessionId: random.pick(universe.sessionIds),
        sessionName: random.pick(names),
        ...scope(random),
      }),
  ],
  [
    12,
    (random) => {
      const among = random.chance(30) ? { sessionId: random.pick(universe.sessionIds) } : {};
      return drawn(
        "updateRun",
        { runId: random.pick(universe.runIds), ...among, ...scope(random) },
        random.pick([pause, complete, deleteIt] as const),
      );
    },
  ],
  [
    8,
    (random) =>
      drawn("deleteRuns", { runIds: [random.pick(universe.runIds), random.pick(universe.runIds)], ...scope(random) }),
  ],
  [4, (random) => drawn("deleteSession", { sessionId: random.pick(universe.sessionIds), ...scope(random) })],
  [
    3,
    (random) =>
      drawn("deleteSessions", {
        sessionIds: [random.pick(universe.sessionIds), random.pick(universe.sessionIds)],
        ...scope(random),
      }),
  ],
  [2, (random) => drawn("deleteSessions", { filter: drawFilter(random), ...scope(random) })],
  [
    5,
    (random) =>
      drawn("getSession", {
        sessionId: random.pick(universe.sessionIds),
        runsLimit: 1 + random.number(3),
        ...scope(random),
      }),
  ],
];

/** Draws the next call of a sequence. */
export function drawCall(random: Random, step: number): DrawnCall {
  const total = draws.reduce((sum, [weight]) => sum + weight, 0);
  let place = random.number(total);
  for (const [weight, draw] of draws) {
    if (place < weight) {
      return draw(random, step);
    }
    place -= weight;
  }
  throw new RangeError("the weights add up to their sum");
}
