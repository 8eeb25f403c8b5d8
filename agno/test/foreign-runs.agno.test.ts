import { Agent, Team } from "@sessiondb/agent";
import type { SessionDb } from "@sessiondb/core";
import { describe, expect, test } from "vitest";
import { scriptedModel, shown } from "@sessiondb/testing/scripted-model";
import { startAgno, withAgnoOnEach } from "./support.ts";

withAgnoOnEach((name, fresh) => {
  const agno = startAgno();

  describe.each(["agent", "team"] as const)("%s", (kind) => {
    async function told(db: SessionDb, userId: string): Promise<string[]> {
      const model = scriptedModel(() => "Fine");
      const member = new Agent({ id: "member", model });
      const common = { id: "bot", model, db, staleAfter: 0 };
      const component = kind === "agent" ? new Agent(common) : new Team({ ...common, members: [member] });
      await component.run("Go on", { sessionId: "s", userId });
      return shown(model.prompts[0] ?? []).filter((line) => /^(user|assistant): /.test(line));
    }

    async function begun(options: object = {}) {
      const shared = await fresh();
      const there = await shared.openIn(agno);
      const members = kind === "team" ? { members: [{ name: "member" }] } : {};
      await agno.call(kind, { name: "bot", db: there, ...members, ...options });
      const run = (user: string, question: string) =>
        agno.run("bot", question, { session_id: "s", user_id: user, scripts: { bot: [{ text: "Yes." }] } });
      await run("ada", "From Ada");
      return { db: shared.open(), there, run };
    }

    test("Ada's model does not see a run that Bob put into her session", { timeout: 60_000 }, async () => {
      const { db, run } = await begun();
      await using store = db;
      await run("bob", "From Bob");
      const session = await store.getSession({ sessionId: "s" });
      // Agno gives both the same place.
      const writers = session?.runs.map(({ userId }) => userId ?? "").toSorted();
      expect([session?.userId, writers]).toEqual(["ada", ["ada", "bob"]]);
      expect(await told(store, "ada")).toEqual(["user: From Ada", "assistant: Yes.", "user: Go on"]);
      expect((await store.getSession({ sessionId: "s" }))?.runs).toHaveLength(3);
    });

    test.runIf(name === "sqlite" || name === "postgres")(
      "the new owner's model sees the whole history",
      { timeout: 60_000 },
      async () => {
        const { db, there, run } = await begun();
        await using store = db;
        await run("ada", "More from Ada");
        const owners = { session_id: "s", previous_user_id: "ada", user_id: "carol" };
        expect(await agno.db(there, "reassign_session_owner", owners)).toBe(true);
        // Of runs of one second it cannot be told which was before the change.
        await new Promise((resolve) => setTimeout(resolve, 1100));
        const all = ["user: From Ada", "assistant: Yes.", "user: More from Ada", "assistant: Yes.", "user: Go on"];
        expect(await told(store, "carol")).toEqual(all);
        expect(await told(store, "carol")).toEqual([...all, "assistant: Fine", "user: Go on"]);
      },
    );

    test("an introduction stays RUNNING and is part of the history", { timeout: 60_000 }, async () => {
      const { db } = await begun({ introduction: "Welcome!" });
      await using store = db;
      const before = (await store.getRuns({ sessionId: "s" })).runs[0];
      expect(before).toMatchObject({ status: "RUNNING", content: "Welcome!" });
      await new Promise((resolve) => setTimeout(resolve, 1100));
      await told(store, "ada");
      // A history begins with the user, whatever the provider.
      expect((await told(store, "ada")).slice(0, 2)).toEqual([
        "user: (The assistant speaks first.)",
        "assistant: Welcome!",
      ]);
      expect(await store.getRun({ runId: before?.runId ?? "" })).toEqual(before);
    });
  });
});
