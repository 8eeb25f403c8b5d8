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
  describe.skipIf(name === "mysql" || name === "mariadb")("after a delete of ours", () => {
    const agno = startAgno();
    const search: ScriptedAnswer = {
      tools: [{ name: "search_compacted_history", arguments: { pattern: "secret" } }],
    };

    async function turn(user: string, session: string, input: string, script: readonly ScriptedAnswer[]) {
      const outcome = await agno.run("bot", input, { session_id: session, user_id: user, scripts: { bot: script } });
      return JSON.stringify(outcome.shown["bot"]?.at(-1));
    }

    /** Sessions `s` and `t` of Ada, each with a secret that was folded, a long result of a tool, and a transcript. */
    async function filled(shared: SharedDatabase): Promise<string> {
      const there = await shared.openIn(agno);
      await agno.call("agent", {
        name: "bot",
        db: there,
        tools: ["note"],
        add_history_to_context: true,
        offload_tool_results: true,
        compaction: { uncompacted_runs: 1, compact_at_tokens: null },
      });
      for (const session of ["s", "t"]) {
        await turn("ada", session, secret, [{ text: "I shall remember it." }]);
        const long = { name: "note", arguments: { what: `${session} `.repeat(10_000) } };
        await turn("ada", session, "Note something long.", [{ tools: [long] }, { text: "Noted." }]);
        await turn("ada", session, "Thanks.", [{ text: "You are welcome." }]);
        const folded = await agno.call("compact", {
          component: "bot",
          scripts: { bot: [{ text: "They talked." }] },
          session_id: session,
          user_id: "ada",
        });
        expect(folded).toBe(true);
        await agno.db(there, "append_transcript_entries", {
          framework: "claude",
          project_key: "project",
          session_id: `theirs of ${session}`,
          entries: [{ type: "user", uuid: `of ${session}`, message: secret }],
          agno_session_id: session,
        });
      }
      return there;
    }

    const rowsOf = (shared: SharedDatabase, session: string) =>
      Promise.all(
        Object.entries(kept).map(async ([table, column]) => {
          const rows = await shared.query(`select * from ${table} where ${column} = '${session}'`);
          return [table, rows.length] as const;
        }),
      );
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
      "by %s nothing of the session is left for the next owner of its id",
      {
        timeout: 60_000,
      },
      async (way, remove) => {
        const shared = await fresh();
        await using db = shared.open();
        // The tables come after the store has looked at its own.
        await db.upsertSession({ sessionType: "agent", sessionId: "before", agentId: "other" });
        await db.deleteSession({ sessionId: "before" });
        const there = await filled(shared);
        expect(await turn("ada", "s", "What did I say?", [search, { text: "That." }])).toContain("4711");
        const results = await shared.query("select namespace, path from agno_tool_results where session_id = 's'");
        expect(await payloadsOf(shared, results)).toBe(1);
        for (const [table, count] of await rowsOf(shared, "s")) {
          expect([table, count > 0]).toEqual([table, true]);
        }
        const others = await rowsOf(shared, "t");
        const otherResults = await shared.query("select namespace, path from agno_tool_results where session_id = 't'");

        await remove(db);

        expect(await rowsOf(shared, "s")).toEqual(Object.keys(kept).map((table) => [table, 0]));
        expect(await payloadsOf(shared, results)).toBe(0);
        if (way === "deleteSession" || way === "deleteSessions by id") {
          expect(await rowsOf(shared, "t")).toEqual(others);
          expect(await payloadsOf(shared, otherResults)).toBe(1);
          expect(await turn("ada", "t", "What did I say?", [search, { text: "That." }])).toContain("4711");
        }
        const entries = await agno.db(there, "get_transcript_entries", {
          framework: "claude",
          project_key: "project",
          session_id: "theirs of s",
        });
        expect(entries ?? []).toEqual([]);
        const shown = await turn("bob", "s", "What did she say?", [search, { text: "Nothing." }]);
        expect(shown).not.toContain("4711");
        expect((await db.forUser("bob").getSession({ sessionId: "s" }))?.runs).toHaveLength(1);
      },
    );

    test.runIf(name === "postgres")(
      "the lease of a sandbox goes with its session, and holds its run until then",
      {
        timeout: 60_000,
      },
      async () => {
        const shared = await fresh();
        await using db = shared.open();
        const there = await shared.openIn(agno);
        await agno.call("agent", { name: "bot", db: there });
        await turn("ada", "s", "Hello.", [{ text: "Hello." }]);
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
