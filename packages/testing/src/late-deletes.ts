import { setTimeout } from "node:timers/promises";
import type { LegacyRow } from "@sessiondb/conformance";
import { SessionDbError, type ManagedSchema, type SessionDb } from "@sessiondb/core";
import { describe, expect, test } from "vitest";
import { agentRun, agentSession } from "./models.ts";

// Deletes of runs that wait for a lock while others delete, move and copy the same runs: one matrix for every database.

/** A database of its own. */
export interface LateSite {
  readonly db: SessionDb & ManagedSchema;
  /** Locks a session, as a slow turn of another program does. The result unlocks it. */
  readonly hold: (sessionId: string) => Promise<() => Promise<unknown>>;
}

/** Ada's sessions and runs at the start: the delete waits for the first session. */
const stored = { "ada-0": "y", "ada-1": "x", "ada-2": "z" } as const;
const wanted = ["y", "x"];

/** For so long a call may take to reach the lock for which it waits. */
const headStart = 120;

/** The calls of a test, which count what they store and delete. */
class Calls {
  readonly db: SessionDb & ManagedSchema;
  /** The number of runs stored and not deleted. */
  left: number = Object.keys(stored).length;
  bobs = 0;

  constructor(db: LateSite["db"]) {
    this.db = db;
  }

  async store(user: string, sessionId: string, runId: string): Promise<void> {
    await this.db.forUser(user).upsertRun({ session: agentSession(sessionId), run: agentRun(runId) });
    this.left += 1;
    this.bobs += user === "bob" ? 1 : 0;
  }

  async remove(db: SessionDb | ReturnType<SessionDb["forUser"]>, runIds: readonly string[]): Promise<void> {
    const deleted = await db.deleteRuns({ runIds });
    this.left -= deleted;
  }

  async dropSession(sessionId: string): Promise<void> {
    const runs = (await this.db.getSession({ sessionId }))?.runs.length ?? 0;
    await this.db.deleteSession({ sessionId });
    this.left -= runs;
  }
}

type Events = Readonly<Record<string, (calls: Calls) => Promise<unknown>>>;

/** What is done from beginning to end while the delete waits. */
const meanwhile: Events = {
  "the other is deleted": (calls) => calls.remove(calls.db, ["x"]),
  "the other is deleted, and bob stores one of its id": async (calls) => {
    await calls.remove(calls.db, ["x"]);
    await calls.store("bob", "bob-1", "x");
  },
  "the other is deleted, and ada stores one of its id in another session": async (calls) => {
    await calls.remove(calls.db, ["x"]);
    await calls.store("ada", "ada-2", "x");
  },
  "the other is deleted, and ada stores it again": async (calls) => {
    await calls.remove(calls.db, ["x"]);
    await calls.store("ada", "ada-1", "x");
  },
  "the other's session is deleted, and bob stores one of the same ids": async (calls) => {
    await calls.dropSession("ada-1");
    await calls.store("bob", "ada-1", "x");
  },
  "the other's session is deleted, and bob stores another run in one of its id": async (calls) => {
    await calls.dropSession("ada-1");
    await calls.store("bob", "ada-1", "bob's");
  },
};

/** What waits for the same session before the delete. None of it stores a run that is gone. */
const before: Events = {
  "a copy of Agno 2's runs": ({ db }) => db.migrateLegacyRuns(),
  "a delete of the same": (calls) => calls.remove(calls.db, wanted),
  "a change of the run": ({ db }) => db.updateRun({ runId: "y" }, (run) => ({ ...run, content: "changed" })),
  "a copy and a delete": (calls) =>
    Promise.all([calls.db.migrateLegacyRuns(), setTimeout(headStart / 2).then(() => calls.remove(calls.db, wanted))]),
};

/** Where the runs are at the start. */
const places: Readonly<Record<string, (fresh: FreshSite) => Promise<LateSite>>> = {
  rows: async (fresh) => {
    const site = await fresh(null);
    for (const [sessionId, runId] of Object.entries(stored)) {
      await site.db.forUser("ada").upsertRun({ session: agentSession(sessionId), run: agentRun(runId) });
    }
    return site;
  },
  "Agno 2's column": async (fresh) => {
    const site = await fresh(legacyRows);
    // The store looks at its tables before its first call.
    await site.db.getSessions();
    return site;
  },
  "both, copied": async (fresh) => {
    const site = await fresh(legacyRows);
    await site.db.migrateLegacyRuns();
    return site;
  },
};

const nothing = { team_id: null, workflow_id: null, session_data: null, agent_data: null, team_data: null };
const noMore = { workflow_data: null, metadata: null, summary: null, updated_at: null };
const legacyRows = Object.entries(stored).map(([session_id, run_id]): LegacyRow => ({
  ...nothing,
  ...noMore,
  session_id,
  session_type: "agent",
  agent_id: "agent-1",
  user_id: "ada",
  runs: [{ run_id, agent_id: "agent-1", content: "old" }],
  created_at: 1_700_000_000,
}));

/** An empty database, or one of Agno 2 with these rows. */
type FreshSite = (rows: readonly LegacyRow[] | null) => Promise<LateSite>;

export function lateDeleteTests(fresh: FreshSite): void {
  const matrix = Object.entries(places).flatMap(([place, make]) =>
    ["ada", null].map((userId) => ({ place, make, userId })),
  );

  describe.concurrent.each(matrix)("a delete by $userId of runs in $place", ({ place, make, userId }) => {
    test.each(Object.entries(meanwhile))("waits for one while %s", async (_, event) => {
      const { db: opened, hold } = await make(fresh);
      await using db = opened;
      const calls = new Calls(db);
      const release = await hold("ada-0");
      const late = calls.remove(userId === null ? db : db.forUser(userId), wanted).then(() => null, codeOf);
      await setTimeout(headStart);
      await event(calls);
      await release();
      const code = await late;
      // Each run that was ever stored is there, or was deleted by one call.
      expect(await runsOf(db)).toHaveLength(calls.left);
      const bobs = await runsOf(db.forUser("bob"));
      const deleted = calls.bobs - bobs.length;
      expect(userId === null ? 0 : deleted).toBe(0);
      // A column, other than rows, is not searched for runs before its session's owner is looked at.
      const mayRefuse = userId !== null && (bobs.includes("x") || place === "Agno 2's column");
      expect([null, ...(mayRefuse ? ["SESSION_OWNERSHIP"] : [])]).toContain(code);
    });

    test.each(Object.entries(before))("waits behind %s", async (_, event) => {
      const { db: opened, hold } = await make(fresh);
      await using db = opened;
      const calls = new Calls(db);
      const release = await hold("ada-0");
      const earlier = event(calls);
      await setTimeout(headStart);
      const late = calls.remove(userId === null ? db : db.forUser(userId), wanted);
      await setTimeout(headStart);
      await release();
      await Promise.all([earlier, late]);
      expect(await runsOf(db)).toEqual(["z"]);
      expect(calls.left).toBe(1);
      expect(await db.deleteRuns({ runIds: wanted })).toBe(0);
    });
  });
}

function codeOf(error: unknown): string {
  return SessionDbError.isInstance(error) ? error.code : String(error);
}

async function runsOf(db: Pick<SessionDb, "getSessions">): Promise<string[]> {
  const { sessions } = await db.getSessions({ includeRuns: true });
  return sessions.flatMap(({ runs }) => runs.map(({ runId }) => runId));
}
