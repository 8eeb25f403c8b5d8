import { Agent } from "@sessiondb/agent";
import type { JsonObject, JsonValue, Run, SessionInit, SessionType } from "@sessiondb/core";
import { describe, expect, test } from "vitest";
import { scriptedModel, shown } from "@sessiondb/testing/scripted-model";
import { expectOneSession, present, sessionThere, type Sides } from "./comparisons.ts";
import { startAgno, withAgnoOnEach } from "./support.ts";

// What becomes of runs and sessions after they were written, each time under the eyes of the other side.

const agno = startAgno();

const kinds = ["agent", "team", "workflow"] as const;

const owner = { agent: { agentId: "bot" }, team: { teamId: "bot" }, workflow: { workflowId: "bot" } } as const;
const inPython: Readonly<Record<SessionType, object>> = {
  agent: { add_history_to_context: true },
  team: { members: [{ name: "member" }], add_history_to_context: true },
  workflow: { steps: [{ name: "only" }] },
};

function runOf(kind: SessionType, runId: string, given: Partial<Run> = {}): Run {
  const messages = [
    { role: "user", content: `Question ${runId}` },
    { role: "assistant", content: `Answer ${runId}` },
  ];
  return {
    runType: kind,
    runId,
    content: `Answer ${runId}`,
    ...(kind !== "workflow" && { messages }),
    ...given,
  } as Run;
}

withAgnoOnEach((name, fresh) => {
  /** Both sides, with Agno's component `bot`. */
  async function begun(kind: SessionType, options: object = {}) {
    const shared = await fresh();
    const db = shared.open();
    const there = await shared.openIn(agno);
    await db.migrate();
    await agno.call(kind, { name: "bot", db: there, ...inPython[kind], ...options });
    const sides: Sides = { db, agno, there };
    const session = { sessionType: kind, sessionId: "s", userId: "ada", ...owner[kind] } as SessionInit & {
      runs?: null;
    };
    return {
      ...sides,
      sides,
      /** A turn of Agno's. */
      theirs: (runId: string, given: object = {}) =>
        agno.run("bot", `Question ${runId}`, {
          session_id: "s",
          user_id: "ada",
          run_id: runId,
          scripts: { [kind === "workflow" ? "only" : "bot"]: [{ text: `Answer ${runId}` }] },
          ...given,
        }),
      /** A run that our store is given. */
      ours: (runId: string, given: object = {}) => db.upsertRun({ session, run: runOf(kind, runId), ...given }),
      /** The ids of the runs, which must be the same for both. */
      runIds: async (): Promise<string[]> => {
        const { runs = [] } = (await sessionThere(sides, "s", kind)) as { runs?: { run_id: string }[] };
        const ids = (await db.getSession({ sessionId: "s" }))?.runs.map(({ runId }) => runId) ?? [];
        expect(runs.map(({ run_id }) => run_id)).toEqual(ids);
        return ids;
      },
    };
  }

  describe.each(kinds)("%s", (kind) => {
    test("a run deleted or replaced by one side is gone for the other, and new turns follow at the end", async () => {
      const { db, there, theirs, ours, runIds } = await begun(kind);
      await using _ = db;
      for (const turn of ["t0", "t2", "t4"]) {
        await theirs(turn);
        await ours(turn.replace("t", "o"));
      }
      expect(await runIds()).toEqual(["t0", "o0", "t2", "o2", "t4", "o4"]);
      expect(await db.deleteRuns({ runIds: ["o0", "t4"] })).toBe(2);
      await theirs("t5");
      expect(await runIds()).toEqual(["t0", "t2", "o2", "o4", "t5"]);
      expect(await agno.db(there, "delete_run", { run_id: "o2" })).toBe(true);
      await ours("o5");
      expect(await runIds()).toEqual(["t0", "t2", "o4", "t5", "o5"]);
      expect(await db.getRun({ runId: "o2" })).toBeNull();
      expect(await ours("o6", { deleteRunsAfter: "t2" })).toEqual({ stored: true, deletedRuns: 3 });
      await theirs("t6");
      expect(await runIds()).toEqual(["t0", "t2", "o6", "t6"]);
      await ours("o6", { run: runOf(kind, "o6", { content: "Better" }), deleteRunsAfter: "o6" });
      await theirs("t7");
      expect(await runIds()).toEqual(["t0", "t2", "o6", "t7"]);
      expect(await agno.db(there, "get_run", { run_id: "o6", deserialize: false })).toMatchObject({
        run_data: { content: "Better" },
      });
    });

    test("both sides see renamed and deleted sessions", async () => {
      const { sides, db, there, theirs, ours, runIds } = await begun(kind);
      await using _ = db;
      await theirs("t0");
      await db.renameSession({ sessionId: "s", sessionName: "Ours 'ü'" });
      await theirs("t1");
      expect(await sessionThere(sides, "s", kind)).toMatchObject({ session_data: { session_name: "Ours 'ü'" } });
      const theirName = { session_id: "s", session_type: kind, session_name: "Theirs 🧀" };
      await agno.db(there, "rename_session", theirName);
      await ours("o1");
      expect((await db.getSession({ sessionId: "s" }))?.sessionName).toBe("Theirs 🧀");
      expect(await runIds()).toEqual(["t0", "t1", "o1"]);

      const id = { session_id: "s", session_type: kind };
      expect(await db.deleteSession({ sessionId: "s", userId: "ada" })).toBe(true);
      expect(await agno.db(there, "get_session", { ...id, deserialize: false })).toBeNull();
      await theirs("t2");
      expect(await runIds()).toEqual(["t2"]);
      expect(await agno.db(there, "delete_session", { session_id: "s" })).toBe(true);
      expect(await db.getSession({ sessionId: "s" })).toBeNull();
      expect((await db.getRuns({ sessionId: "s" })).runs).toEqual([]);
      await ours("o2");
      expect(await runIds()).toEqual(["o2"]);
    });

    test("content that one side changes survives a turn of the other", async () => {
      const { sides, db, ours, theirs } = await begun(kind, {
        metadata: { plan: "free" },
        session_state: { theirs: 1 },
      });
      await using _ = db;
      await theirs("t0");
      const found = await db.getSession({ sessionId: "s" });
      expect(found).toMatchObject({ metadata: { plan: "free" }, sessionState: { theirs: 1 }, userId: "ada" });
      const data = `${kind}Data` as const;
      const summary = { summary: "They talked. ü", topics: ["talk"], updatedAt: "2026-01-01T00:00:00" };
      await db.updateSession({ sessionId: "s" }, (session) => ({
        sessionState: { ...session.sessionState, ours: [1, { deep: "ü" }] },
        metadata: { ...session.metadata, seen: true },
        summary,
        [data]: { ...session[data], ours: "x" },
      }));
      const expected: JsonObject = {
        session_data: { session_state: { theirs: 1, ours: [1, { deep: "ü" }] } },
        metadata: { plan: "free", seen: true },
        // Agno's workflows know no summary, and write null over it.
        ...(kind !== "workflow" && {
          summary: { summary: "They talked. ü", topics: ["talk"], updated_at: "2026-01-01T00:00:00" },
        }),
        [`${kind}_data`]: { ours: "x" },
      };
      expect(await sessionThere(sides, "s", kind)).toMatchObject(expected);
      await theirs("t1", { session_state: { again: 2 } });
      const state = { theirs: 1, ours: [1, { deep: "ü" }], again: 2 };
      const after = await db.getSession({ sessionId: "s" });
      expect(after).toMatchObject({ sessionState: state, metadata: { plan: "free", seen: true } });
      expect(after?.summary).toEqual(kind === "workflow" ? null : summary);
      expect(after?.[data]).toMatchObject({ ours: "x" });
      await ours("o1", { change: { sessionState: { ...state, theirs: 3 } } });
      await theirs("t2");
      expect((await db.getSession({ sessionId: "s" }))?.sessionState).toEqual({ ...state, theirs: 3 });
    });

    test("both read the same background run once it has ended", async () => {
      const { sides, db } = await begun(kind);
      await using _ = db;
      const statuses = await agno.call("background", {
        component: "bot",
        input: "Question",
        session_id: "s",
        user_id: "ada",
        scripts: { [kind === "workflow" ? "only" : "bot"]: [{ text: "Answer" }] },
      });
      expect((statuses as JsonValue[]).at(-1)).toBe("COMPLETED");
      const [run] = (await sessionThere(sides, "s", kind))["runs"] as JsonObject[];
      const [ours] = (present((await db.getSession({ sessionId: "s" }))?.toJSON()) as { runs: JsonObject[] }).runs;
      // Agno dates it anew when it starts; ours goes by its row.
      expect(run).toEqual({ ...ours, created_at: run?.["created_at"] });
    });

    test.runIf(name === "sqlite" || name === "postgres")("either side can cancel a waiting run, once", async () => {
      const { db, there, ours, runIds } = await begun(kind);
      await using _ = db;
      const cancel = (runId: string) =>
        agno.db(there, "cancel_pending_run", { run_id: runId, session_id: "s", reason: "too late", user_id: "ada" });
      await ours("o0", { run: runOf(kind, "o0", { status: "PENDING" }) });
      await ours("o1", { run: runOf(kind, "o1", { status: "PENDING" }) });
      expect(await cancel("o0")).toBe(true);
      expect(await db.getRun({ runId: "o0" })).toMatchObject({ status: "CANCELLED" });
      const started = (runId: string) =>
        ours(runId, { run: runOf(kind, runId, { status: "RUNNING" }), onlyIfStatus: "PENDING" });
      expect(await started("o0")).toEqual({ stored: false, unmet: "onlyIfStatus" });
      expect(await started("o1")).toMatchObject({ stored: true });
      expect(await cancel("o1")).toBe(false);
      expect(await db.updateRun({ runId: "o1" }, (run) => ({ ...run, status: "CANCELLED" }))).not.toBeNull();
      expect(await runIds()).toEqual(["o0", "o1"]);
    });

    test.runIf(name === "sqlite" || name === "postgres")("we follow a change of owner that Agno makes", async () => {
      const { sides, db, there, theirs, ours, runIds } = await begun(kind);
      await using _ = db;
      await theirs("t0");
      await ours("o0", { run: runOf(kind, "o0", { status: "RUNNING" }) });
      const reassign = () =>
        agno.db(there, "reassign_session_owner", { session_id: "s", previous_user_id: "ada", user_id: "carol" });
      expect(await reassign()).toBe(false);
      await ours("o0");
      expect(await reassign()).toBe(true);
      expect(await db.forUser("ada").getSession({ sessionId: "s" })).toBeNull();
      await expect(ours("o1")).rejects.toMatchObject({ code: "SESSION_OWNERSHIP" });
      const session = await db.forUser("carol").getSession({ sessionId: "s" });
      expect(session?.runs.map(({ userId }) => userId)).toEqual(["ada", "ada"]);
      await ours("o1", { session: { sessionType: kind, sessionId: "s", userId: "carol", ...owner[kind] } });
      expect(await runIds()).toEqual(["t0", "o0", "o1"]);
      expect(await sessionThere(sides, "s", kind)).toMatchObject({ user_id: "carol" });
      expect((await db.getSessions({ userId: "ada" })).sessions).toEqual([]);
    });
  });

  test("only the regenerated answer is part of the history", async () => {
    const { sides, db, theirs } = await begun("agent");
    await using _ = db;
    await theirs("t0");
    await theirs("t1");
    const scripts = { bot: [{ text: "Better" }] };
    const again = { component: "bot", run_id: "t1", session_id: "s", user_id: "ada", decide: null, scripts };
    await agno.call("resume", { ...again, regenerate: true });
    const runs = (await db.getSession({ sessionId: "s" }))?.runs;
    expect(runs?.map(({ status }) => status)).toEqual(["COMPLETED", "REGENERATED", "COMPLETED"]);
    expect(runs?.[2]).toMatchObject({ regeneratedFrom: "t1", content: "Better" });
    await expectOneSession(sides, "s", { kind: "agent", writer: "agno" });
    const model = scriptedModel(["Ours"]);
    await new Agent({ id: "bot", db, model }).run("Go on", { sessionId: "s", userId: "ada" });
    expect(shown(model.prompts[0] ?? []).filter((line) => line.startsWith("assistant"))).toEqual([
      "assistant: Answer t0",
      "assistant: Better",
    ]);
  });

  test("the other side reads forked sessions completely", async () => {
    const { sides, db, theirs } = await begun("agent");
    await using _ = db;
    await theirs("t0");
    await theirs("t1");
    const bot = new Agent({ id: "bot", db, model: scriptedModel(["Ours"]) });
    await bot.run("Go on", { sessionId: "s", userId: "ada" });
    const source = { source_session_id: "s", user_id: "ada" };
    const forks = [
      (await agno.call("tell", { component: "bot", method: "fork_session", ...source })) as string,
      (await bot.forkSession({ sessionId: "s", userId: "ada" }))?.sessionId ?? "",
    ];
    const texts = async (sessionId: string) =>
      (await db.getSession({ sessionId }))?.messages.map(({ content }) => content);
    for (const fork of forks) {
      expect(await texts(fork)).toEqual(await texts("s"));
      expect(await sessionThere(sides, fork, "agent")).toMatchObject({
        session_data: { forked_from_session_id: "s" },
        user_id: "ada",
      });
      await expectOneSession(sides, fork, { kind: "agent", writer: "ours" });
      const next = await agno.run("bot", "And now?", {
        session_id: fork,
        user_id: "ada",
        scripts: { bot: [{ text: "Fine" }] },
      });
      expect(next.shown["bot"]?.[0]).toHaveLength(7);
    }
    expect((await db.getSession({ sessionId: "s" }))?.runs).toHaveLength(3);
  });
});
