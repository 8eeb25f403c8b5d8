import { Agent } from "@sessiondb/agent";
import type { JsonObject, JsonValue } from "@sessiondb/core";
import { describe, expect, test } from "vitest";
import { scriptedModel, shown } from "@sessiondb/testing/scripted-model";
import { expectOneSession, expectSameRuns, sessionThere, type Sides } from "./comparisons.ts";
import { conversations, converse } from "./conversations.ts";
import { ourConversations } from "./our-conversations.ts";
import { isInstalled, startAgno, withAgnoOnEach } from "./support.ts";

// Roles, the other tables of Agno, its earlier releases, and its HTTP service.

const agno = startAgno();
const releases = { first: startAgno("first"), two: startAgno("two") } as const;

/** One of each kind. */
const core = ["tools, state and metadata", "a team and its members", "a workflow"] as const;

withAgnoOnEach((name, fresh) => {
  async function agnoWrites(sides: Sides): Promise<void> {
    for (const sessionId of core) {
      const conversation = conversations[sessionId];
      if (conversation === undefined) {
        throw new Error(sessionId);
      }
      await converse(sides.agno, sides.there, { sessionId, ...conversation });
      await expectOneSession(sides, sessionId, { kind: conversation.kind, writer: "agno" });
    }
  }

  async function oursWrites(sides: Sides): Promise<void> {
    for (const each of core) {
      const conversation = ourConversations[each];
      if (conversation === undefined) {
        throw new Error(each);
      }
      const sessionId = `ours: ${each}`;
      await conversation.hold(sides.db, sessionId);
      await expectOneSession(sides, sessionId, { kind: conversation.kind, writer: "ours" });
    }
  }

  test("Agno only needs to read and write rows on our tables", { timeout: 60_000 }, async () => {
    const shared = await fresh();
    await using admin = shared.open();
    await admin.migrate();
    const limited = await shared.withoutDdl();
    await using db = limited.open();
    const sides = { db, agno, there: await limited.openIn(agno) };
    await agnoWrites(sides);
    await oursWrites(sides);
    for (const sessionId of core) {
      expect(await agno.db(sides.there, "delete_session", { session_id: sessionId })).toBe(true);
      expect(await db.deleteSession({ sessionId: `ours: ${sessionId}` })).toBe(true);
    }
    expect((await db.getSessions({ includeTotal: true })).total).toBe(0);
    expect(await db.verifySchema()).toEqual([]);
  });

  test("we find our tables among all of Agno's", { timeout: 60_000 }, async () => {
    const shared = await fresh();
    const there = await shared.openIn(agno);
    await agno.db(there, "_create_all_tables", {});
    await using db = shared.open();
    expect(await db.verifySchema()).toEqual([]);
    await db.migrate();
    expect(await db.planMigration()).toEqual([]);
    const sides = { db, agno, there };
    await oursWrites(sides);
    await agnoWrites(sides);
    expect(await db.deleteSessions({ filter: {}, userId: "ada" })).toBe(2 * core.length);
  });

  test.runIf(isInstalled("first"))(
    "works with Agno 3.0.0 on the tables that it creates",
    { timeout: 60_000 },
    async () => {
      const shared = await fresh();
      const there = await shared.openIn(releases.first);
      // Its first write makes them. On SQLite its JSON of a session is encoded twice.
      await releases.first.call("agent", { name: "another", db: there });
      await releases.first.run("another", "Question", {
        session_id: "first",
        scripts: { another: [{ text: "Yes." }] },
      });
      await using db = (await shared.withoutDdl()).open();
      const sides = { db, agno: releases.first, there };
      await agnoWrites(sides);
      await oursWrites(sides);
      for (const sessionId of core) {
        await expectSameRuns(sides, sessionId);
      }
      const [row] = await shared.query("select session_data from agno_sessions where session_id = 'first'");
      expect(String(row?.["session_data"]).startsWith('"')).toBe(name === "sqlite");
      const model = scriptedModel(["Ours."]);
      const scope = { sessionId: core[0], userId: "ada" };
      await new Agent({ id: "bot", db, model }).run("Go on", scope);
      expect(shown(model.prompts[0] ?? [])).toContain("user: Question 0");
      const { runs } = (await sessionThere(sides, core[0], "agent")) as { runs: JsonObject[] };
      expect(runs.at(-1)).toMatchObject({ content: "Ours." });
    },
  );

  test.runIf(isInstalled("two"))(
    "we read what Agno 2.9.0 wrote, without a migration",
    { timeout: 60_000 },
    async () => {
      const shared = await fresh();
      const there = await shared.openIn(releases.two);
      await releases.two.call("agent", { name: "another", db: there });
      await releases.two.run("another", "Question", { session_id: "first", scripts: { another: [{ text: "Yes." }] } });
      await using db = (await shared.withoutDdl()).open();
      await agnoWrites({ db, agno: releases.two, there });
      const { sessions, total } = await db.getSessions({ userId: "ada", includeRuns: true, includeTotal: true });
      expect(total).toBe(core.length);
      for (const { sessionId, runs } of sessions) {
        expect((await db.getRuns({ sessionId })).runs).toEqual(runs);
        expect(await db.getRun({ runId: runs[0]?.runId ?? "" })).toEqual(runs[0]);
      }
    },
  );

  describe("Agno's HTTP service on our tables", () => {
    interface Answer {
      readonly status: number;
      readonly body: JsonValue;
    }

    test("lists, reads, continues, renames and deletes our sessions", { timeout: 60_000 }, async () => {
      const shared = await fresh();
      await using db = shared.open();
      const there = await shared.openIn(agno);
      const sides = { db, agno, there };
      await oursWrites(sides);
      await agno.call("agent", { name: "bot", db: there, add_history_to_context: true });
      await agno.call("serve", { components: ["bot"] });
      const ask = async (method: string, path: string, options: object = {}): Promise<Answer> => {
        const answer: unknown = await agno.call("request", { method, path, ...options });
        return answer as Answer;
      };

      for (const each of core) {
        const sessionId = `ours: ${each}`;
        const path = `/sessions/${encodeURIComponent(sessionId)}`;
        const kind = ourConversations[each]?.kind ?? "agent";
        const session = await db.getSession({ sessionId });
        const list = await ask("GET", `/sessions?type=${kind}&user_id=ada&limit=10`);
        expect(list).toMatchObject({
          status: 200,
          body: {
            data: [{ session_id: sessionId, session_name: session?.sessionName, user_id: "ada" }],
            meta: { total_count: 1 },
          },
        });
        expect(await ask("GET", `${path}?type=${kind}`)).toMatchObject({ status: 200, body: { user_id: "ada" } });
        const runs = await ask("GET", `${path}/runs?type=${kind}`);
        const ids = (found: JsonValue) => (found as JsonObject[]).map((run) => run["run_id"]);
        expect(ids(runs.body)).toEqual(session?.runs.map(({ runId }) => runId));
        for (const { runId } of session?.runs ?? []) {
          expect(await ask("GET", `${path}/runs/${runId}?type=${kind}`)).toMatchObject({ body: { run_id: runId } });
        }
        const named = await ask("POST", `${path}/rename?type=${kind}`, { json: { session_name: `Named ${kind}` } });
        expect(named.status).toBe(200);
        expect((await db.getSession({ sessionId }))?.sessionName).toBe(`Named ${kind}`);
        const patched = await ask("PATCH", `${path}?type=${kind}`, { json: { metadata: { patched: true } } });
        expect(patched.status).toBe(200);
        expect((await db.getSession({ sessionId }))?.metadata).toMatchObject({ patched: true });
      }

      const sessionId = `ours: ${core[0]}`;
      const turn = await ask("POST", "/agents/bot/runs", {
        data: { message: "Go on", session_id: sessionId, user_id: "ada", stream: "false" },
        scripts: { bot: [{ text: "Served." }] },
      });
      expect(turn).toMatchObject({ status: 200, body: { content: "Served." } });
      const runs = (await db.getSession({ sessionId }))?.runs;
      expect(runs).toHaveLength(4);
      expect(runs?.at(-1)).toMatchObject({ content: "Served.", status: "COMPLETED", userId: "ada" });

      const body = { session_id: "made", agent_id: "bot", user_id: "bob", session_state: { a: 1 } };
      expect((await ask("POST", "/sessions?type=agent", { json: body })).status).toBe(201);
      expect(await db.getSession({ sessionId: "made" })).toMatchObject({
        userId: "bob",
        sessionState: { a: 1 },
        runs: [],
      });

      for (const each of core) {
        const path = `/sessions/${encodeURIComponent(`ours: ${each}`)}`;
        expect((await ask("DELETE", path)).status).toBe(204);
        expect(await db.getSession({ sessionId: `ours: ${each}` })).toBeNull();
      }
      await db.deleteSession({ sessionId: "made" });
      expect((await ask("GET", "/sessions/made?type=agent")).status).toBe(404);
    });
  });
});
