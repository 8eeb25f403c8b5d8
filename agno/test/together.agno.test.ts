import { expect, test } from "vitest";
import { startAgno, withAgnoOnEach } from "./support.ts";

withAgnoOnEach((_name, fresh) => {
  const agno = startAgno();

  test("a conversation goes on in turn", { timeout: 60_000 }, async () => {
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
});
