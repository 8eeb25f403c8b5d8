import { InMemorySessionDb, type Run, type SessionType } from "@sessiondb/core";
import { describe, expect, test } from "vitest";
import { Agent, Team, Workflow } from "@sessiondb/agent";
import { scriptedModel, shown } from "@sessiondb/testing/scripted-model";

const kinds = ["agent", "team", "workflow"] as const;
const longAgo = 1_700_000_000;
const user = { role: "user", content: "Are you there?" };
const greeting = { role: "assistant", content: "Welcome!" };

/** A run as somebody else's process left it: of the kind of the session, or of an agent in it. */
function runOf(kind: SessionType, fields: Partial<Run>): Run {
  const ids = { agent: { agentId: "one" }, team: { teamId: "one" }, workflow: { workflowId: "one" } }[kind];
  return { runType: kind, runId: "theirs", userId: "ada", createdAt: longAgo, ...ids, ...fields } as Run;
}

function sessionOf(kind: SessionType) {
  return { sessionType: kind, sessionId: "s", userId: "ada", [`${kind}Id`]: "one" } as const;
}

function componentOf(kind: SessionType, db: InMemorySessionDb) {
  const model = scriptedModel(() => "Yes.");
  const common = { id: "one", db, staleAfter: 0 };
  const member = new Agent({ id: "member", model: scriptedModel([]) });
  const component = {
    agent: () => new Agent({ ...common, model }),
    team: () => new Team({ ...common, model, members: [member] }),
    workflow: () => new Workflow({ ...common, steps: [() => "Yes."] }),
  }[kind]();
  return { model, run: () => component.run("Go on", { sessionId: "s", userId: "ada" }) };
}

describe.each(kinds)("a run left unfinished: %s", (kind) => {
  const conversation = kind === "workflow" ? {} : { messages: [user] };
  const left: Readonly<Record<string, Partial<Run>>> = {
    "in the background": { status: "RUNNING", ...conversation },
    "waiting for its turn": { status: "PENDING" },
    "as an introduction": { status: "RUNNING", ...(kind === "workflow" ? {} : { messages: [greeting] }) },
    "with words of its own": { status: "RUNNING", extra: { worker: "w1" }, ...conversation },
    paused: { status: "PAUSED", ...conversation },
  };
  test.each(Object.entries(left))("%s stays unchanged", async (_name, fields) => {
    const db = new InMemorySessionDb();
    await db.upsertRun({ session: sessionOf(kind), run: runOf(kind, fields) });
    const before = await db.getRun({ runId: "theirs" });
    const { run } = componentOf(kind, db);
    await run();
    await run();
    expect(await db.getRun({ runId: "theirs" })).toEqual(before);
  });

  test("is closed, and loses our mark, if our own process left it", async () => {
    const db = new InMemorySessionDb();
    const dead = componentOf(kind, db);
    const upsert = db.upsertRun.bind(db);
    let rows = 0;
    db.upsertRun = (options) => ((rows += 1) === 1 ? upsert(options) : Promise.reject(new Error("dead")));
    await dead.run().catch(() => null);
    db.upsertRun = upsert;
    const { runs } = await db.getRuns({ sessionId: "s" });
    expect(runs).toMatchObject([{ status: "RUNNING", extra: { sessiondb_running_since: expect.any(Number) } }]);
    await new Promise((resolve) => setTimeout(resolve, 1100));
    await componentOf(kind, db).run();
    const after = await db.getRuns({ sessionId: "s" });
    expect(after.runs.map(({ status, extra }) => [status, extra ?? {}])).toEqual([
      // A workflow can go on with it.
      ["ERROR", kind === "workflow" ? { sessiondb_steps: 1 } : {}],
      ["COMPLETED", {}],
    ]);
  });
});

test.each(["agent", "team"] as const)("Agno's introduction is part of the history: %s", async (kind) => {
  const db = new InMemorySessionDb();
  const others: readonly Partial<Run>[] = [
    { status: "RUNNING", messages: [greeting], content: "Welcome!" },
    { status: "RUNNING", messages: [user] },
    { status: "RUNNING", messages: [user, { role: "assistant", content: "Half an answer" }] },
    { status: "RUNNING", messages: [] },
    {
      status: "RUNNING",
      messages: [{ role: "assistant", content: "Ours, half" }],
      extra: { sessiondb_running_since: 1 },
    },
    { status: "RUNNING", messages: [{ role: "assistant", content: "Asked" }], input: { inputContent: "Well?" } },
    { status: "PAUSED", messages: [{ role: "assistant", content: "Waiting" }] },
  ];
  for (const [index, fields] of others.entries()) {
    await db.upsertRun({ session: sessionOf(kind), run: runOf(kind, { ...fields, runId: `r${index}` }) });
  }
  const { model, run } = componentOf(kind, db);
  await run();
  const asked = shown(model.prompts[0] ?? []).filter((line) => !line.startsWith("system"));
  expect(asked).toEqual(["user: (The assistant speaks first.)", "assistant: Welcome!", "user: Go on"]);
});
