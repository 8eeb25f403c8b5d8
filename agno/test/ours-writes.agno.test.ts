import { Agent, Team, Workflow } from "@sessiondb/agent";
import type { JsonObject, JsonValue, SessionType } from "@sessiondb/core";
import { beforeAll, describe, expect, test } from "vitest";
import { scriptedModel, shown } from "@sessiondb/testing/scripted-model";
import {
  expectOneList,
  expectOneSession,
  expectSameRuns,
  filters,
  present,
  sessionThere,
  spread,
  type Sides,
} from "./comparisons.ts";
import { noteTool, ourConversations } from "./our-conversations.ts";
import { startAgno, withAgnoOnEach } from "./support.ts";

const kinds = Object.entries(ourConversations).map(([sessionId, { kind }]) => [sessionId, kind] as const);

function isImport(sessionId: string): boolean {
  return sessionId.startsWith("every field");
}

/** What Agno's component of a kind is made from. */
const inPython: Readonly<Record<SessionType, object>> = {
  agent: { tools: ["note"], add_history_to_context: true },
  team: { tools: ["note"], members: [{ name: "member" }], add_history_to_context: true },
  workflow: { steps: [{ name: "only" }] },
};

const agno = startAgno();

withAgnoOnEach((_name, fresh) => {
  describe("sessions that we wrote", () => {
    let sides: Sides;
    let asynchronous: string | null;

    beforeAll(async () => {
      const shared = await fresh();
      const db = shared.open();
      for (const [sessionId, { hold }] of Object.entries(ourConversations)) {
        await hold(db, sessionId);
      }
      for (const userId of ["bob", null]) {
        const another = new Agent({ id: "another", db, model: scriptedModel(["Yes."]) });
        await another.run("Question", { sessionId: `of ${userId}`, ...(userId !== null && { userId }) });
      }
      await spread(shared.query, [...Object.keys(ourConversations), "of bob", "of null"]);
      sides = { db, agno, there: await shared.openIn(agno) };
      asynchronous = (await shared.openAsyncIn?.(agno)) ?? null;
      return () => db[Symbol.asyncDispose]();
    }, 120_000);

    test.each(kinds)("%s: both read the same session, runs and history", async (sessionId, kind) => {
      await expectOneSession(sides, sessionId, { kind, writer: isImport(sessionId) ? "an import" : "ours" });
      await expectSameRuns(sides, sessionId);
    });

    test.each(filters)("both read the same list of %j", (ours, theirs) => expectOneList(sides, ours, theirs));

    test("read the same through Agno's asynchronous adapters", async () => {
      if (asynchronous === null) {
        return;
      } // Its driver for MySQL is another library.
      for (const [sessionId, kind] of kinds) {
        const id = { session_id: sessionId, session_type: kind };
        const row = present(await agno.db(asynchronous, "get_session", { ...id, deserialize: false }));
        expect(row).toEqual(present((await sides.db.getSession({ sessionId }))?.toJSON()));
        const { runs } = await sessionThere({ ...sides, there: asynchronous }, sessionId, kind);
        expect(runs).toHaveLength((row as { runs: unknown[] }).runs.length);
      }
      for (const [ours, theirs] of filters) {
        const { total } = await sides.db.getSessions({ ...ours, includeTotal: true });
        const [rows, count] = (await agno.db(asynchronous, "get_sessions", { ...theirs, deserialize: false })) as [
          JsonObject[],
          number,
        ];
        expect([rows.length, count]).toEqual([total, total]);
      }
    });

    test.each(kinds.filter(([sessionId]) => !isImport(sessionId)))(
      "Agno's turn in our session: %s",
      async (sessionId, kind) => {
        const session = await sides.db.getSession({ sessionId });
        await agno.call(kind, { name: "bot", db: sides.there, ...inPython[kind] });
        const scripts = { [kind === "workflow" ? "only" : "bot"]: [{ text: "Theirs." }] };
        const turn = await agno.run("bot", "Go on", { session_id: sessionId, user_id: "ada", scripts });
        expect(turn.run["status"]).toBe("COMPLETED");
        const texts = (messages: readonly { content?: JsonValue }[]) => messages.map(({ content }) => content ?? null);
        const told = (turn.shown["bot"]?.[0] ?? []).filter(({ role }) => role === "user" || role === "assistant");
        const said =
          session === null || session.sessionType === "workflow"
            ? []
            : [...texts(session.getMessages({ skipRoles: ["system", "tool"] })), "Go on"];
        expect(kind === "workflow" ? [] : texts(told)).toEqual(said);
        const after = await sides.db.getSession({ sessionId });
        expect(after?.runs.slice(0, -1)).toEqual(session?.runs);
        expect(after?.runs.at(-1)).toMatchObject({ status: "COMPLETED", content: "Theirs." });
        await expectOneSession(sides, sessionId, { kind, writer: "ours" });
      },
    );
  });

  describe.each(["agent", "team", "workflow"] as const)("eight turns, Agno's and ours alternating: %s", (kind) => {
    test.each([10, 2])("each turn sees the last %d", { timeout: 60_000 }, async (window) => {
      const shared = await fresh();
      await using db = shared.open();
      const there = await shared.openIn(agno);
      const history =
        kind === "workflow"
          ? { add_workflow_history_to_steps: true, steps: [{ name: "only", num_history_runs: window }] }
          : { num_history_runs: window };
      await agno.call(kind, { name: "bot", db: there, ...inPython[kind], ...history });
      const scope = { sessionId: "s", userId: "ada" };
      const call = (turn: number) => ({ name: "note", id: `call-${turn}`, arguments: { what: `milk ${turn}` } });

      const theirs = async (turn: number): Promise<string> => {
        const answer = { text: `Answer ${turn}` };
        const script = kind === "workflow" ? { only: [answer] } : { bot: [{ tools: [call(turn)] }, answer] };
        const options = { session_id: "s", user_id: "ada", scripts: script };
        const { run, shown: told } = await agno.run("bot", `Question ${turn}`, options);
        expect(run["status"]).toBe("COMPLETED");
        return JSON.stringify(told[kind === "workflow" ? "only" : "bot"]?.[0]);
      };
      const ours = async (turn: number): Promise<string> => {
        const calls = { calls: [{ ...call(turn), input: call(turn).arguments }] };
        const model = scriptedModel(kind === "workflow" ? [`Answer ${turn}`] : [calls, `Answer ${turn}`]);
        const only = new Agent({ id: "only", model });
        const common = { id: "bot", db, numHistoryRuns: window };
        const component = {
          agent: () => new Agent({ ...common, model, tools: noteTool() }),
          team: () => new Team({ ...common, model, tools: noteTool(), members: [only] }),
          workflow: () => new Workflow({ ...common, steps: [only], addWorkflowHistoryToSteps: true }),
        }[kind]();
        await component.run(`Question ${turn}`, scope);
        return JSON.stringify(shown(model.prompts[0] ?? []));
      };

      for (let turn = 0; turn < 8; turn += 1) {
        const told = await (turn % 2 === 0 ? theirs : ours)(turn);
        const known = Array.from({ length: turn }, (_, index) => index).filter((index) =>
          told.includes(`Answer ${index}`),
        );
        const expected = Array.from({ length: turn }, (_, index) => index).slice(-window);
        const asked = expected.filter((index) => kind === "workflow" || told.includes(`Question ${index}`));
        expect([turn, known, asked]).toEqual([turn, expected, expected]);
      }
      await expectOneSession({ db, agno, there }, "s", { kind, writer: "ours" });
      expect((await db.getSession({ sessionId: "s" }))?.runs).toHaveLength(8);
    });
  });
});
