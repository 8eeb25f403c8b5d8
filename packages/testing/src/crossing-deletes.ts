import type { SessionDb } from "@sessiondb/core";
import { expect, test } from "vitest";
import { agentRun, agentSession } from "./models.ts";

// Writes and deletes of the same few sessions at once, on every database.

/** An empty database. */
export interface CrossingSite {
  readonly open: () => SessionDb;
  /** Runs SQL beside the stores; `runs` and `sessions` in it are their tables. */
  readonly query: (sql: string) => Promise<Record<string, unknown>[]>;
}

const sessionIds = ["a", "b", "c"];
const filter = { componentId: "agent-1" };

/** Calls on the sessions of these ids; a run's id names its session and its caller. */
const calls: readonly ((db: SessionDb, ids: readonly string[], caller: string) => Promise<unknown>)[] = [
  (db, ids, caller) =>
    db.upsertSessions(ids.map((id) => ({ ...agentSession(id), runs: [agentRun(`${id} ${caller}`)] }))),
  (db, [id = ""], caller) => db.upsertRun({ session: agentSession(id), run: agentRun(`${id} ${caller}`) }),
  (db, [sessionId = ""]) => db.deleteSession({ sessionId }),
  (db, ids, caller) =>
    db.upsertSessions(ids.toReversed().map((id) => ({ ...agentSession(id), runs: [agentRun(`${id} ${caller}`)] }))),
  (db, ids) => db.deleteSessions({ sessionIds: ids }),
  (db, [id = ""], caller) =>
    db.upsertRun({ session: agentSession(id), run: agentRun(`${id} ${caller}`), onlyIfNewest: null }),
  (db) => db.deleteSessions({ filter }),
  (db, [id = ""], caller) => db.deleteRuns({ runIds: [`${id} ${caller}`] }),
  (db, ids, caller) => db.upsertSession({ ...agentSession(ids[1] ?? ""), runs: [agentRun(`${ids[1]} ${caller}`)] }),
];

const callersOfStore = 6;
const callsOfCaller = 300;

export function crossingTests(fresh: () => Promise<CrossingSite>): void {
  test(
    "sessions written and deleted at once are whole or absent, and no call fails",
    { timeout: 120_000 },
    async () => {
      const { open, query } = await fresh();
      const stores = [open(), open(), open()];
      const refusals: string[] = [];
      const callers = stores.flatMap((db, store) =>
        Array.from({ length: callersOfStore }, async (_, each) => {
          const caller = store * callersOfStore + each;
          const pick = picker(caller);
          for (let turn = 0; turn < callsOfCaller; turn += 1) {
            const first = pick(sessionIds.length);
            const ids = [...sessionIds.slice(first), ...sessionIds.slice(0, first)].slice(0, 2);
            try {
              await calls[pick(calls.length)]?.(db, ids, String(caller));
            } catch (error) {
              refusals.push(String(error));
            }
          }
        }),
      );
      await Promise.all(callers);
      await Promise.all(stores.map((db) => db.close()));
      expect(refusals).toEqual([]);
      const orphans = "select session_id from runs where session_id not in (select session_id from sessions)";
      expect(await query(orphans)).toEqual([]);
    },
  );
}

/** Returns numbers below a limit, in an order that depends on the seed alone. */
function picker(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}
