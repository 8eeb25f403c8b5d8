import type { SessionDb } from "@sessiondb/core";
import { describe, expect, test } from "vitest";
import type { ScriptedAnswer } from "../src/agno.ts";
import { startAgno, withAgnoOnEach, type SharedDatabase } from "./support.ts";

const secret = "my secret is 4711";

/** Every way to delete a session of Ada's. */
const deletes: Readonly<Record<string, (db: SessionDb) => Promise<unknown>>> = {
  deleteSession: (db) => db.deleteSession({ sessionId: "s" }),
  "deleteSessions by id": (db) => db.deleteSessions({ sessionIds: ["s"] }),
  "deleteSessions by filter": (db) => db.deleteSessions({ filter: { componentId: "bot" } }),
  "deleteSessions of a handle": (db) => db.forUser("ada").deleteSessions({ filter: {} }),
};

/** The tables in which Agno keeps parts of a session beside the store's own, and how they name it. */
const kept: Readonly<Record<string, string>> = {
  agno_compactions: "session_id",
  agno_transcripts: "agno_session_id",
  agno_tool_results: "session_id",
};

withAgnoOnEach((name, fresh) => {
  // On MySQL and MariaDB Agno has none of these tables, nor what they are for.
  describe.skipIf(name === "mysql" || name === "mariadb")("after our delete", () => {
    const agno = startAgno();
    /** Ada's conversation with one agent, and Eve's with another. */
    const conversations = { s: { user: "ada", agent: "bot" }, t: { user: "eve", agent: "other bot" } } as const;
    type SessionId = keyof typeof conversations;

    /** A turn of a session, as another user if one is named. Resolves with what the model was shown last. */
    async function turn(
      sessionId: SessionId,
      { input, script, user }: { input: string; script: readonly ScriptedAnswer[]; user?: string },
    ): Promise<string> {
      const { agent, user: owner } = conversations[sessionId];
      const options = { session_id: sessionId, user_id: user ?? owner, scripts: { [agent]: script } };
      const outcome = await agno.run(agent, input, options);
      return JSON.stringify(outcome.shown[agent]?.at(-1));
    }

    const search = (sessionId: SessionId, user?: string): Promise<string> =>
      turn(sessionId, {
        input: "What was said?",
        script: [
          { tools: [{ name: "search_compacted_history", arguments: { pattern: "secret" } }] },
          { text: "All that I found." },
        ],
        ...(user !== undefined && { user }),
      });

    /** Both conversations: a secret that was folded, a long result of a tool, and a transcript. */
    async function filled(shared: SharedDatabase): Promise<string> {
      const there = await shared.openIn(agno);
      for (const sessionId of ["s", "t"] as const) {
        const { agent, user } = conversations[sessionId];
        await agno.call("agent", {
          name: agent,
          db: there,
          tools: ["note"],
          add_history_to_context: true,
          offload_tool_results: true,
          compaction: { uncompacted_runs: 1, compact_at_tokens: null },
        });
        const long = { name: "note", arguments: { what: `${sessionId} `.repeat(10_000) } };
        await turn(sessionId, { input: secret, script: [{ text: "I shall remember it." }] });
        await turn(sessionId, { input: "Note something long.", script: [{ tools: [long] }, { text: "Noted." }] });
        await turn(sessionId, { input: "Thanks.", script: [{ text: "You are welcome." }] });
        const folded = await agno.call("compact", {
          component: agent,
          scripts: { [agent]: [{ text: "They talked." }] },
          session_id: sessionId,
          user_id: user,
        });
        expect(folded).toBe(true);
        await agno.db(there, "append_transcript_entries", {
          framework: "claude",
          project_key: "project",
          session_id: `theirs of ${sessionId}`,
          entries: [{ type: "user", uuid: `of ${sessionId}`, message: secret }],
          agno_session_id: sessionId,
        });
      }
      return there;
    }

    const rowsOf = (shared: SharedDatabase, sessionId: SessionId) =>
      Promise.all(
        Object.entries(kept).map(async ([table, column]) => {
          const rows = await shared.query(`select * from ${table} where ${column} = '${sessionId}'`);
          return [table, rows.length] as const;
        }),
      );
    const resultsOf = (shared: SharedDatabase, sessionId: SessionId) =>
      shared.query(`select namespace, path from agno_tool_results where session_id = '${sessionId}'`);
    const payloadsOf = async (shared: SharedDatabase, results: Record<string, unknown>[]): Promise<number> => {
      const files = name === "postgres" ? "fs.agno_fs" : "agno_fs";
      const found = await Promise.all(
        results.map(({ namespace, path }) =>
          shared.query(`select 1 from ${files} where namespace = '${String(namespace)}' and path = '${String(path)}'`),
        ),
      );
      return found.flat().length;
    };

    test.each(Object.entries(deletes))(
      "%s leaves nothing of the session to the next owner of its id",
      { timeout: 60_000 },
      async (_, remove) => {
        const shared = await fresh();
        await using db = shared.open();
        // The tables come after the store has looked at its own.
        await db.upsertSession({ sessionType: "agent", sessionId: "before", agentId: "another" });
        await db.deleteSession({ sessionId: "before" });
        const there = await filled(shared);
        expect(await search("s")).toContain("4711");
        expect((await rowsOf(shared, "s")).filter(([, count]) => count === 0)).toEqual([]);
        const results = await resultsOf(shared, "s");
        expect(await payloadsOf(shared, results)).toBe(1);
        const others = await rowsOf(shared, "t");

        await remove(db);

        expect(await rowsOf(shared, "s")).toEqual(Object.keys(kept).map((table) => [table, 0]));
        expect(await payloadsOf(shared, results)).toBe(0);
        const entries = await agno.db(there, "get_transcript_entries", {
          framework: "claude",
          project_key: "project",
          session_id: "theirs of s",
        });
        expect(entries ?? []).toEqual([]);
        expect(await search("s", "bob")).not.toContain("4711");
        expect((await db.forUser("bob").getSession({ sessionId: "s" }))?.runs).toHaveLength(1);

        expect(await rowsOf(shared, "t")).toEqual(others);
        expect(await payloadsOf(shared, await resultsOf(shared, "t"))).toBe(1);
        expect(await search("t")).toContain("4711");
      },
    );

    test.runIf(name === "postgres")(
      "a sandbox's lease is deleted with its session, and protects its run until then",
      {
        timeout: 60_000,
      },
      async () => {
        const shared = await fresh();
        await using db = shared.open();
        const there = await shared.openIn(agno);
        await agno.call("agent", { name: "bot", db: there });
        await turn("s", { input: "Hello.", script: [{ text: "Hello." }] });
        await agno.db(there, "_get_table", { table_type: "sandbox_bindings", create_table_if_not_found: true });
        const [run] = (await db.getRuns({ sessionId: "s" })).runs;
        const runId = run?.runId ?? "";
        await shared.query(`insert into agno_sessions_sandbox_bindings (namespace, session_id, agent_id, epoch, run_id, record)
        values ('computer', 's', 'bot', 1, '${runId}', '{}')`);
        for (const call of [
          () => db.deleteRuns({ runIds: [runId] }),
          () => db.updateRun({ runId }, () => null),
          () =>
            db.upsertRun({
              session: { sessionType: "agent", sessionId: "s", agentId: "bot", userId: "ada" },
              run: { runType: "agent", runId: "new", agentId: "bot" },
              deleteRunsAfter: null,
            }),
        ]) {
          await expect(call()).rejects.toMatchObject({ code: "IN_USE", table: "agno_sessions_sandbox_bindings" });
        }
        expect((await db.getRuns({ sessionId: "s" })).runs.map((each) => each.runId)).toEqual([runId]);
        expect(await db.deleteSessions({ filter: { componentId: "bot" } })).toBe(1);
        expect(await shared.query("select 1 from agno_sessions_sandbox_bindings")).toEqual([]);
      },
    );
  });
});
