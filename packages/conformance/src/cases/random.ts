import assert from "node:assert/strict";
import { InMemorySessionDb, SessionDbError, type Session, type SessionDb, type SessionType } from "@sessiondb/core";
import type { Cases } from "../conformance-case.ts";
import { idsOf, run, runIdsOf, session, start } from "../support/data.ts";
import { dumpWithoutTimes } from "../support/dump.ts";
import { Random } from "../support/random.ts";
import { usingStore } from "../support/using-store.ts";

// Random sequences of calls, each made to the store under test and to the reference: both must answer and hold the same.

const steps = 60;
const sessionIds = ["a", "b", "c", "d"] as const;
const users = ["alice", "bob"] as const;
const runIds = ["r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9"] as const;
const types = ["agent", "agent", "agent", "team"] as const;
const statuses = ["COMPLETED", "COMPLETED", "PAUSED", "ERROR"] as const;

type Call = (db: SessionDb) => Promise<unknown>;
type Draw = (random: Random, step: number) => Call;

function scopeOf(random: Random): { userId?: string } {
  return random.chance(50) ? { userId: random.pick(users) } : {};
}

function sessionOf(random: Random, step: number) {
  const sessionType: SessionType = random.pick(types);
  const fields = random.chance(50) ? { metadata: { step } } : { metadata: null };
  const createdAt = start + random.number(3);
  return session(random.pick(sessionIds), { sessionType, createdAt, ...fields, ...scopeOf(random) });
}

function runOf(random: Random, step: number) {
  const parent = random.chance(20) ? { parentRunId: random.pick(runIds) } : {};
  return run(random.pick(runIds), {
    content: step,
    status: random.pick(statuses),
    createdAt: start + random.number(3),
    ...parent,
  });
}

function increment({ sessionState }: Session) {
  return { sessionState: { ...sessionState, count: Number(sessionState["count"] ?? 0) + 1 } };
}

const draws: readonly [Draw, ...Draw[]] = [
  (random, step) => {
    const turn = { session: sessionOf(random, step), run: runOf(random, step) };
    return (db) => db.upsertRun(turn);
  },
  (random, step) => {
    const turn = { session: sessionOf(random, step), run: runOf(random, step), change: increment };
    return (db) => db.upsertRun(turn);
  },
  (random, step) => {
    const whole = { ...sessionOf(random, step), runs: [runOf(random, step), runOf(random, step)] };
    return async (db) => {
      const { updatedAt: _, ...stored } = await db.upsertSession(whole);
      return stored;
    };
  },
  (random, step) => {
    const sessions = [sessionOf(random, step), { ...sessionOf(random, step), runs: [runOf(random, step)] }];
    return (db) => db.upsertSessions(sessions);
  },
  (random) => {
    const scope = { sessionId: random.pick(sessionIds), ...scopeOf(random) };
    return async (db) => (await db.updateSession(scope, increment))?.sessionData;
  },
  (random, step) => {
    const options = { sessionId: random.pick(sessionIds), sessionName: `name ${step}`, ...scopeOf(random) };
    return async (db) => (await db.renameSession(options))?.sessionData;
  },
  (random) => {
    const options = { runIds: [random.pick(runIds), random.pick(runIds)], ...scopeOf(random) };
    return (db) => db.deleteRuns(options);
  },
  (random) => {
    const options = { sessionId: random.pick(sessionIds), ...scopeOf(random) };
    const deletes = random.chance(30);
    return async (db) => (deletes ? db.deleteSession(options) : (await db.getSession(options))?.userId);
  },
  (random) => {
    const options = { sessionId: random.pick(sessionIds), runsLimit: random.number(4), ...scopeOf(random) };
    return async (db) => runIdsOf((await db.getSession(options))?.runs ?? []);
  },
  (random) => {
    const order = random.pick(["asc", "desc"] as const);
    const options = { order, limit: 1 + random.number(5), status: random.pick(statuses), ...scopeOf(random) };
    return async (db) => runIdsOf((await db.getRuns(options)).runs);
  },
  (random) => {
    const options = { limit: 1 + random.number(3), participantId: random.pick(users), includeTotal: true };
    return async (db) => {
      const { sessions, total } = await db.getSessions(options);
      return [idsOf(sessions), total];
    };
  },
];

async function outcome(db: SessionDb, call: Call): Promise<unknown> {
  try {
    return { result: await call(db) };
  } catch (error) {
    if (SessionDbError.isInstance(error)) {
      return { code: error.code };
    }
    throw error;
  }
}

async function compare(db: SessionDb, reference: SessionDb, seed: number): Promise<void> {
  const random = new Random(seed);
  for (let step = 0; step < steps; step += 1) {
    const call = random.pick(draws)(random, step);
    const expected = await outcome(reference, call);
    assert.deepStrictEqual(await outcome(db, call), expected, `step ${step}: another answer`);
    assert.deepStrictEqual(
      await dumpWithoutTimes(db),
      await dumpWithoutTimes(reference),
      `step ${step}: another content`,
    );
  }
}

function cases(): Cases {
  const entries = Array.from({ length: 10 }, (_, seed) => [
    `sequence ${seed} ends as in the reference`,
    (db: SessionDb) =>
      usingStore(
        () => new InMemorySessionDb(),
        (reference) => compare(db, reference, seed),
      ),
  ]);
  return Object.fromEntries(entries) as Cases;
}

export const randomCases: Cases = cases();
