import assert from "node:assert/strict";
import { RunsNotReadError, type Session, type SessionDb, type SessionHeader } from "@sessiondb/core";
import type { Cases } from "../conformance-case.ts";
import { idsOf, run, runIdsIn, runIdsOf, session, sessionTypes, start } from "../support/data.ts";
import { plain, stored } from "../support/dump.ts";
import { fullSession } from "../support/full-models.ts";
import { refusesArgument } from "../support/refusals.ts";
import { tableCases } from "../support/table-cases.ts";

async function storeKinds(db: SessionDb): Promise<void> {
  await db.upsertSessions(sessionTypes.map((kind) => ({ ...fullSession(kind, kind), userId: "me" })));
}

/** Every call that returns sessions without reading their runs. */
const headerCalls: Readonly<Record<string, (db: SessionDb, sessionId: string) => Promise<unknown>>> = {
  "getSession without runs": (db, sessionId) => db.getSession({ sessionId, includeRuns: false }),
  "getSession of a user without runs": (db, sessionId) =>
    db.forUser("me").getSession({ sessionId, includeRuns: false }),
  getSessions: async (db, sessionId) => byId((await db.getSessions()).sessions, sessionId),
  "getSessions without runs": async (db, sessionId) =>
    byId((await db.getSessions({ includeRuns: false })).sessions, sessionId),
  "getSessions of a user": async (db, sessionId) => byId((await db.forUser("me").getSessions()).sessions, sessionId),
  sessionPages: async (db, sessionId) => {
    for await (const { sessions } of db.sessionPages({ limit: 100 })) {
      return byId(sessions, sessionId);
    }
    return null;
  },
  upsertSession: async (db, sessionId) => db.upsertSession(await stored(db, sessionId)),
  updateSession: (db, sessionId) => db.updateSession({ sessionId }, {}),
  renameSession: (db, sessionId) => db.renameSession({ sessionId, sessionName: "Weather" }),
  "the session that a change sees": async (db, sessionId) => {
    let shown: unknown = null;
    await db.updateSession({ sessionId }, (current) => {
      shown = current;
      return {};
    });
    return shown;
  },
  "the session that a turn's change sees": async (db, sessionId) => {
    const { sessionType } = await stored(db, sessionId);
    let shown: unknown = null;
    const change = (current: SessionHeader) => {
      shown = current;
      return {};
    };
    const turn = session(sessionId, { sessionType, userId: "me" });
    await db.upsertRun({ session: turn, run: run(`new run of ${sessionId}`), change });
    return shown;
  },
};

function byId<Item extends Session | SessionHeader>(sessions: readonly Item[], sessionId: string): Item | undefined {
  return sessions.find((each) => each.sessionId === sessionId);
}

/** Numbers of runs of the sessions, including none. */
const counts = [3, 0, 1, 12, 0, 2] as const;

async function storeCounted(db: SessionDb): Promise<void> {
  await db.upsertSessions(
    counts.map((count, index) =>
      session(`s${index}`, {
        createdAt: start + index,
        runs: Array.from({ length: count }, (_, place) =>
          // The last run of each is a member's, and the one before it has failed.
          run(`s${index} ${place}`, {
            ...(place > 0 && place === count - 1 && { parentRunId: `s${index} 0` }),
            ...(place > 1 && place === count - 2 && { status: "ERROR" }),
          }),
        ),
      }),
    ),
  );
}

export const headerCases: Cases = {
  ...tableCases("%s: runs are null, and whatever needs them throws", headerCalls, async (db, call) => {
    await storeKinds(db);
    for (const kind of sessionTypes) {
      const header = (await call(db, kind)) as SessionHeader;
      assert.equal(header.runs, null, `${kind}: null stands for "not read"`);
      const expected = { ...plain(fullSession(kind, kind)), userId: "me", runs: null, updatedAt: header.updatedAt };
      assert.deepStrictEqual(plain(header), expected, kind);
      assert.equal(header.componentId, kind, "the views of a header are those of its kind");
      assert.throws(() => Reflect.get(header, "messages"), RunsNotReadError, kind);
      assert.equal((JSON.parse(JSON.stringify(header)) as { runs?: unknown }).runs, null, "as JSON");
    }
  }),

  "a list with runs has those of every session": async (db) => {
    await storeCounted(db);
    for (const limit of [1, 2, 6, 50]) {
      const seen: [string, string[]][] = [];
      for await (const { sessions } of db.sessionPages({ includeRuns: true, sortOrder: "asc", limit })) {
        for (const each of sessions) {
          seen.push([each.sessionId, runIdsOf(each.runs)]);
          assert.equal(typeof each.messages.length, "number");
        }
      }
      const expected = counts.map((count, index) => [
        `s${index}`,
        Array.from({ length: count }, (_, place) => `s${index} ${place}`),
      ]);
      assert.deepStrictEqual(seen, expected, `pages of ${limit}`);
    }
  },

  "a list with runsLimit has the newest runs of each session": async (db) => {
    await storeCounted(db);
    for (const runsLimit of [1, 2, 5, 100]) {
      const { sessions } = await db.getSessions({ includeRuns: true, runsLimit, includeRunCount: true });
      assert.equal(sessions.length, counts.length);
      for (const { sessionId, runs, runCount } of sessions) {
        const one = await db.getSession({ sessionId, runsLimit });
        assert.deepStrictEqual(runs, one?.runs, `${sessionId}, runsLimit ${runsLimit}`);
        assert.equal(runCount, counts[Number(sessionId.slice(1))], `${sessionId}: every run counts`);
      }
    }
  },

  "runs are counted on request, including member runs and every status": async (db) => {
    await storeCounted(db);
    const { sessions } = await db.getSessions({ includeRunCount: true, sortOrder: "asc" });
    assert.deepStrictEqual(
      sessions.map(({ runCount, runs }) => [runCount, runs]),
      counts.map((count) => [count, null]),
    );
    for (const options of [{}, { includeRunCount: false }, { includeRuns: true as const }]) {
      const [first] = (await db.getSessions(options)).sessions;
      assert.ok(first !== undefined && !("runCount" in first), `not asked for: ${JSON.stringify(options)}`);
    }
    const read = await stored(db, "s0");
    assert.ok(!("runCount" in read));
  },

  "the count follows every write": async (db) => {
    const count = async () => {
      const { sessions } = await db.getSessions({ includeRunCount: true, componentId: "agent" });
      return sessions.map(({ sessionId, runCount }) => `${sessionId} ${runCount}`).toSorted();
    };
    await db.upsertSession(session("s", { runs: [run("a")] }));
    await db.upsertSession(session("t"));
    await db.upsertRun({ session: session("s"), run: run("b", { parentRunId: "a" }) });
    await db.upsertRun({ session: session("s"), run: run("b", { status: "ERROR" }) });
    assert.deepStrictEqual(await count(), ["s 2", "t 0"]);
    await db.upsertSession(session("t", { runs: [run("t1"), run("t2"), run("t1")] }));
    assert.deepStrictEqual(await count(), ["s 2", "t 2"]);
    await db.deleteRuns({ runIds: ["a", "t1"] });
    assert.deepStrictEqual(await count(), ["s 1", "t 1"]);
    await db.updateRun({ runId: "t2" }, () => null);
    await db.upsertRun({ session: session("s"), run: run("c"), deleteRunsAfter: null });
    assert.deepStrictEqual(await count(), ["s 1", "t 0"]);
    await db.deleteSession({ sessionId: "s" });
    await db.upsertSession(session("s"));
    assert.deepStrictEqual(await count(), ["s 0", "t 0"], "a session with the id of a deleted one starts empty");
  },

  "writing back a header keeps the runs": async (db) => {
    await storeKinds(db);
    for (const kind of sessionTypes) {
      const before = await runIdsIn(db, kind);
      const header = (await db.getSession({ sessionId: kind, includeRuns: false })) ?? assert.fail("no session");
      await db.upsertSession(header);
      const [counted] = (await db.getSessions({ sessionType: kind, includeRunCount: true })).sessions;
      assert.equal(counted?.runCount, before.length);
      await db.upsertSessions([counted]);
      await db.upsertRun({ session: header, run: run(`new run of ${kind}`) });
      assert.deepStrictEqual(await runIdsIn(db, kind), [...before, `new run of ${kind}`]);
    }
  },

  "an empty page has neither rows nor cursors": async (db) => {
    await db.upsertSession(session("s", { runs: [run("r")] }));
    const nothing = { nextCursor: null, previousCursor: null, unreadable: [] };
    const lists = [{ sessionName: "none of them" }, { limit: 0, includeRuns: true as const }, { page: 9 }];
    for (const options of lists) {
      assert.deepStrictEqual({ ...(await db.getSessions(options)) }, { sessions: [], ...nothing });
    }
    assert.deepStrictEqual({ ...(await db.getRuns({ sessionId: "none" })) }, { runs: [], ...nothing });
    assert.deepStrictEqual({ ...(await db.getRuns({ limit: 0 })) }, { runs: [], ...nothing });
  },

  "onUnreadable changes nothing when every row can be read": async (db) => {
    await storeCounted(db);
    const plainly = await db.getSessions({ includeRuns: true });
    const runs = await db.getRuns();
    for (const onUnreadable of ["report", "throw"] as const) {
      const page = await db.getSessions({ includeRuns: true, onUnreadable });
      assert.deepStrictEqual([idsOf(page.sessions), page.unreadable], [idsOf(plainly.sessions), []]);
      const runPage = await db.getRuns({ onUnreadable });
      assert.deepStrictEqual([runIdsOf(runPage.runs), runPage.unreadable], [runIdsOf(runs.runs), []]);
    }
  },

  "a runsLimit of 0 is refused": async (db) => {
    await db.upsertSession(session("s", { runs: [run("r")] }));
    await refusesArgument(db, "runsLimit", () => db.getSession({ sessionId: "s", runsLimit: 0 }));
    await refusesArgument(db, "runsLimit", () => db.getSessions({ includeRuns: true, runsLimit: 0 }));
    await refusesArgument(db, "runsLimit", () => db.forUser("me").getSession({ sessionId: "s", runsLimit: 0 }));
  },
};
