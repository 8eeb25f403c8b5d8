import { SessionDbError, type SessionDb } from "@sessiondb/core";
import { agentRun, agentSession } from "./models.ts";

/**
 * The times of a store under test, in milliseconds: calls that had to share these with all that came before them would
 * fail.
 */
export const waitingTimes = { connectionTimeout: 1000, retryTimeout: 1000, statementTimeout: 20_000 };
const callers = 30;

/** The time that the server takes for each row that it writes, in milliseconds. */
export const slowness = 80;

const [session, neighbour] = [agentSession("s"), agentSession("t")];

type Call = (db: SessionDb, index: number) => Promise<unknown>;

const calls: Readonly<Record<string, Call>> = {
  turns: (db, index) => db.upsertRun({ session, run: agentRun(`turn ${index}`) }),
  "turns with a change": (db, index) =>
    db.upsertRun({ session, run: agentRun(`change ${index}`), change: () => ({ metadata: { index } }) }),
  "changes of the session": (db, index) => db.updateSession({ sessionId: "s" }, () => ({ metadata: { index } })),
  "changes of a run, whatever its session": (db, index) =>
    db.updateRun({ runId: "first" }, (run) => ({ ...run, content: `${index}` })),
  "lists of sessions in any order": (db, index) =>
    db.upsertSessions(index % 2 === 0 ? [session, neighbour] : [neighbour, session]),
};

/** Kinds of calls that wait for one session. */
export const waitingCalls: Readonly<Record<string, Call>> = {
  ...calls,
  "all of these": (db, index) =>
    Object.values(calls)[index % Object.values(calls).length]?.(db, index) as Promise<unknown>,
};

export async function fillForWaiting(db: SessionDb): Promise<void> {
  await db.upsertSessions([session, neighbour]);
  await db.upsertRun({ session, run: agentRun("first") });
}

interface Outcomes {
  /** The codes of all calls on the session, null for those that succeeded. */
  readonly waiting: readonly (string | null)[];
  /** What was wrong with calls on other sessions, and calls that took too long. */
  readonly wrong: readonly string[];
}

/** Makes many calls on one session at once, and some on others. Each has to end within this many milliseconds. */
export async function waitTogether(db: SessionDb, call: Call, longest: number): Promise<Outcomes> {
  const wrong: string[] = [];
  const codeOf = async (what: string, run: Promise<unknown>): Promise<string | null> => {
    const start = performance.now();
    const error: unknown = await run.then(
      () => null,
      (cause: unknown) => cause,
    );
    const took = Math.round(performance.now() - start);
    if (took > longest) {
      wrong.push(`${what} took ${took} ms`);
    }
    return error === null ? null : SessionDbError.isInstance(error) ? error.code : "no error of the library";
  };
  const waiting = Array.from({ length: callers }, (_, index) => codeOf(`call ${index}`, call(db, index)));
  const others = Array.from({ length: 5 }, async (_, index) => {
    const other = agentSession(`other ${index}`);
    const write = await codeOf(`other ${index}`, db.upsertRun({ session: other, run: agentRun(`other ${index}`) }));
    const read = await codeOf(`read ${index}`, db.getSession({ sessionId: `other ${index}` }));
    wrong.push(...[write, read].flatMap((code) => (code === null ? [] : [`a call on another session: ${code}`])));
  });
  const codes = await Promise.all(waiting);
  await Promise.all(others);
  return { waiting: codes, wrong };
}

/** The outcomes of calls all of which succeed, or fail with this code. */
export function allOf(code: string | null): Outcomes {
  return { waiting: Array.from({ length: callers }, () => code), wrong: [] };
}
