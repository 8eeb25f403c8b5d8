import assert from "node:assert/strict";
import type { Cases, LegacyRow, OpenLegacy } from "../conformance-case.ts";
import { listedIds, listedRunIds, run, runIdsIn, runIdsOf, session, start } from "../support/data.ts";
import { plain, stored, storedRun } from "../support/dump.ts";
import { legacyRow, legacyRun, on } from "../support/legacy-rows.ts";
import { assertRefusal } from "../support/refusals.ts";
import { tableCases } from "../support/table-cases.ts";

const old = ["old 1", "old 2", "old 3"];
const mine = session("s", { userId: "owner" });

/** The forms in which Agno 2 left a list of runs in the column. */
const wrappings: Readonly<Record<string, (runs: LegacyRow["runs"]) => LegacyRow["runs"]>> = {
  "a list": (runs) => runs,
  "the text of a list": (runs) => JSON.stringify(runs),
  "the text of the text of a list": (runs) => JSON.stringify(JSON.stringify(runs)),
};

const empties: Readonly<Record<string, LegacyRow["runs"]>> = {
  null: null,
  "an empty list": [],
  "the text null": "null",
};

/**
 * Returns what a list shows, or null when the store refuses it until the runs are copied. Leaving out unseen runs would
 * be a wrong answer.
 */
async function unlessNotCopied<Result>(list: () => Promise<Result>): Promise<Result | null> {
  try {
    return await list();
  } catch (error) {
    assertRefusal(error, "SCHEMA_MISMATCH");
    return null;
  }
}

export const legacyCases: Cases<OpenLegacy> = {
  ...tableCases("runs in the column as %s are read", wrappings, (openLegacy: OpenLegacy, wrap) =>
    on([legacyRow({ runs: wrap(legacyRow().runs) })], async (db) => {
      assert.deepStrictEqual(await runIdsIn(db, "s"), old);
    })(openLegacy),
  ),
  ...tableCases("a column with %s holds no runs", empties, (openLegacy: OpenLegacy, runs) =>
    on([legacyRow({ runs })], async (db) => {
      assert.deepStrictEqual(await runIdsIn(db, "s"), []);
      await db.upsertRun({ session: mine, run: run("new") });
      assert.deepStrictEqual(await runIdsIn(db, "s"), ["new"]);
    })(openLegacy),
  ),

  "every field of a session is read": on([legacyRow()], async (db) => {
    const { runs: _, ...read } = plain(await stored(db, "s"));
    assert.deepStrictEqual(read, {
      sessionId: "s",
      sessionType: "agent",
      agentId: "agent",
      teamId: null,
      workflowId: null,
      userId: "owner",
      sessionData: { session_name: "Legacy", session_state: { count: 1 } },
      agentData: { agent_id: "agent", model: { id: "gpt" } },
      teamData: null,
      workflowData: null,
      metadata: { old: true },
      summary: { summary: "so far", topics: ["old"], updatedAt: "2024-01-02T03:04:05" },
      createdAt: start,
      updatedAt: start + 1,
    });
  }),

  "documents encoded twice are read": on(
    [legacyRow({ session_data: JSON.stringify({ session_name: "Twice" }), metadata: JSON.stringify({ twice: true }) })],
    async (db) => {
      const { sessionName, metadata } = await stored(db, "s");
      assert.deepStrictEqual([sessionName, metadata], ["Twice", { twice: true }]);
      assert.deepStrictEqual(await listedIds(db, { sessionName: "twice" }), ["s"]);
      assert.equal((await db.renameSession({ sessionId: "s", sessionName: "New" }))?.sessionName, "New");
    },
  ),

  "unknown keys of runs and messages are kept": on([legacyRow()], async (db) => {
    const [first] = (await stored(db, "s")).runs;
    assert.deepStrictEqual(first?.extra, { future_key: ["kept"] });
    const messages = first.runType === "workflow" ? null : first.messages;
    assert.deepStrictEqual(messages?.[0]?.extra, { future: { key: 1 } });
  }),

  "entries that are not runs do not hide the others": on(
    [legacyRow({ runs: [legacyRun("old 1"), 7, null, { no: "id" }, "text", legacyRun("old 2")] })],
    async (db) => assert.deepStrictEqual(await runIdsIn(db, "s"), ["old 1", "old 2"]),
  ),

  "runsLimit counts old and new runs": on(
    [
      legacyRow({
        runs: [
          legacyRun("a"),
          legacyRun("b", { status: "ERROR" }),
          legacyRun("c"),
          legacyRun("d", { parent_run_id: "c" }),
        ],
      }),
    ],
    async (db) => {
      const newest = async (runsLimit: number) =>
        runIdsOf((await db.getSession({ sessionId: "s", runsLimit }))?.runs ?? []);
      assert.deepStrictEqual([await newest(1), await newest(5)], [["c"], ["a", "c"]]);
      await db.upsertRun({ session: mine, run: run("new") });
      assert.deepStrictEqual(
        [await newest(2), await newest(5)],
        [
          ["c", "new"],
          ["a", "c", "new"],
        ],
      );
      const { sessions } = await db.getSessions({ includeRuns: true, runsLimit: 2 });
      assert.deepStrictEqual(
        sessions.map(({ runs }) => runIdsOf(runs)),
        [["c", "new"]],
      );
    },
  ),

  "old runs are found by id and in lists": on([legacyRow()], async (db) => {
    assert.equal((await storedRun(db, "old 2")).content, "answer of old 2");
    assert.equal((await storedRun(db, "old 2")).sessionId, "s");
    assert.equal(await db.getRun({ runId: "old 2", userId: "another" }), null);
    assert.deepStrictEqual(await listedRunIds(db, { sessionId: "s" }), old);
    assert.deepStrictEqual(await listedRunIds(db, { sessionId: "s", limit: 2 }), old.slice(0, 2));
  }),

  "old runs are listed across sessions, at the latest once they are copied": on([legacyRow()], async (db) => {
    const list = () => listedRunIds(db);
    assert.deepStrictEqual((await unlessNotCopied(list)) ?? old, old);
    await db.migrateLegacyRuns();
    assert.deepStrictEqual(await list(), old);
  }),

  "participants of old runs are found, at the latest once they are copied": on(
    [legacyRow({ runs: [legacyRun("a", { user_id: "guest" })] }), legacyRow({ session_id: "other", runs: [] })],
    async (db) => {
      const list = () => listedIds(db, { participantId: "guest" });
      assert.deepStrictEqual((await unlessNotCopied(list)) ?? ["s"], ["s"]);
      await db.migrateLegacyRuns();
      assert.deepStrictEqual(await list(), ["s"]);
    },
  ),

  "old runs are listed by their status, at the latest once they are copied": on(
    [
      legacyRow({ runs: [legacyRun("a", { status: "PAUSED" })] }),
      legacyRow({ session_id: "other", runs: [legacyRun("b", { session_id: "other" })] }),
    ],
    async (db) => {
      const list = () => listedIds(db, { runStatus: ["PAUSED", "ERROR"] });
      assert.deepStrictEqual((await unlessNotCopied(list)) ?? ["s"], ["s"]);
      await db.migrateLegacyRuns();
      assert.deepStrictEqual(await list(), ["s"]);
    },
  ),

  "old runs are counted, at the latest once they are copied": on(
    [legacyRow(), legacyRow({ session_id: "t", runs: [] })],
    async (db) => {
      const list = async () =>
        (await db.getSessions({ includeRunCount: true, sortOrder: "asc" })).sessions.map(({ runCount }) => runCount);
      assert.deepStrictEqual((await unlessNotCopied(list)) ?? [3, 0], [3, 0]);
      await db.migrateLegacyRuns();
      assert.deepStrictEqual(await list(), [3, 0]);
    },
  ),

  "pages of old and new runs go there and back": on([legacyRow()], async (db) => {
    await db.upsertRun({ session: mine, run: run("new") });
    const first = await db.getRuns({ sessionId: "s", limit: 2 });
    const second = await db.getRuns({ sessionId: "s", limit: 2, cursor: first.nextCursor ?? assert.fail("no cursor") });
    assert.deepStrictEqual([runIdsOf(first.runs), runIdsOf(second.runs)], [old.slice(0, 2), ["old 3", "new"]]);
    const back = await db.getRuns({ sessionId: "s", limit: 2, cursor: second.previousCursor ?? assert.fail("no way") });
    assert.deepStrictEqual([runIdsOf(back.runs), back.previousCursor], [old.slice(0, 2), null]);
    const { runs } = await db.getRuns({ sessionId: "s", componentId: "agent", status: "COMPLETED" });
    assert.deepStrictEqual(runIdsOf(runs), [...old, "new"]);
  }),

  "lists read old runs when asked": on(
    [legacyRow(), legacyRow({ session_id: "t", runs: [legacyRun("t 1")] })],
    async (db) => {
      const { sessions } = await db.getSessions({ includeRuns: true, sortOrder: "asc" });
      assert.deepStrictEqual(
        sessions.map(({ runs }) => runIdsOf(runs)),
        [old, ["t 1"]],
      );
      assert.ok((await db.getSessions()).sessions.every(({ runs }) => runs === null));
    },
  ),

  "team and workflow sessions are read": on(
    [
      legacyRow({
        session_id: "t",
        session_type: "team",
        agent_id: null,
        team_id: "team",
        runs: [legacyRun("t 1", { team_id: "team" })],
      }),
      legacyRow({
        session_id: "w",
        session_type: "workflow",
        agent_id: null,
        workflow_id: "w",
        runs: [{ run_id: "w 1", workflow_id: "w" }],
      }),
    ],
    async (db) => {
      assert.deepStrictEqual(
        (await stored(db, "w")).runs.map(({ runType }) => runType),
        ["workflow"],
      );
      assert.equal((await db.getSession({ sessionId: "t", sessionType: "team" }))?.runs.length, 1);
    },
  ),
};
