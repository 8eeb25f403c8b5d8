import { Agent, MemoryManager, Team } from "@sessiondb/agent";
import { scriptedModel, shown, type Answer } from "@sessiondb/testing/scripted-model";
import { describe, expect, test } from "vitest";
import type { ScriptedAnswer } from "../src/agno.ts";
import { isInstalled, startAgno, withAgnoOnEach } from "./support.ts";

// Agents and teams of both sides remember the same users: each uses, changes and deletes what the other has been told.

type Way = "after the run" | "by a tool";

/** What the model that keeps our memories does in one turn. */
type Changes = Readonly<Partial<Record<"add" | "update" | "remove", readonly unknown[]>>>;

interface Call {
  readonly name: "add_memory" | "update_memory" | "delete_memory";
  readonly arguments: Readonly<Record<string, string | string[]>>;
}

withAgnoOnEach((name, fresh) => {
  describe.each(["newest", "two"] as const)("the %s release", (release) => {
    const agno = startAgno(release);

    test.runIf(isInstalled(release)).each<[kind: "agent" | "team", ours: Way, theirs: Way]>([
      ["agent", "after the run", "after the run"],
      ["agent", "after the run", "by a tool"],
      ["agent", "by a tool", "after the run"],
      ["agent", "by a tool", "by a tool"],
      ["team", "after the run", "after the run"],
      ["team", "after the run", "by a tool"],
      ["team", "by a tool", "after the run"],
      ["team", "by a tool", "by a tool"],
    ])("each has a(n) %s: ours remembers %s, Agno's %s", { timeout: 120_000 }, async (kind, ours, theirs) => {
      const shared = await fresh();
      await using own = shared.open();
      await own.memories?.upsertMemory({ userId: "bob", memory: "Likes tea" });

      /** A turn of our component, in a new session. Resolves with the system message that its model is shown. */
      const turnOfOurs = async (userId: string, text: string, changes: Changes | null): Promise<string> => {
        const calls: Answer[] = changes === null ? [] : [{ calls: [{ name: "update_user_memory", input: changes }] }];
        const isTool = ours === "by a tool";
        const model = scriptedModel([...(isTool ? calls : []), "Noted."]);
        const keeper = scriptedModel([...(isTool ? [] : calls), "Nothing to change."]);
        const settings = {
          id: "ours",
          model,
          db: own,
          ...(isTool ? { agenticMemory: true } : { updateMemoryOnRun: true, awaitMemories: true }),
          memoryManager: new MemoryManager({ model: keeper }),
        };
        await using component =
          kind === "agent"
            ? new Agent(settings)
            : new Team({ ...settings, members: [new Agent({ id: "member", model: scriptedModel([]) })] });
        const { memoryError } = await component.run(text, { userId });
        expect(memoryError).toBeNull();
        return shown(model.prompts[0] ?? []).find((message) => message.startsWith("system: ")) ?? "";
      };

      const named = `${kind} on ${name}`;
      // The sessions of its older releases have another form.
      const db = await shared.openIn(agno, { session_table: "sessions_of_agno" });
      const option = theirs === "by a tool" ? { enable_agentic_memory: true } : { update_memory_on_run: true };
      const members = kind === "team" && { members: [{ name: "member" }] };
      await agno.call(kind, { name: named, db, ...option, memory_manager: {}, ...members });
      let sessions = 0;
      /** A turn of Agno's component, in a new session. Resolves with the system message that its model is shown. */
      const turnOfAgno = async (userId: string, text: string, calls: readonly Call[]): Promise<string> => {
        sessions += 1;
        const told: ScriptedAnswer[] =
          theirs === "by a tool" ? [{ tools: [{ name: "update_user_memory", arguments: { task: text } }] }] : [];
        const { run, shown: asked } = await agno.run(named, text, {
          user_id: userId,
          session_id: `theirs ${sessions}`,
          scripts: {
            [named]: [...(calls.length > 0 ? told : []), { text: "Nice" }],
            [`${named} memory`]: [...(calls.length > 0 ? [{ tools: calls }] : []), { text: "done" }],
          },
        });
        expect(run["content"]).toBe("Nice");
        return JSON.stringify(asked[named]?.[0]?.[0]?.content);
      };

      const memoriesOf = async () => (await own.memories?.getMemories({ userId: "ada" }))?.memories ?? [];
      const textsOf = async () => (await memoriesOf()).map(({ memory }) => memory).toSorted();
      const idOf = async (text: string) => (await memoriesOf()).find(({ memory }) => memory === text)?.memoryId ?? "";

      // What ours was told, Agno's is shown, changes, and adds to.
      const facts = [{ memory: "Isst gern Äpfel", topics: ["Küche"] }, { memory: "Has a cat" }];
      await turnOfOurs("ada", "Ich esse gern Äpfel, and I have a cat", { add: facts });
      expect(await textsOf()).toEqual(["Has a cat", "Isst gern Äpfel"]);
      const systemOfAgno = await turnOfAgno("ada", "I moved to Zürich, and I have two cats now", [
        { name: "add_memory", arguments: { memory: "Lives in Zürich", topics: ["place"] } },
        {
          name: "update_memory",
          arguments: { memory_id: await idOf("Has a cat"), memory: "Has two cats", topics: [] },
        },
      ]);
      expect(systemOfAgno).toContain("Isst gern Äpfel");
      expect(systemOfAgno).not.toContain("Likes tea");
      expect(await textsOf()).toEqual(["Has two cats", "Isst gern Äpfel", "Lives in Zürich"]);

      // The reverse, with an id that Agno made.
      const systemOfOurs = await turnOfOurs("ada", "I moved to Oslo. Forget the apples.", {
        update: [{ memory_id: await idOf("Lives in Zürich"), memory: "Lives in Oslo", topics: ["place"] }],
        remove: [await idOf("Isst gern Äpfel")],
      });
      for (const text of ["Isst gern Äpfel", "Has two cats", "Lives in Zürich"]) {
        expect(systemOfOurs).toContain(text);
      }
      expect(systemOfOurs).not.toContain("Likes tea");
      const after = await turnOfAgno("ada", "Hello", []);
      expect(after).toContain("Lives in Oslo");
      expect(after).not.toMatch(/Zürich|Äpfel/);

      // Each sees the other user's memories in that user's runs alone.
      for (const system of [await turnOfOurs("bob", "Hello", null), await turnOfAgno("bob", "Hello", [])]) {
        expect(system).toContain("Likes tea");
        expect(system).not.toContain("Oslo");
      }
      const changed = (await memoriesOf()).find(({ memory }) => memory === "Lives in Oslo");
      expect(changed).toMatchObject({ [`${kind}Id`]: "ours", topics: ["place"] });
    });
  });
});
