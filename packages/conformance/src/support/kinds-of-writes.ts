import type { SessionDb, TurnSession } from "@sessiondb/core";
import { DeliberateError, type Call } from "./compare.ts";
import { run, secret, session, start } from "./data.ts";

// The content of a small store with something of everything, and every kind of write to it.

/** Later than any clock while the suite runs: a write does not move `updatedAt` back from here. */
export const future = 4_000_000_000;

const sessionData = (name: string) => ({ session_name: name, session_state: { note: secret } });

const alices = (fields: Partial<TurnSession> = {}): TurnSession =>
  session("a", { userId: "alice", agentId: "one", ...fields });
const nobodys = (fields: Partial<TurnSession> = {}): TurnSession => session("b", { agentId: null, ...fields });
const bobs = (fields: Partial<TurnSession> = {}): TurnSession =>
  session("c", { userId: "bob", sessionType: "team", agentId: null, teamId: "one", ...fields });
const fresh = (fields: Partial<TurnSession> = {}): TurnSession =>
  session("f", { userId: "carol", agentId: "two", sessionData: sessionData("a new trip"), ...fields });

/** Stores five sessions with shared times, owners, participants, names, components and runs of every kind. */
export async function storeContent(db: SessionDb): Promise<void> {
  await db.upsertSessions([
    {
      ...alices({ createdAt: start + 1, updatedAt: start + 9, sessionData: sessionData("Trip to Rome") }),
      runs: [
        run("a1", { agentId: "one" }),
        run("a2", { agentId: "one", status: "PAUSED", userId: "carol", createdAt: start + 1 }),
        run("a3", { agentId: "two", parentRunId: "a2", createdAt: start + 1 }),
        run("a4", { agentId: "one", createdAt: start + 2 }),
      ],
    },
    { ...nobodys({ sessionData: {}, updatedAt: start + 9 }), runs: [run("b1", { status: "RUNNING", agentId: null })] },
    {
      ...bobs({ createdAt: start + 2, sessionData: sessionData("Groceries") }),
      runs: [{ runType: "team", runId: "c1", teamId: "one", status: "ERROR", createdAt: start + 3, content: secret }],
    },
    session("d", {
      userId: "alice",
      agentId: "two",
      createdAt: start + 1,
      updatedAt: future,
      sessionData: sessionData("the TRIP"),
    }),
    session("e", { userId: "bob", agentId: "one", createdAt: start + 3, updatedAt: start + 1, sessionData: {} }),
  ]);
}

const count = ({ sessionState }: { sessionState: Readonly<Record<string, unknown>> }) => ({
  sessionState: { note: secret, count: Number(sessionState["count"] ?? 0) + 1 },
});
const fails = (): never => {
  throw new DeliberateError("the change fails");
};

/** A turn that would leave a mark everywhere, for conditions that do not hold and for changes that fail. */
const everywhere = {
  session: alices(),
  run: run("a4", { status: "ERROR", userId: "bob" }),
  change: { sessionName: "groceries" },
  deleteRunsAfter: "a1",
  also: [
    { session: bobs(), change: { sessionName: "a trip" } },
    { session: fresh(), change: { sessionName: "a trip" } },
  ],
} as const;

/** Every kind of write to the content of `storeContent`, by a name that can follow "after". */
export const kindsOfWrites: Readonly<Record<string, Call>> = {
  "a new session": (db) => db.upsertSession(fresh()),
  "a new session with runs": (db) => db.upsertSession({ ...fresh(), runs: [run("f1"), run("f2", { userId: "bob" })] }),
  "a session written again with another name and component": (db) =>
    db.upsertSession(alices({ agentId: "two", sessionData: sessionData("groceries"), createdAt: start + 3 })),
  "a session written again with runs": (db) =>
    db.upsertSession({ ...alices(), runs: [run("a2", { agentId: "two", createdAt: start }), run("a5")] }),
  "a session written again without its name": (db) => db.upsertSession(alices({ sessionData: { other: 1 } })),
  "a session adopted by upsertSession": (db) => db.upsertSession(nobodys({ userId: "bob", agentId: "one" })),
  "many sessions, one of them twice": (db) =>
    db.upsertSessions([
      fresh(),
      nobodys({ userId: "carol" }),
      { ...fresh({ sessionData: sessionData("groceries") }), runs: [run("f1", { status: "PAUSED" })] },
    ]),
  "a session written with keepTimes": (db) =>
    db.upsertSession(
      { ...alices({ createdAt: start + 3, updatedAt: start + 1 }), runs: [run("a1", { createdAt: start + 3 })] },
      { keepTimes: true },
    ),
  "many sessions written with keepTimes": (db) =>
    db.upsertSessions(
      [
        alices({ createdAt: start + 4, updatedAt: start + 4 }),
        { ...bobs({ createdAt: start, updatedAt: start }), runs: [run("c2", { createdAt: start })] },
      ],
      { keepTimes: true },
    ),
  "a session whose updatedAt is set back with keepTimes": (db) =>
    db.upsertSession(
      session("d", { userId: "alice", agentId: "two", createdAt: start, updatedAt: start, sessionData: {} }),
      { keepTimes: true },
    ),
  "the first turn of a session": (db) => db.upsertRun({ session: fresh(), run: run("f1") }),
  "a further turn": (db) => db.upsertRun({ session: alices(), run: run("a5", { agentId: "one" }) }),
  "a turn with another status": (db) =>
    db.upsertRun({ session: alices(), run: run("a2", { agentId: "one", userId: "carol" }) }),
  "a turn that is paused when it was completed": (db) =>
    db.upsertRun({ session: alices(), run: run("a4", { agentId: "one", status: "PAUSED" }) }),
  "a turn of another participant, component and parent": (db) =>
    db.upsertRun({ session: alices(), run: run("a2", { agentId: "two", userId: "bob", parentRunId: "a1" }) }),
  "a turn of a session that others updated later": (db) =>
    db.upsertRun({ session: session("d", { userId: "alice" }), run: run("a5") }),
  "a turn that adopts a session and fills in its component": (db) =>
    db.upsertRun({
      session: nobodys({ userId: "carol", agentId: "one", agentData: { name: "One" } }),
      run: run("b2", { agentId: "one" }),
      change: (stored) => ({ metadata: { seen: stored.agentData?.["name"] ?? null } }),
    }),
  "a turn that renames its session": (db) =>
    db.upsertRun({ session: alices(), run: run("a5"), change: { sessionName: "groceries" } }),
  "a turn that counts": (db) => db.upsertRun({ session: alices(), run: run("a1"), change: count }),
  "a turn with keepTimes": (db) =>
    db.upsertRun({
      session: alices({ createdAt: start + 3, updatedAt: start + 2 }),
      run: run("a1", { createdAt: start + 3 }),
      keepTimes: true,
    }),
  "a turn that changes other sessions too": (db) =>
    db.upsertRun({
      session: alices(),
      run: run("a5"),
      also: [
        { session: bobs(), change: { sessionName: "a trip" } },
        { session: nobodys({ userId: "alice" }), change: count },
        { session: fresh(), change: { sessionName: "groceries" } },
        { session: session("d", { userId: "alice" }), change: { sessionName: "groceries" } },
      ],
    }),
  "a turn that deletes the runs after it": (db) =>
    db.upsertRun({ session: alices(), run: run("a2", { agentId: "one" }), deleteRunsAfter: "a2" }),
  "a turn that deletes the runs after another": (db) =>
    db.upsertRun({ session: alices(), run: run("a5"), deleteRunsAfter: "a1" }),
  "a turn that deletes all other runs": (db) =>
    db.upsertRun({ session: alices(), run: run("a3", { status: "ERROR" }), deleteRunsAfter: null }),
  "a turn that deletes the runs after an unknown one": (db) => db.upsertRun({ ...everywhere, deleteRunsAfter: "c1" }),
  "a turn whose onlyIfStatus holds": (db) =>
    db.upsertRun({
      session: alices(),
      run: run("a2", { status: "RUNNING", userId: "carol" }),
      onlyIfStatus: ["PAUSED", "ERROR"],
    }),
  "a turn whose onlyIfStatus does not hold": (db) => db.upsertRun({ ...everywhere, onlyIfStatus: "PAUSED" }),
  "a turn whose onlyIfExists holds": (db) =>
    db.upsertRun({ session: alices(), run: run("a1", { status: "ERROR" }), onlyIfExists: "run" }),
  "a turn whose run does not exist": (db) => db.upsertRun({ ...everywhere, run: run("a5"), onlyIfExists: "run" }),
  "a turn whose session does not exist": (db) =>
    db.upsertRun({
      session: fresh(),
      run: run("f1"),
      onlyIfExists: "session",
      also: [{ session: bobs(), change: { sessionName: "a trip" } }],
    }),
  "a turn whose onlyIfNewest holds": (db) =>
    db.upsertRun({ session: alices(), run: run("a5"), onlyIfNewest: "a4", deleteRunsAfter: "a3" }),
  "a turn whose onlyIfNewest does not hold": (db) => db.upsertRun({ ...everywhere, onlyIfNewest: "a1" }),
  "a turn whose change fails": (db) => db.upsertRun({ ...everywhere, change: fails }),
  "a turn in which another session's change fails": (db) =>
    db.upsertRun({ ...everywhere, also: [...everywhere.also, { session: nobodys(), change: fails }] }),
  "a turn that also changes another user's session": (db) =>
    db.upsertRun({ ...everywhere, also: [{ session: bobs({ userId: "carol" }), change: {} }] }),
  "a turn with a run of another session": (db) => db.upsertRun({ ...everywhere, run: run("b1") }),
  "a turn through a user's handle": (db) =>
    db.forUser("alice").upsertRun({ session: nobodys(), run: run("b2", { agentId: "two" }) }),
  "an update": (db) => db.updateSession({ sessionId: "a" }, count),
  "an update that removes the name": (db) => db.updateSession({ sessionId: "a" }, { sessionData: { other: 1 } }),
  "an update that adopts": (db) => db.updateSession({ sessionId: "b", userId: "carol" }, count),
  "an update of a missing session": (db) => db.updateSession({ sessionId: "f" }, count),
  "an update that fails": (db) => db.updateSession({ sessionId: "a" }, fails),
  "a rename": (db) => db.renameSession({ sessionId: "a", sessionName: "Groceries" }),
  "a rename that adopts": (db) => db.renameSession({ sessionId: "b", userId: "bob", sessionName: "A trip" }),
  "updateRun with another status": (db) =>
    db.updateRun({ runId: "a2" }, (stored) => ({ ...stored, status: "COMPLETED" })),
  "updateRun with another participant and component": (db) =>
    db.updateRun({ runId: "a1", sessionId: "a" }, (stored) => ({
      ...run("a1"),
      content: stored.content ?? null,
      agentId: "two",
      userId: "bob",
    })),
  "updateRun that deletes": (db) => db.updateRun({ runId: "a2" }, () => null),
  "updateRun that adopts": (db) =>
    db.updateRun({ runId: "b1", userId: "carol" }, (stored) => ({ ...stored, status: "ERROR" })),
  "updateRun that fails": (db) => db.updateRun({ runId: "a1" }, fails),
  "updateRun of another user's run": (db) => db.updateRun({ runId: "c1", userId: "alice" }, () => null),
  "many sessions that include another user's": (db) => db.upsertSessions([fresh(), bobs({ userId: "carol" })]),
  "many sessions that include another session's run": (db) =>
    db.upsertSessions([fresh(), { ...nobodys(), runs: [run("b2"), run("a1")] }]),
  "updateRun of another session": (db) => db.updateRun({ runId: "a1", sessionId: "c" }, () => null),
  "a delete of runs": (db) => db.deleteRuns({ runIds: ["a2", "c1", "a4"] }),
  "a delete of all runs of a session": (db) => db.deleteRuns({ runIds: ["a1", "a2", "a3", "a4"] }),
  "a delete of a session": (db) => db.deleteSession({ sessionId: "a" }),
  "a delete of sessions": (db) => db.deleteSessions({ sessionIds: ["a", "c", "f"] }),
  "a delete that includes another user's": (db) => db.deleteSessions({ sessionIds: ["a", "c"], userId: "alice" }),
  "a delete by name": (db) => db.deleteSessions({ filter: { sessionName: "TRIP" } }),
  "a delete by owner": (db) => db.deleteSessions({ filter: {}, userId: "alice" }),
  "a delete by participant": (db) => db.deleteSessions({ filter: { participantId: "carol" } }),
  "a delete by status": (db) => db.deleteSessions({ filter: { runStatus: ["PAUSED", "RUNNING"] } }),
  "a delete by component": (db) => db.deleteSessions({ filter: { componentId: "one" } }),
  "a delete by type": (db) => db.deleteSessions({ filter: { sessionType: "agent" } }),
  "a delete by time": (db) => db.deleteSessions({ filter: { startTimestamp: start + 1, endTimestamp: start + 2 } }),
  "a session deleted and written again": async (db) => {
    await db.deleteSession({ sessionId: "a" });
    return db.upsertSession({ ...alices({ userId: "bob" }), runs: [run("a2", { agentId: "two" })] });
  },
  "a session deleted and written again under another type": async (db) => {
    await db.deleteSession({ sessionId: "c" });
    return db.upsertRun({ session: session("c", { agentId: "two" }), run: run("c1", { agentId: "two" }) });
  },
  "a run deleted and written again": async (db) => {
    await db.deleteRuns({ runIds: ["a2"] });
    return db.upsertRun({ session: alices(), run: run("a2", { createdAt: start + 3 }) });
  },
  "a run deleted and written to another session": async (db) => {
    await db.deleteRuns({ runIds: ["a1"] });
    return db.upsertRun({ session: bobs(), run: run("a1", { agentId: "two" }) });
  },
  "the runs deleted and one written again": async (db) => {
    await db.deleteRuns({ runIds: ["a1", "a2", "a3", "a4"] });
    return db.upsertRun({ session: alices(), run: run("a3") });
  },
  "a turn written twice": async (db) => {
    await db.upsertRun({ session: alices(), run: run("a5") });
    return db.upsertRun({ session: alices(), run: run("a5") });
  },
};

/** The kinds of writes that are one call, so that a failure leaves all of it or nothing. */
export const singleWrites: Readonly<Record<string, Call>> = Object.fromEntries(
  Object.entries(kindsOfWrites).filter(([name]) => !/again$|again under|another session$|twice$/.test(name)),
);

/**
 * The writes that a store may repeat when the answer to a commit was lost: the case then expects what two calls do. The
 * others would add to the first.
 */
export const repeatableWrites: ReadonlySet<string> = new Set(
  Object.keys(singleWrites).filter(
    (name) =>
      /^(?:a new session|a session (?:written again|adopted)|many sessions, one)/.test(name) ||
      /^(?:the first turn|a further turn|a turn with another status|a turn that is paused)/.test(name) ||
      /^a turn of (?:another participant|a session that others)/.test(name),
  ),
);
