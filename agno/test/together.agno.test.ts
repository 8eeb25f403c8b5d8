import { rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Agent } from "@sessiondb/agent";
import { expect, test } from "vitest";
import { scriptedModel, shown } from "@sessiondb/testing/scripted-model";
import { sessionThere } from "./comparisons.ts";
import { startAgno, withAgnoOnEach } from "./support.ts";

const processes = Array.from({ length: 4 }, () => startAgno());
const [agno = startAgno()] = processes;
const count = 25;

withAgnoOnEach((_name, fresh) => {
  test("both sides continue one conversation in turn", { timeout: 60_000 }, async () => {
    const shared = await fresh();
    await using db = shared.open();
    const there = await shared.openIn(agno);
    await agno.call("agent", { name: "bot", db: there, add_history_to_context: true });
    const session = { sessionType: "agent", sessionId: "s", agentId: "bot", userId: "ada" } as const;
    const messages = (question: string, answer: string) => [
      { role: "user", content: question },
      { role: "assistant", content: answer },
    ];
    await db.upsertRun({
      session,
      run: { runType: "agent", runId: "r1", agentId: "bot", status: "COMPLETED", messages: messages("one?", "one") },
    });
    const second = await agno.run("bot", "two?", {
      session_id: "s",
      user_id: "ada",
      scripts: { bot: [{ text: "two" }] },
    });
    expect(second.shown["bot"]?.[0]?.map(({ content }) => content)).toEqual(["one?", "one", "two?"]);
    await db.upsertRun({
      session,
      run: {
        runType: "agent",
        runId: "r3",
        agentId: "bot",
        status: "COMPLETED",
        messages: messages("three?", "three"),
      },
    });
    const found = await db.getSession({ sessionId: "s", userId: "ada" });
    const texts = ["one?", "one", "two?", "two", "three?", "three"];
    expect(found?.messages.filter((each) => each.fromHistory !== true).map(({ content }) => content)).toEqual(texts);
    const fourth = await agno.run("bot", "four?", {
      session_id: "s",
      user_id: "ada",
      scripts: { bot: [{ text: "four" }] },
    });
    expect(fourth.shown["bot"]?.[0]?.map(({ content }) => content)).toEqual([...texts, "four?"]);
  });

  test(
    "four writers of each side append to one session: no run is lost, and both read one order",
    { timeout: 120_000 },
    async () => {
      const shared = await fresh();
      const stores = processes.map(() => shared.open());
      const [db = shared.open()] = stores;
      const session = { sessionType: "agent", sessionId: "s", agentId: "bot", userId: "ada" } as const;
      await db.upsertSession(session);
      const turns = Array.from({ length: count }, (_, index) => index);
      const ours = stores.map(async (store, writer) => {
        for (const turn of turns) {
          const run = { runType: "agent", runId: `ours ${writer} ${turn}`, agentId: "bot" } as const;
          await store.upsertRun({ session, run });
        }
      });
      const theirs = processes.map(async (each, writer) => {
        const there = await shared.openIn(each);
        await each.call("agent", { name: "bot", db: there });
        for (const turn of turns) {
          const options = { session_id: "s", user_id: "ada", run_id: `theirs ${writer} ${turn}` };
          await each.run("bot", `Question ${turn}`, { ...options, scripts: { bot: [{ text: "Yes." }] } });
        }
        return there;
      });
      const [there = ""] = await Promise.all(theirs);
      await Promise.all(ours);
      const ids = (await db.getSession({ sessionId: "s" }))?.runs.map(({ runId }) => runId) ?? [];
      const expected = ["ours", "theirs"].flatMap((side) =>
        processes.flatMap((_, writer) => turns.map((turn) => `${side} ${writer} ${turn}`)),
      );
      expect(ids.toSorted()).toEqual(expected.toSorted());
      const { runs } = (await sessionThere({ db, agno, there }, "s", "agent")) as { runs: { run_id: string }[] };
      expect(runs.map((run) => run.run_id)).toEqual(ids);
      await Promise.all(stores.map((store) => store.close()));
    },
  );

  test.each(["ours", "Agno's"])(
    "a turn during a turn of %s: both are kept, and the next turn sees both",
    async (outer) => {
      const shared = await fresh();
      await using db = shared.open();
      const there = await shared.openIn(agno);
      await agno.call("agent", { name: "bot", db: there, add_history_to_context: true });
      const scope = { sessionId: "s", userId: "ada" };
      const ours = async (question: string, answer: () => Promise<string>) => {
        const model = scriptedModel(answer);
        await new Agent({ id: "bot", db, model }).run(question, scope);
        return shown(model.prompts[0] ?? []);
      };
      const theirs = (question: string, answer: object) =>
        agno.run("bot", question, { session_id: "s", user_id: "ada", scripts: { bot: [answer] } });
      await ours("First", async () => "One");
      if (outer === "ours") {
        await ours("Outer", async () => {
          await theirs("Inner", { text: "Two" });
          return "Three";
        });
      } else {
        const gate = join(tmpdir(), `sessiondb-agno-${crypto.randomUUID()}`);
        const waiting = theirs("Outer", { text: "Three", wait: gate });
        await ours("Inner", async () => "Two");
        writeFileSync(gate, "");
        await waiting;
        rmSync(gate);
      }
      expect((await db.getSession({ sessionId: "s" }))?.runs.map(({ status }) => status)).toEqual(
        Array.from({ length: 3 }, () => "COMPLETED"),
      );
      const told = (await theirs("Last", { text: "Four" })).shown["bot"]?.[0]?.map(({ content }) => content);
      expect(told?.toSorted()).toEqual(["First", "Inner", "Last", "One", "Outer", "Three", "Two"]);
      expect((await ours("Really", async () => "Five")).filter((line) => /^(user|assistant)/.test(line))).toHaveLength(
        9,
      );
    },
  );
});
